import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { builtFolder } from "../support/build-programs.ts";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/faults/*.test.ts"],
    pool: "forks",
    maxWorkers: 3,
    globalSetup: "test/support/build-programs.ts",
    env: {
      BUILT_PROGRAMS: builtFolder,
      NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/treekeeper", import.meta.url)),
    },
    // For what hangs: how long a test takes on a busy machine decides nothing.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
