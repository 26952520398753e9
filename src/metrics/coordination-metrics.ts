// Metrics of who waits for locks, elections and barriers, and of who listens.

import { gauge, type MetricTable } from "./metric.ts";

export const coordinationMetrics: MetricTable = {
  treekeeper_waiting_requests: gauge(
    "Requests that were let in to wait for a lock, an election or a barrier.",
    ({ stats }) => stats.coordination.waiters,
  ),
  treekeeper_waiting_requests_max: gauge(
    "Requests that may wait for a lock, an election or a barrier, --claim-waiters-max.",
    ({ stats }) => stats.coordination.waitersMax,
  ),
  treekeeper_waiters: gauge(
    "Requests that wait now, by what they wait for.",
    ({ stats: { coordination } }) => [
      { labels: { kind: "lock" }, value: coordination.lockWaiters },
      { labels: { kind: "election" }, value: coordination.electionWaiters },
      { labels: { kind: "barrier" }, value: coordination.barrierWaiters },
    ],
    ["kind"],
  ),
  treekeeper_holder_streams: gauge(
    "Streams of holders of locks and elections.",
    ({ stats }) => stats.coordination.listeners,
  ),
};
