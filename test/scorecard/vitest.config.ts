// The questions of test/conformance put to the servers in TREEKEEPER_URL: nothing is built for them, and nothing started.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/conformance/*.test.ts"],
    pool: "forks",
    isolate: false,
    maxWorkers: 2,
    // For what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
