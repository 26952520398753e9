// Metrics of what is on the disk: tables, the write-ahead log, the database file, and backups of it.

import { counter, gauge, type MetricTable, seconds } from "./metric.ts";

export const storageMetrics: MetricTable = {
  treekeeper_table_waiting_rows: gauge(
    "Rows that are to be written behind.",
    ({ stats }) => stats.tables?.waitingRows,
  ),
  treekeeper_table_lag_entries: gauge(
    "Entries of the log that the tables do not reflect yet.",
    ({ stats }) => stats.tables?.lagEntries,
  ),
  treekeeper_table_writes_total: counter(
    "Writes of rows into the tables, behind the log.",
    ({ stats }) => stats.tables?.writesTotal,
  ),
  treekeeper_table_write_seconds_total: counter("Time that writes of rows took.", ({ stats }) =>
    seconds(stats.tables?.writeMsTotal),
  ),
  treekeeper_wal_bytes: gauge(
    "What stands in SQLite's write-ahead log since it last started anew.",
    ({ stats }) => stats.storage?.walBytes,
  ),
  treekeeper_wal_file_bytes: gauge(
    "Length of the file of SQLite's write-ahead log.",
    ({ stats }) => stats.storage?.walFileBytes,
  ),
  treekeeper_wal_bytes_max: gauge(
    "Length of the write-ahead log at which it is said that a reader keeps it from being emptied, --wal-bytes-max.",
    ({ stats }) => stats.storage?.walBytesMax,
  ),
  treekeeper_wal_blocked_seconds: gauge(
    "For how long a reader of the file has kept the write-ahead log from being emptied; 0 when none does.",
    ({ stats }) => seconds(stats.storage?.walBlockedMs),
  ),
  treekeeper_checkpoints_total: counter(
    "Checkpoints of the write-ahead log.",
    ({ stats }) => stats.storage?.checkpointsTotal,
  ),
  treekeeper_checkpoint_seconds_total: counter("Time that checkpoints took.", ({ stats }) =>
    seconds(stats.storage?.checkpointMsTotal),
  ),
  treekeeper_database_bytes: gauge(
    "Length of the database file.",
    ({ stats }) => stats.storage?.databaseBytes,
  ),
  treekeeper_database_empty_bytes: gauge(
    "Bytes of the database file that hold nothing.",
    ({ stats }) => stats.storage?.emptyBytes,
  ),
  treekeeper_disk_free_bytes: gauge(
    "What the disk of the data directory has left for the service.",
    ({ stats }) => stats.storage?.diskFreeBytes,
  ),
  treekeeper_disk_free_bytes_min: gauge(
    "With about less than this left on the disk the service takes no writes, --free-bytes-min.",
    ({ stats }) => stats.storage?.diskFreeBytesMin,
  ),

  treekeeper_backups_total: counter("Backups that were taken.", ({ stats }) => stats.backups?.taken),
  treekeeper_last_backup_timestamp_seconds: gauge(
    "When the last backup was begun, since 1970, of those since the start and in --backup-dir; 0 where there is none.",
    ({ stats }) =>
      seconds(Math.max(stats.backups?.lastBackupMs ?? 0, stats.scheduledBackups?.lastBackupMs ?? 0)),
  ),
  treekeeper_scheduled_backup_failures_total: counter(
    "Backups for --backup-dir that could not be taken, and runs of --backup-command that failed.",
    ({ stats }) => stats.scheduledBackups?.failures ?? 0,
  ),
};
