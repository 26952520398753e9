// A log in etcd as the suite over logs opens it: each place has keys of its own.

import { systemClock } from "../../src/clock.ts";
import { usualPaces } from "../../src/store/etcd/connection.ts";
import type { EtcdCalls } from "../../src/store/etcd/etcd-calls.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { isCompacted } from "../../src/store/etcd/etcd-errors.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { below } from "../../src/store/etcd/keys.ts";
import type { Home } from "../store/log-homes.ts";

/** So that what waits for a look at the tail, or is asked again, does not wait long. */
export const paces = { ...usualPaces, probeEveryMs: 50, retryMs: 5 };

let places = 0;

/** @param through what each log that is opened speaks to etcd by */
export function etcdHome(
  endpoints: readonly string[],
  through: (client: EtcdCalls) => EtcdCalls = (client) => client,
): Home {
  places += 1;
  const prefix = `/place-${places}/`;
  const direct = new EtcdClient({ endpoints });
  return {
    async open() {
      const log = await EtcdLog.open({ client: through(direct), clock: systemClock, prefix, paces });
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
    /** What is behind the last test is not what etcd has to keep. */
    async remove() {
      const { header } = await direct.txn({ compare: [], success: [{ deleteRange: below(prefix) }] });
      await direct.compact(header.revision).catch((error: unknown) => {
        // Others may have been faster.
        if (!isCompacted(error)) throw error;
      });
    },
  };
}
