// Metrics of servers that follow another one.

import { gauge, type MetricTable, msPerSecond } from "./metric.ts";

export const followerMetrics: MetricTable = {
  treekeeper_followers: gauge("Servers that read the log of this one.", ({ stats }) => stats.followers.count),
  treekeeper_recent_entries: gauge(
    "Log entries in memory, for servers that follow this one.",
    ({ stats }) => stats.followers.keptEntries,
  ),
  treekeeper_recent_entry_bytes: gauge("What they take.", ({ stats }) => stats.followers.keptBytes),
  treekeeper_followed_lag_entries: gauge(
    "Log entries that the server that is followed is known to have and this one lacks; absent where none is followed.",
    ({ stats }) => stats.followed?.entries,
  ),
  treekeeper_followed_lag_seconds: gauge(
    "For how long this server has not been known to have all that the one it follows has.",
    ({ stats }) => (stats.followed === null ? null : stats.followed.ms / msPerSecond),
  ),
};
