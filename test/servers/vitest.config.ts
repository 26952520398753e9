import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/servers/*.servers.ts"],
    pool: "forks",
    // The servers of one seed and the suite that asks them are a process each; two seeds fill each other's waits.
    maxConcurrency: 2,
    // For what hangs.
    testTimeout: 600_000,
  },
});
