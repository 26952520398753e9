import { configDefaults } from "vitest/config";
import { suite, withPrograms } from "./test/support/suite.ts";

/** Each is a command of its own: processes that are killed, a browser, stories that take their time. */
const ownCommands = ["faults", "browser", "examples", "scorecard", "etcd"].map(
  (folder) => `test/${folder}/**`,
);

export default suite({
  ...withPrograms,
  include: ["test/**/*.test.ts"],
  exclude: [...configDefaults.exclude, ...ownCommands],
  // Most files wait for disks, processes and sockets: one worker for each core but one would leave cores idle.
  maxWorkers: 3,
  testTimeout: 120_000,
  hookTimeout: 120_000,
});
