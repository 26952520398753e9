import { suite, withPrograms } from "../support/suite.ts";

export default suite({
  ...withPrograms,
  include: ["test/browser/*.test.ts"],
  maxWorkers: 3,
  testTimeout: 120_000,
  hookTimeout: 120_000,
});
