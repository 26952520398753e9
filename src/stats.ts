// What each part of a running service counts, gathered: for metrics, and for whoever asks how it goes. Each part has a
// `stats()` of its own, a flat record of numbers that says in its names what they are: `…Ms`, `…Bytes`, `…Max` for a bound,
// `…Total` for what only grows. Asking costs no walk over what the service holds, and changes nothing.

import type { Connections, ConnectionsStats } from "./connections.ts";
import type { Coordination, CoordinationStats } from "./coordination/coordination.ts";
import type { Housekeeper, HousekeeperStats } from "./duties/housekeeper.ts";
import type { LockDelays } from "./duties/lock-delays.ts";
import type { ScheduledBackups, ScheduledBackupsStats } from "./duties/scheduled-backups.ts";
import type { Sweeper, SweeperStats } from "./duties/sweeper.ts";
import type { Answers, AnswersStats } from "./routes/http/answers.ts";
import type { BodiesInFlight, BodiesStats } from "./routes/http/bodies-in-flight.ts";
import type { Drain } from "./routes/http/drain.ts";
import type { OpenStreams } from "./routes/http/latest-streams.ts";
import type { Rates, RatesStats } from "./routes/http/rates.ts";
import type { RequestCounts, RequestsStats } from "./routes/http/request-counts.ts";
import type { Durations } from "./routes/operations/service-figures.ts";
import type { Runtime, RuntimeStats } from "./runtime.ts";
import type { Sessions, SessionsStats } from "./sessions/sessions.ts";
import type { BackupSource, BackupStats } from "./store/backup-source.ts";
import type { EtcdStats, OpenedEtcd } from "./store/etcd/open-etcd.ts";
import type { SnapshotDuty, SnapshotStats } from "./store/etcd/snapshot-duty.ts";
import type { ProposerStats } from "./store/proposer.ts";
import type { ReplicaStats } from "./store/replica.ts";
import type { OpenedSqlite, StorageStats } from "./store/sqlite/open-sqlite.ts";
import type { StateStats } from "./store/state-stats.ts";
import type { Store } from "./store/store.ts";
import type { TableWriterStats } from "./store/table-writer.ts";
import type { HistoryStats } from "./watches/history.ts";
import type { Watches, WatchesStats } from "./watches/watches.ts";

/** What is there in every service; of the HTTP server, those made with it. */
export interface MeasuredParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly watches: Watches;
  readonly coordination: Coordination;
  readonly requests: RequestCounts;
  readonly connections: Connections;
  readonly answers: Answers;
  readonly bodies: BodiesInFlight;
  readonly rates: Rates;
  /** Streams of holders and of the ends of sessions. */
  readonly latestStreams: readonly OpenStreams[];
  readonly drain: Drain;
  readonly backstage: Backstage;
  /** Servers that read the log of this one. */
  readonly logReaders: readonly { readonly count: number }[];
  /** What this server follows; null where it follows none. */
  readonly followed: { readonly lag: FollowedStats } | null;
  /** Absent where none can be taken. */
  readonly backups?: BackupSource | undefined;
}

/** What a service has beside its server; each may be missing where a part is used alone. */
export interface Backstage {
  readonly storage?: Pick<OpenedSqlite, "stats" | "commitMs">;
  readonly housekeeper?: Housekeeper;
  readonly sweeper?: Sweeper;
  readonly lockDelays?: LockDelays;
  /** Null where there is no folder for them. */
  readonly scheduledBackups?: ScheduledBackups | null;
  readonly runtime?: Runtime;
  /** Of a log in etcd; null where it is in the data directory. */
  readonly etcd?: Pick<OpenedEtcd, "stats"> | null;
  readonly snapshots?: Pick<SnapshotDuty, "stats"> | null;
}

/** How far this server is behind the one that it follows. */
interface FollowedStats {
  /** Entries that are known to be there and are not done yet. */
  readonly entries: number;
  /** Since when it has not been known to have all there is. */
  readonly ms: number;
}

/** What is kept for servers that follow this one, and how many do. */
interface FollowersStats {
  readonly count: number;
  readonly keptEntries: number;
  readonly keptBytes: number;
}

/** Null for a part that is not there. */
export interface PartsStats {
  readonly state: StateStats;
  readonly proposer: ProposerStats;
  readonly replica: ReplicaStats;
  readonly tables: TableWriterStats | null;
  readonly storage: StorageStats | null;
  readonly backups: BackupStats | null;
  readonly scheduledBackups: ScheduledBackupsStats | null;
  readonly sessions: SessionsStats;
  readonly watches: WatchesStats;
  readonly history: HistoryStats;
  readonly coordination: CoordinationStats;
  readonly latestStreams: { readonly streams: number };
  readonly followers: FollowersStats;
  readonly followed: FollowedStats | null;
  readonly housekeeper: HousekeeperStats | null;
  readonly sweeper: SweeperStats | null;
  readonly lockDelays: ReturnType<LockDelays["stats"]> | null;
  readonly requests: RequestsStats;
  readonly connections: ConnectionsStats;
  readonly answers: AnswersStats;
  readonly bodies: BodiesStats;
  readonly rates: RatesStats;
  readonly runtime: RuntimeStats | null;
  readonly etcd: EtcdStats | null;
  readonly snapshots: SnapshotStats | null;
}

/** All at one moment: nothing else runs meanwhile. */
export function partsStats(parts: MeasuredParts): PartsStats {
  const { storage, housekeeper, sweeper, lockDelays, scheduledBackups, runtime, etcd, snapshots } =
    parts.backstage;
  return {
    ...parts.store.stats(),
    storage: storage?.stats() ?? null,
    backups: parts.backups?.stats() ?? null,
    scheduledBackups: scheduledBackups?.stats() ?? null,
    sessions: parts.sessions.stats(),
    watches: parts.watches.stats(),
    history: parts.watches.history.stats(),
    coordination: parts.coordination.stats(),
    followers: followersOf(parts),
    followed: parts.followed?.lag ?? null,
    latestStreams: { streams: parts.latestStreams.reduce((sum, { count }) => sum + count, 0) },
    housekeeper: housekeeper?.stats() ?? null,
    sweeper: sweeper?.stats() ?? null,
    lockDelays: lockDelays?.stats() ?? null,
    requests: parts.requests.stats(),
    connections: parts.connections.stats(),
    answers: parts.answers.stats(),
    bodies: parts.bodies.stats(),
    rates: parts.rates.stats(),
    runtime: runtime?.stats() ?? null,
    etcd: etcd?.stats() ?? null,
    snapshots: snapshots?.stats() ?? null,
  };
}

function followersOf({ store: { recent }, logReaders }: MeasuredParts): FollowersStats {
  const count = logReaders.reduce((sum, readers) => sum + readers.count, 0);
  return { count, keptEntries: recent.count, keptBytes: recent.bytes };
}

/** How long things took, for whoever is told of the service in a few figures. */
export function durationsOf({ requests, store, backstage }: MeasuredParts): Durations {
  const { storage, runtime } = backstage;
  return {
    requests: requests.routes.map(({ durationMs }) => durationMs),
    writes: [store.histograms.entryMs],
    commits: storage === undefined ? [] : [storage.commitMs],
    eventLoop: runtime === undefined ? [] : [runtime.loopDelayMs],
  };
}
