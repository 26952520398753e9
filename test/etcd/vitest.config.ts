import { suite, withPrograms } from "../support/suite.ts";

export default suite({
  ...withPrograms,
  include: ["test/etcd/*.test.ts"],
  maxWorkers: 1,
  testTimeout: 300_000,
  hookTimeout: 120_000,
});
