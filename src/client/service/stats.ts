// How the service is, in figures. It is told to admins.

import type { Readiness } from "./readiness.ts";

export interface Warning {
  /** What programs go by. */
  readonly code: string;
  /** What it is, for people. */
  readonly message: string;
}

export interface LimitInUse {
  /** By its name in `limits()`; `disk` and `heap` are what the machine and Node give. */
  readonly limit: string;
  readonly used: number;
  readonly limitValue: number;
}

/** How long something took, since the start. */
export interface DurationFigures {
  readonly count: number;
  readonly meanMs: number;
  /** Half, and 99 in 100, took no longer than this; null for longer than is told apart. */
  readonly halfWithinMs: number | null;
  readonly p99WithinMs: number | null;
}

/** Totals count since the start of the server. What a member means the service's own document says. */
export interface ServiceStats {
  readonly version: string;
  readonly upForMs: number;
  readonly zxid: number;
  /** Empty before the first write. */
  readonly epoch: string;
  readonly readiness: Readiness;
  /** What an operator should look at; best empty. */
  readonly warnings: readonly Warning[];
  readonly limits: readonly LimitInUse[];
  readonly tree: Figures<"znodes" | "dataBytes" | "memoryBytes" | "containersAndTtls" | "quotas" | "acls">;
  readonly sessions: Figures<
    | ("open" | "openedTotal" | "closedTotal" | "expiredTotal")
    | ("expiryLatenessMsMax" | "stallsTotal" | "stalledMsTotal")
  > & { readonly oldest: { readonly id: string; readonly name: string; readonly openedAtMs: number } | null };
  readonly coordination: Figures<
    "locks" | "elections" | "waiters" | "lockWaiters" | "electionWaiters" | "barrierWaiters" | "listeners"
  >;
  readonly connections: Figures<"open" | "clients" | "http2" | "surplus" | "turnedAwayTotal">;
  readonly streams: Figures<
    "watches" | "others" | "behind" | "lagZxidsMax" | "bufferedBytes" | "openedTotal"
  >;
  readonly history: Figures<"messages" | "bytes" | "oldestZxid">;
  readonly followers: Figures<"count" | "keptEntries" | "keptBytes">;
  /** Null where the server follows none. */
  readonly followed: Figures<"lagEntries" | "lagMs"> | null;
  readonly requests: Figures<
    | ("answeredTotal" | "clientFaultsTotal" | "serverFaultsTotal" | "unreadableTotal")
    | ("queuedCommands" | "queuedBytes" | "oldestAppendMs")
  >;
  /** Null where there is no file. */
  readonly storage: Figures<
    | ("directoryBytes" | "databaseBytes" | "emptyBytes" | "walBytes" | "walFileBytes")
    | ("diskBytes" | "diskFreeBytes" | "walBlockedMs" | "commitsTotal" | "lastCommitMs")
  > | null;
  /** Null where the log is in the data directory. */
  readonly etcd:
    | (Figures<
        | ("servers" | "silentServers" | "logEntries" | "logBytes" | "lagEntries" | "lagMs")
        | ("dbBytes" | "dbInUseBytes" | "quotaBytes" | "alarms" | "throttledTotal")
        | ("failedCallsTotal" | "suspendedMsTotal" | "snapshotsTotal" | "snapshotFailuresTotal")
      > & { readonly keepsHouse: boolean })
    | null;
  /** Null where it is not measured. */
  readonly process: Figures<
    "residentBytes" | "heapUsedBytes" | "heapBytesMax" | "externalBytes" | "cpuMsTotal"
  > | null;
  readonly durations: Readonly<Record<"requests" | "writes" | "commits" | "eventLoop", DurationFigures>>;
}

type Figures<Name extends string> = Readonly<Record<Name, number>>;
