import { suite } from "../support/suite.ts";

export default suite({
  include: ["test/package/*.checks.ts"],
  // Each installs packages, which keeps a machine busy.
  fileParallelism: false,
  globalSetup: "test/package/packed.ts",
  // An installation may have to wait for a registry.
  testTimeout: 180_000,
  hookTimeout: 300_000,
});
