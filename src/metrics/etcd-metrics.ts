// Metrics of a log in etcd, and of the servers that share it.

import { counter, gauge, type MetricTable, seconds } from "./metric.ts";

export const etcdMetrics: MetricTable = {
  treekeeper_servers: gauge(
    "Servers of the same service over etcd, this one among them: heard of lately, and silent for 15 seconds or more.",
    ({ stats: { etcd } }) =>
      etcd === null
        ? null
        : [
            { labels: { state: "heard" }, value: etcd.heardServers },
            { labels: { state: "silent" }, value: etcd.silentServers },
          ],
    ["state"],
  ),
  treekeeper_etcd_log_entries: gauge(
    "Entries in etcd's log since the last snapshot, as counted every ten seconds.",
    ({ stats }) => stats.etcd?.entries,
  ),
  treekeeper_etcd_log_bytes: gauge(
    "Bytes of those entries in etcd's log that this server has read.",
    ({ stats }) => stats.etcd?.bytes,
  ),
  treekeeper_etcd_log_lag_entries: gauge(
    "Entries that are known to be in etcd's log and are not done here.",
    ({ stats: { etcd, replica } }) => etcd && Math.max(0, etcd.endLsn - replica.appliedLsn),
  ),
  treekeeper_etcd_log_lag_seconds: gauge(
    "How long this server has not been level with the end of etcd's log.",
    ({ stats }) => seconds(stats.etcd?.lagMs),
  ),
  treekeeper_etcd_suspended_seconds_total: counter(
    "How long etcd has been out of reach, all times together.",
    ({ stats }) => seconds(stats.etcd?.suspendedMsTotal),
  ),
  treekeeper_etcd_calls_total: counter("Calls to etcd.", ({ stats }) => stats.etcd?.callsTotal),
  treekeeper_etcd_failed_calls_total: counter(
    "Calls to etcd that were not answered, or were refused.",
    ({ stats }) => stats.etcd?.failedCallsTotal,
  ),
  treekeeper_etcd_db_bytes: gauge(
    "Size of etcd's file, at the member where it is largest.",
    ({ stats }) => stats.etcd?.dbBytes,
  ),
  treekeeper_etcd_db_in_use_bytes: gauge(
    "Bytes of etcd's file that hold something, at the member where they are most.",
    ({ stats }) => stats.etcd?.dbBytesInUse,
  ),
  treekeeper_etcd_quota_bytes: gauge(
    "What etcd's file may have, --etcd-quota-bytes.",
    ({ stats }) => stats.etcd?.quotaBytes,
  ),
  treekeeper_etcd_alarms: gauge("Alarms that etcd's members have raised.", ({ stats }) => stats.etcd?.alarms),
  treekeeper_etcd_throttled_writes_total: counter(
    "Writes that were put off since etcd's quota is nearly used up.",
    ({ stats }) => stats.etcd?.throttledTotal,
  ),
  treekeeper_etcd_snapshots_total: counter(
    "Snapshots that this server has put into etcd in the place of the log.",
    ({ stats }) => stats.snapshots?.taken,
  ),
  treekeeper_etcd_snapshot_failures_total: counter(
    "Snapshots for etcd that this server could not take or put.",
    ({ stats }) => stats.snapshots?.failures,
  ),
  treekeeper_etcd_last_snapshot_timestamp_seconds: gauge(
    "When this server last put a snapshot into etcd, since 1970; 0 where it has put none.",
    ({ stats }) => seconds(stats.snapshots?.takenAtMs),
  ),
};
