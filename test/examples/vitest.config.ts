import { suite, withPrograms } from "../support/suite.ts";

export default suite({
  ...withPrograms,
  // What users run of the project besides the service: the examples, and the questions to any server.
  include: ["test/examples/*.test.ts", "test/scorecard/*.test.ts"],
  maxWorkers: 3,
  testTimeout: 120_000,
  hookTimeout: 120_000,
});
