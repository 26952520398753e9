// Metrics of sessions: how many there are, and how they end.

import { counter, gauge, histogram, type MetricTable, msPerSecond, seconds } from "./metric.ts";

export const sessionMetrics: MetricTable = {
  treekeeper_sessions: gauge("Sessions that are open.", ({ stats }) => stats.sessions.open),
  treekeeper_sessions_of_one_client: gauge(
    "Sessions of the client that has opened most of them here.",
    ({ stats }) => stats.sessions.ofOneClient,
  ),
  treekeeper_sessions_of_one_client_max: gauge(
    "Sessions that one client may have, --sessions-per-client-max.",
    ({ stats }) => stats.sessions.ofOneClientMax,
  ),
  treekeeper_sessions_restored: gauge(
    "Sessions that were there at the start.",
    ({ stats }) => stats.sessions.restored,
  ),
  treekeeper_session_fresh_timeouts_total: counter(
    "Timeouts that began anew in full since this server began to measure them, at its start or in place of another.",
    ({ stats }) => stats.sessions.freshTimeoutsTotal,
  ),
  treekeeper_sessions_opened_total: counter(
    "Sessions that were opened.",
    ({ stats }) => stats.sessions.openedTotal,
  ),
  treekeeper_sessions_closed_total: counter(
    "Sessions that were closed.",
    ({ stats }) => stats.sessions.closedTotal,
  ),
  treekeeper_sessions_expired_total: counter(
    "Sessions that ended for their silence.",
    ({ stats }) => stats.sessions.expiredTotal,
  ),
  treekeeper_session_refused_closes_total: counter(
    "Ends of sessions that the store refused, and that are asked for again.",
    ({ stats }) => stats.sessions.refusedClosesTotal,
  ),
  treekeeper_session_expiry_lateness_seconds: histogram(
    "Between the end of a timeout and its being noticed.",
    ({ parts }) => parts.sessions.expiryLatenessMs,
    msPerSecond,
  ),
  treekeeper_stalls_total: counter(
    "Pauses of the process that were held against no session.",
    ({ stats }) => stats.sessions.stallsTotal,
  ),
  treekeeper_stalled_seconds_total: counter(
    "How long the process paused without holding it against any session.",
    ({ stats }) => seconds(stats.sessions.stalledMsTotal),
  ),
};
