import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { builtFolder } from "./test/support/build-programs.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Processes that are killed, disks that fill: a command of its own, `npm run test:faults`.
    exclude: [...configDefaults.exclude, "test/faults/**"],
    pool: "forks",
    // Most files wait for disks, processes and sockets: one worker for each core but one would leave cores idle.
    maxWorkers: 3,
    // The servers and commands that tests start read the same sources hundreds of times.
    globalSetup: "test/support/build-programs.ts",
    env: {
      BUILT_PROGRAMS: builtFolder,
      NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/treekeeper", import.meta.url)),
    },
    // For what hangs: how long a test takes on a busy machine decides nothing.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
