import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { builtFolder } from "../support/build-programs.ts";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/proxies/*.proxies.ts"],
    pool: "forks",
    globalSetup: "test/support/build-programs.ts",
    env: {
      BUILT_PROGRAMS: builtFolder,
      NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/treekeeper", import.meta.url)),
    },
    // For what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
