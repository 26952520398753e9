// The log in etcd keeps what every log keeps, on one member and on three.

import { afterAll } from "vitest";
import { describeLog } from "../store/log-suite.ts";
import { etcdHome } from "./etcd-home.ts";
import { Etcd } from "./etcd-process.ts";

for (const count of [1, 3]) {
  const etcd = await Etcd.start(count);
  afterAll(() => etcd.stop());
  describeLog(`etcd x ${count}`, () => etcdHome(etcd.endpoints));
}
