import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/ops/*.ops.ts"],
    pool: "forks",
    // Each installs packages: two at a time take longer.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 400_000,
  },
});
