// Metrics of a write's way: the line in front of the log, the log, and what is done at each place of it.

import { counter, gauge, histogram, type MetricTable, msPerSecond, seconds } from "./metric.ts";

export const logMetrics: MetricTable = {
  treekeeper_queued_commands: gauge(
    "Writes that wait to be sent to the log.",
    ({ stats }) => stats.proposer.queuedCommands,
  ),
  treekeeper_queued_commands_max: gauge(
    "Writes that may wait to be sent to the log, --queue-commands-max.",
    ({ stats }) => stats.proposer.queuedCommandsMax,
  ),
  treekeeper_queued_bytes: gauge(
    "Bytes of the writes that wait to be sent to the log.",
    ({ stats }) => stats.proposer.queuedBytes,
  ),
  treekeeper_queued_bytes_max: gauge(
    "Bytes of writes that may wait, --queue-bytes-max.",
    ({ stats }) => stats.proposer.queuedBytesMax,
  ),
  treekeeper_turned_away_commands_total: counter(
    "Writes that were refused for want of a place in the line.",
    ({ stats }) => stats.proposer.turnedAwayCommandsTotal,
  ),
  treekeeper_in_flight_entries: gauge(
    "Entries that were sent to the log and are not done.",
    ({ stats }) => stats.proposer.inFlightEntries,
  ),
  treekeeper_in_flight_commands: gauge(
    "Writes in entries that were sent to the log and are not done.",
    ({ stats }) => stats.proposer.inFlightCommands,
  ),
  treekeeper_oldest_append_seconds: gauge(
    "How long the log has not answered what was sent to it first; 0 when it owes no answer.",
    ({ stats }) => seconds(stats.proposer.oldestAppendMs),
  ),
  treekeeper_entry_duration_seconds: histogram(
    "From when an entry is sent to the log until its writes are durable, done and answered.",
    ({ parts }) => parts.store.histograms.entryMs,
    msPerSecond,
  ),
  treekeeper_entry_commands: histogram(
    "Writes that were sent as one entry.",
    ({ parts }) => parts.store.histograms.entryCommands,
  ),
  treekeeper_entry_size_bytes: histogram(
    "Length of entries.",
    ({ parts }) => parts.store.histograms.entryBytes,
  ),
  treekeeper_commit_duration_seconds: histogram(
    "How long the writing thread took to commit and sync what it was sent: one fsync.",
    ({ parts }) => parts.backstage.storage?.commitMs,
    msPerSecond,
  ),
  treekeeper_pending_appends: gauge(
    "Entries that the writing thread has not answered.",
    ({ stats }) => stats.storage?.pendingAppends,
  ),
  treekeeper_log_position: gauge(
    "The last entry of the log that was done.",
    ({ stats }) => stats.replica.appliedLsn,
  ),
  treekeeper_apply_duration_seconds: histogram(
    "How long the event loop took to decide, do and tell an entry.",
    ({ parts }) => parts.store.histograms.applyMs,
    msPerSecond,
  ),
  treekeeper_transaction_changes: histogram(
    "Changes in one transaction; their number is that of transactions.",
    ({ parts }) => parts.store.histograms.txnChanges,
  ),
  treekeeper_refused_commands_total: counter(
    "Writes that were refused at their place in the log.",
    ({ stats }) => stats.replica.refusedCommandsTotal,
  ),
};
