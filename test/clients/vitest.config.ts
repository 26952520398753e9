import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { builtFolder } from "../support/build-programs.ts";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/clients/*.clients.ts"],
    pool: "forks",
    // Compilers take all cores they find; the second client is there for the time in which a generator uses one.
    maxWorkers: 1,
    maxConcurrency: 2,
    globalSetup: "test/support/build-programs.ts",
    env: {
      BUILT_PROGRAMS: builtFolder,
      NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/treekeeper", import.meta.url)),
    },
    // For what hangs: a first build fetches what it needs.
    testTimeout: 900_000,
    hookTimeout: 60_000,
  },
});
