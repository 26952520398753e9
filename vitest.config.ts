import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Most files wait for disks, processes and sockets: one worker for each core but one would leave cores idle.
    maxWorkers: 3,
    // The servers and commands that tests start read the same sources hundreds of times.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/treekeeper", import.meta.url)) },
    // For what hangs: how long a test takes on a busy machine decides nothing.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
