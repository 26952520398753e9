import { suite } from "../support/suite.ts";

export default suite({
  include: ["test/etcd/*.test.ts"],
  maxWorkers: 1,
  testTimeout: 120_000,
  hookTimeout: 120_000,
});
