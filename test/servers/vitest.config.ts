import { suite } from "../support/suite.ts";

export default suite({
  include: ["test/servers/*.servers.ts"],
  // The servers of one seed and the suite that asks them are a process each; two seeds fill each other's waits.
  maxConcurrency: 2,
  testTimeout: 600_000,
});
