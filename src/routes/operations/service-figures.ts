// What each part of the service counts, as far as an operator is told of it: the shapes that the parts give.

import type { ConnectionsStats } from "../../connections.ts";
import type { CoordinationStats } from "../../coordination/coordination.ts";
import type { Histogram } from "../../histogram.ts";
import type { RuntimeStats } from "../../runtime.ts";
import type { SessionsStats } from "../../sessions/sessions.ts";
import type { EtcdStats } from "../../store/etcd/open-etcd.ts";
import type { SnapshotStats } from "../../store/etcd/snapshot-duty.ts";
import type { ProposerStats } from "../../store/proposer.ts";
import type { ReplicaStats } from "../../store/replica.ts";
import type { StorageStats } from "../../store/sqlite/open-sqlite.ts";
import type { StateStats } from "../../store/state-stats.ts";
import type { HistoryStats } from "../../watches/history.ts";
import type { WatchesStats } from "../../watches/watches.ts";
import type { AnswersStats } from "../http/answers.ts";
import type { RequestsStats } from "../http/request-counts.ts";

export interface ServiceFigures {
  readonly state: StateStats;
  readonly proposer: ProposerStats;
  /** Null where there is no file. */
  readonly storage: StorageStats | null;
  readonly sessions: SessionsStats;
  readonly watches: WatchesStats;
  readonly history: HistoryStats;
  readonly coordination: CoordinationStats;
  readonly connections: ConnectionsStats;
  readonly answers: AnswersStats;
  readonly requests: RequestsStats;
  readonly latestStreams: { readonly streams: number };
  readonly followers: { readonly count: number; readonly keptEntries: number; readonly keptBytes: number };
  /** Null where the server follows none. */
  readonly followed: { readonly entries: number; readonly ms: number } | null;
  /** Null where the process is somebody else's. */
  readonly runtime: RuntimeStats | null;
  /** Null where the log is in the data directory. */
  readonly etcd: EtcdStats | null;
  readonly snapshots: SnapshotStats | null;
  readonly housekeeper: { readonly onDuty: 0 | 1 } | null;
  readonly replica: Pick<ReplicaStats, "appliedLsn">;
  /** Null where none are taken by themselves. */
  readonly scheduledBackups: { readonly lastFailure: string | null } | null;
}

/** How long something took, each time since the start. Several are looked at as one; none is of what is not there. */
export interface Durations {
  /** From when a request is heard of until it is answered, long polls among them. */
  readonly requests: readonly Histogram[];
  /** From when commands are sent to the log until they are answered. */
  readonly writes: readonly Histogram[];
  /** A commit on the disk. */
  readonly commits: readonly Histogram[];
  /** How late what was due came to run. */
  readonly eventLoop: readonly Histogram[];
}

export interface DurationFigures {
  readonly count: number;
  readonly meanMs: number;
  /** Half took no longer than this; null for longer than is told apart. */
  readonly halfWithinMs: number | null;
  /** The same of 99 in 100. */
  readonly p99WithinMs: number | null;
}

/** @param histograms with the same bounds */
export function durationFigures(histograms: readonly Histogram[]): DurationFigures {
  const sum = histograms.reduce((all, histogram) => all + histogram.sum, 0);
  const bounds = histograms[0]?.bounds ?? [];
  const cumulated = Array<number>(bounds.length + 1).fill(0);
  for (const histogram of histograms)
    for (const [index, count] of histogram.cumulated().entries()) (cumulated[index] as number) += count;
  const count = cumulated.at(-1) ?? 0;
  const meanMs = count === 0 ? 0 : Math.round((1000 * sum) / count) / 1000;
  /** The bound of the bucket in which the one lies that so large a share is not above. */
  const within = (share: number) =>
    count === 0 ? 0 : (bounds[cumulated.findIndex((upTo) => upTo >= share * count)] ?? null);
  return { count, meanMs, halfWithinMs: within(0.5), p99WithinMs: within(0.99) };
}
