// The questions of test/conformance put to the servers in TREEKEEPER_URL: nothing is built for them, and nothing started.

import { suite } from "../support/suite.ts";

export default suite({
  include: ["test/conformance/*.test.ts"],
  isolate: false,
  maxWorkers: 2,
  testTimeout: 120_000,
  hookTimeout: 120_000,
});
