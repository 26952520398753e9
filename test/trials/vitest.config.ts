import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/trials/*.trials.ts"],
    pool: "forks",
    // One after the other: what is measured is time.
    maxWorkers: 1,
    fileParallelism: false,
    env: {
      NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/treekeeper", import.meta.url)),
    },
    hookTimeout: 60_000,
  },
});
