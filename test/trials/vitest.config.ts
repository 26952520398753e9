import { suite, withPrograms } from "../support/suite.ts";

export default suite({
  ...withPrograms,
  include: ["test/trials/*.trials.ts"],
  // One after the other: what is measured is time.
  maxWorkers: 1,
  fileParallelism: false,
  hookTimeout: 60_000,
});
