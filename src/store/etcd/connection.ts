// The connection to etcd, as far as etcd is special.

import type { Clock } from "../../clock.ts";
import { LogConnection, type Paces } from "../log-connection.ts";
import { isOfTheWay } from "./etcd-errors.ts";

export const usualPaces: Paces = { suspendAfterMs: 2500, probeEveryMs: 1000, retryMs: 100 };

export function connectionToEtcd(clock: Clock, paces: Paces): LogConnection {
  return new LogConnection({ name: "etcd", isOfTheWay }, clock, paces);
}
