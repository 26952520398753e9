// A log in etcd as the suite over logs opens it: each place has keys of its own.

import { systemClock } from "../../src/clock.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import type { Home } from "../store/log-homes.ts";

let places = 0;

export function etcdHome(endpoints: readonly string[]): Home {
  places += 1;
  const prefix = `/place-${places}/`;
  return {
    async open() {
      const log = await EtcdLog.open({ client: new EtcdClient({ endpoints }), clock: systemClock, prefix });
      let lsn = 0;
      return {
        log,
        async reflect(upTo) {
          lsn = upTo;
        },
        covering: () => ({ lsn, zxid: lsn, digest: "" }),
        close: () => log.close(),
      };
    },
    remove() {},
  };
}
