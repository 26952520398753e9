// The table of metrics: one row for each, with its type, what it tells, its labels, and where its value comes from. Names
// and units are as Prometheus has them. `/metrics`, docs/metrics.md and the test that moves each follow from it. No label
// has more values than there are routes, statuses or codes: none says a path of the tree, or who anybody is.

import type { Histogram } from "./histogram.ts";
import {
  type Labels,
  lineOf,
  linesOfFamily,
  linesOfHistogram,
  type MetricType,
  type Sample,
} from "./metrics-text.ts";
import type { RequestCounts, RouteCounts } from "./routes/http/request-counts.ts";
import type { CheckReport } from "./routes/operations/health-checks.ts";
import type { MeasuredParts, PartsStats } from "./stats.ts";
import type { LogState } from "./store/commit-log.ts";

/** What values are taken from, all of one moment. */
export interface MetricsSource {
  readonly stats: PartsStats;
  readonly parts: MeasuredParts;
  readonly version: string;
  readonly checks: readonly CheckReport[];
}

/** Null where the part that it is of is not there. */
type Value<Of> = Of | readonly Sample<Of>[] | null | undefined;

interface Row<Of> {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (source: MetricsSource) => Value<Of>;
}

/** What is observed in other units than are told: milliseconds, and seconds. */
type HistogramRow = Row<Histogram> & { readonly type: "histogram"; readonly perUnit: number };
type NumberRow = Row<number> & { readonly type: "counter" | "gauge" };
export type Metric = NumberRow | HistogramRow;

const msPerSecond = 1000;

export const metrics: Readonly<Record<string, Metric>> = {
  treekeeper_build_info: gauge(
    "Always 1; the label says which version runs.",
    ({ version }) => [{ labels: { version }, value: 1 }],
    ["version"],
  ),
  treekeeper_ready: gauge("1 where writes are served, as /readyz has it.", ({ checks }) =>
    checks.every(({ status }) => status === "ok") ? 1 : 0,
  ),
  treekeeper_ready_check: gauge(
    "1 for each check of /readyz that is met.",
    ({ checks }) =>
      checks.map(({ name, status }) => ({ labels: { check: name }, value: status === "ok" ? 1 : 0 })),
    ["check"],
  ),
  treekeeper_log_state: gauge("1 for the state that the log is in, 0 for the others.", logStates, ["state"]),

  treekeeper_http_requests_total: counter(
    "Requests that were answered, by the pattern of their route; a stream counts when it begins.",
    ({ parts }) => requestsOf(parts.requests),
    ["method", "route", "status"],
  ),
  treekeeper_http_request_duration_seconds: histogram(
    "From the head of a request until its answer is ready to be sent. Waiting for a lock or a change counts; a stream does not.",
    ({ parts }) => durationsOf(parts.requests),
    msPerSecond,
    ["method", "route"],
  ),
  treekeeper_http_problems_total: counter(
    "Answers that were problem documents, by their codes.",
    ({ parts }) => [...parts.requests.problems].map(([code, value]) => ({ labels: { code }, value })),
    ["code"],
  ),
  treekeeper_http_unreadable_requests_total: counter(
    "What came on a connection and could not be read as a request.",
    ({ stats }) => stats.requests.unreadableTotal,
  ),
  treekeeper_http_connections: gauge("Connections that are open.", ({ stats }) => stats.connections.open),
  treekeeper_http_connections_max: gauge(
    "Connections that are served in full, --connections-max or fewer.",
    ({ stats }) => stats.connections.openMax,
  ),
  treekeeper_http_surplus_connections: gauge(
    "Connections beyond a bound, on which sessions alone are kept and closed.",
    ({ stats }) => stats.connections.surplus,
  ),
  treekeeper_http_turned_away_connections_total: counter(
    "Connections that were closed unheard, since there were too many.",
    ({ stats }) => stats.connections.turnedAwayTotal,
  ),
  treekeeper_http2_sessions: gauge(
    "Connections that speak HTTP/2.",
    ({ stats }) => stats.connections.http2Sessions,
  ),
  treekeeper_drain_percent: gauge(
    "The share of clients that a drain sends elsewhere; 0 while none goes on.",
    ({ parts }) => parts.drain.percent,
  ),
  treekeeper_http_clients: gauge(
    "Clients with a connection, as shares count them.",
    ({ stats }) => stats.connections.clients,
  ),
  treekeeper_http_held_answers: gauge(
    "Large answers that their clients have yet to take.",
    ({ stats }) => stats.answers.held,
  ),
  treekeeper_http_held_answer_bytes: gauge(
    "Bytes of large answers that their clients have yet to take.",
    ({ stats }) => stats.answers.heldBytes,
  ),
  treekeeper_http_held_answer_bytes_max: gauge(
    "Bytes that such answers may hold, --answer-bytes-max.",
    ({ stats }) => stats.answers.heldBytesMax,
  ),
  treekeeper_http_refused_answers_total: counter(
    "Large answers that were refused for want of room.",
    ({ stats }) => stats.answers.refusedTotal,
  ),
  treekeeper_http_cut_answers_total: counter(
    "Large answers that were ended in the middle, since their clients took nothing and room was needed.",
    ({ stats }) => stats.answers.cutTotal,
  ),
  treekeeper_http_bodies: gauge("Bodies that are being read.", ({ stats }) => stats.bodies.bodies),
  treekeeper_http_body_bytes: gauge(
    "Bytes held of bodies that are being read.",
    ({ stats }) => stats.bodies.bytes,
  ),
  treekeeper_http_body_bytes_max: gauge(
    "Bytes that may be held of them, --bodies-bytes-max.",
    ({ stats }) => stats.bodies.bytesMax,
  ),
  treekeeper_http_refused_bodies_total: counter(
    "Bodies that had to go so that others could come.",
    ({ stats }) => stats.bodies.refusedTotal,
  ),
  treekeeper_rate_clients: gauge(
    "Clients whose rate is kept; 0 without --rate-per-second.",
    ({ stats }) => stats.rates.clients,
  ),
  treekeeper_rate_refusals_total: counter(
    "Requests that were refused because their client asks too fast.",
    ({ stats }) => stats.rates.refusedTotal,
  ),

  treekeeper_zxid: gauge("The last transaction.", ({ stats }) => stats.state.zxid),
  treekeeper_znodes: gauge("Znodes, the root included.", ({ stats }) => stats.state.znodes),
  treekeeper_data_bytes: gauge("Data of all znodes.", ({ stats }) => stats.state.dataBytes),
  treekeeper_tree_memory_bytes: gauge(
    "About what tree and sessions take in memory, as --tree-bytes-max counts it.",
    ({ stats }) => stats.state.memoryBytes,
  ),
  treekeeper_tree_memory_bytes_max: gauge(
    "What tree and sessions may take in memory, --tree-bytes-max.",
    ({ stats }) => stats.state.memoryBytesMax,
  ),
  treekeeper_mortal_znodes: gauge(
    "Containers and znodes with a TTL, which sweeps look at.",
    ({ stats }) => stats.state.mortals,
  ),
  treekeeper_quotas: gauge("Quotas that are set.", ({ stats }) => stats.state.quotas),
  treekeeper_quota_refusals_total: counter(
    "Writes that were refused since a quota would have been exceeded.",
    ({ stats }) => stats.replica.quotaRefusalsTotal,
  ),
  treekeeper_access_control_lists: gauge(
    "Different access control lists that znodes have.",
    ({ stats }) => stats.state.acls,
  ),
  treekeeper_access_records: gauge(
    "Policies, tokens and namespaces.",
    ({ stats }) => stats.state.accessRecords,
  ),
  treekeeper_kept_replies: gauge(
    "Answers kept for requests that may be sent again.",
    ({ stats }) => stats.state.replies,
  ),
  treekeeper_epochs: gauge("Epochs that the store knows of its past.", ({ stats }) => stats.state.epochs),
  treekeeper_unknown_pasts_total: counter(
    "How often a client has shown what never happened here: an older copy of the data directory was put back.",
    ({ stats }) => stats.state.unknownPastsTotal,
  ),

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

  treekeeper_streams: gauge("Streams that are open, by what they tell.", streamsOf, ["kind"]),
  treekeeper_streams_max: gauge(
    "Streams of changes that may be open, --streams-max.",
    ({ stats }) => stats.watches.streamsMax,
  ),
  treekeeper_streams_opened_total: counter(
    "Streams of changes that were opened, long polls included.",
    ({ stats }) => stats.watches.openedTotal,
  ),
  treekeeper_streams_behind: gauge(
    "Streams of changes that are not told live: they are sent a snapshot, or read on from the history.",
    ({ stats }) => stats.watches.streamsBehind,
  ),
  treekeeper_stream_fallbacks_total: counter(
    "How often a stream ceased to be told live, since its client did not take what it was sent.",
    ({ stats }) => stats.watches.fellBehindTotal,
  ),
  treekeeper_stream_lag_transactions: gauge(
    "Transactions that the last of the streams is behind.",
    ({ stats }) => stats.watches.lagZxidsMax,
  ),
  treekeeper_stream_buffered_bytes: gauge(
    "Bytes handed to connections of streams that their clients have not taken.",
    ({ stats }) => stats.watches.bufferedBytes,
  ),
  treekeeper_stream_frames_total: counter(
    "Frames sent on streams of changes: changes, bookmarks, ends of snapshots.",
    ({ stats }) => stats.watches.framesTotal,
  ),
  treekeeper_stream_frame_bytes_total: counter(
    "Bytes of frames sent on streams of changes.",
    ({ stats }) => stats.watches.frameBytesTotal,
  ),
  treekeeper_stream_resets_total: counter(
    "Streams that were told to begin anew.",
    ({ stats }) => [
      { labels: { reason: "history_trimmed" }, value: stats.watches.resetsTrimmedTotal },
      { labels: { reason: "unknown_zxid" }, value: stats.watches.resetsUnknownTotal },
    ],
    ["reason"],
  ),
  treekeeper_audiences: gauge(
    "Different selections that streams have.",
    ({ stats }) => stats.watches.audiences,
  ),
  treekeeper_history_messages: gauge(
    "Transactions that can be told again.",
    ({ stats }) => stats.history.messages,
  ),
  treekeeper_history_messages_max: gauge(
    "Transactions of which it is kept what watchers were told, --history-messages-max.",
    ({ stats }) => stats.history.messagesMax,
  ),
  treekeeper_history_bytes: gauge(
    "Bytes of the transactions that can be told again.",
    ({ stats }) => stats.history.bytes,
  ),
  treekeeper_history_bytes_max: gauge(
    "Bytes that they may take, --history-bytes-max.",
    ({ stats }) => stats.history.bytesMax,
  ),
  treekeeper_history_floor_zxid: gauge(
    "Streams can go on after this transaction and any later one.",
    ({ stats }) => stats.history.floorZxid,
  ),

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
  treekeeper_lock_delays: gauge("Lock delays that run.", ({ stats }) => stats.lockDelays?.delays),
  treekeeper_on_duty: gauge(
    "1 where this server expires sessions, sweeps and ends lock delays.",
    ({ stats }) => stats.housekeeper?.onDuty,
  ),
  treekeeper_duty_term: gauge(
    "How often the duties have changed hands among servers.",
    ({ stats }) => stats.housekeeper?.term,
  ),
  treekeeper_sweeps_total: counter(
    "Sweeps of containers and znodes with a TTL that came to their end.",
    ({ stats }) => stats.sweeper?.sweepsTotal,
  ),
  treekeeper_sweep_deletions_total: counter(
    "Deletions that sweeps have asked for.",
    ({ stats }) => stats.sweeper?.deletionsTotal,
  ),
  treekeeper_sweep_refusals_total: counter(
    "Deletions that the store refused, and that are asked for again.",
    ({ stats }) => stats.sweeper?.refusedDeletionsTotal,
  ),
  treekeeper_sweep_waiting: gauge(
    "What the sweep that goes on has still to delete.",
    ({ stats }) => stats.sweeper?.waiting,
  ),

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

  treekeeper_event_loop_delay_seconds: histogram(
    "How late what was due came to run, looked at fifty times a second.",
    ({ parts }) => parts.backstage.runtime?.loopDelayMs,
    msPerSecond,
  ),
  treekeeper_event_loop_seconds_total: counter(
    "Time of the event loop, in which it ran something or waited for something to do.",
    ({ stats: { runtime } }) =>
      runtime === null
        ? null
        : [
            { labels: { state: "active" }, value: seconds(runtime.loopActiveMsTotal) },
            { labels: { state: "idle" }, value: seconds(runtime.loopIdleMsTotal) },
          ],
    ["state"],
  ),
  treekeeper_gc_duration_seconds: histogram(
    "Pauses of the collector, for the young part of the heap and for all of it.",
    ({ parts: { backstage } }) =>
      backstage.runtime === undefined
        ? null
        : [
            { labels: { kind: "minor" }, value: backstage.runtime.minorCollectionMs },
            { labels: { kind: "major" }, value: backstage.runtime.majorCollectionMs },
          ],
    msPerSecond,
    ["kind"],
  ),
  treekeeper_heap_used_bytes: gauge(
    "Bytes in use in the heap of V8.",
    ({ stats }) => stats.runtime?.heapUsedBytes,
  ),
  treekeeper_heap_bytes: gauge(
    "Bytes that V8 has taken for the heap.",
    ({ stats }) => stats.runtime?.heapBytes,
  ),
  treekeeper_heap_bytes_max: gauge(
    "What the heap may take; beyond it the process dies.",
    ({ stats }) => stats.runtime?.heapBytesMax,
  ),
  treekeeper_external_bytes: gauge(
    "Memory of buffers and libraries outside of the heap.",
    ({ stats }) => stats.runtime?.externalBytes,
  ),
  process_resident_memory_bytes: gauge("Memory of the process.", ({ stats }) => stats.runtime?.residentBytes),
  process_cpu_seconds_total: counter("Processor time of all its threads.", ({ stats: { runtime } }) =>
    runtime === null ? null : seconds(runtime.cpuUserMsTotal + runtime.cpuSystemMsTotal),
  ),
  process_start_time_seconds: gauge("When it started, since 1970.", ({ stats }) =>
    seconds(stats.runtime?.startedAtMs),
  ),
};

/** All there is of the table now, as Prometheus reads it. */
export function metricsText(source: MetricsSource): string {
  return Object.entries(metrics)
    .map(([name, metric]) => linesOfFamily({ name, ...metric }, samplesOf(name, metric, source)))
    .join("");
}

function samplesOf(name: string, metric: Metric, source: MetricsSource): string[] {
  if (metric.type !== "histogram") return listed(metric.read(source)).map((sample) => lineOf(name, sample));
  const { read, perUnit } = metric;
  return listed(read(source)).map((sample) => linesOfHistogram(name, sample, perUnit));
}

function listed<Of>(value: Value<Of>): readonly Sample<Of>[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [{ labels: unlabelled, value: value as Of }];
}

const unlabelled: Labels = {};

function gauge(help: string, read: Row<number>["read"], labels: readonly string[] = []): Metric {
  return { type: "gauge", help, labels, read };
}

function counter(help: string, read: Row<number>["read"], labels: readonly string[] = []): Metric {
  return { type: "counter", help, labels, read };
}

function histogram(
  help: string,
  read: Row<Histogram>["read"],
  perUnit = 1,
  labels: readonly string[] = [],
): Metric {
  return { type: "histogram", help, labels, read, perUnit };
}

function seconds(ms: number): number;
function seconds(ms: number | undefined): number | undefined;
function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / msPerSecond;
}

function logStates({ parts }: MetricsSource): readonly Sample<number>[] {
  const current = parts.store.logState.state;
  const states: readonly LogState["state"][] = ["connected", "read_only", "suspended", "failed"];
  return states.map((state) => ({ labels: { state }, value: state === current ? 1 : 0 }));
}

function requestsOf({ routes }: RequestCounts): readonly Sample<number>[] {
  return routes.flatMap((counts) =>
    counts.byStatus().map(({ status, count }) => ({
      labels: { ...labelsOf(counts), status: status === 0 ? "other" : String(status) },
      value: count,
    })),
  );
}

function streamsOf({ stats }: MetricsSource): readonly Sample<number>[] {
  return [
    { labels: { kind: "changes" }, value: stats.watches.streams },
    { labels: { kind: "latest" }, value: stats.latestStreams.streams },
  ];
}

/** Of routes that nobody has asked for there is nothing to say. */
function durationsOf({ routes }: RequestCounts): readonly Sample<Histogram>[] {
  const asked = routes.filter(({ durationMs }) => durationMs.count > 0);
  return asked.map((counts) => ({ labels: labelsOf(counts), value: counts.durationMs }));
}

function labelsOf({ method, route }: RouteCounts): Labels {
  return { method, route };
}
