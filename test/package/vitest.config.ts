import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/package/*.checks.ts"],
    pool: "forks",
    // Each installs packages, which keeps a machine busy.
    fileParallelism: false,
    globalSetup: "test/package/packed.ts",
    // For what hangs: an installation may have to wait for a registry.
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
