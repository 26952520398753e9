// How much of each bound of the whole service is used, and what of all that is worth a warning: a table of bounds, and one of
// other troubles. A warning is a sentence for people, in the words that a person would use.

import { etcdTroubles } from "./etcd-figures.ts";
import type { ServiceFigures } from "./service-figures.ts";

export interface LimitInUse {
  /** By its name in /v1/limits, where it has one there. */
  readonly limit: string;
  readonly used: number;
  readonly limitValue: number;
}

export interface Warning {
  /** What programs go by. */
  readonly code: string;
  readonly message: string;
}

interface Bound {
  readonly limit: string;
  readonly words: (percent: number) => string;
  readonly of: (figures: ServiceFigures) => readonly [used: number, limitValue: number];
}

/** A bound that is used so far is nearly exhausted. */
const nearShare = 0.9;

const bounds: readonly Bound[] = [
  {
    limit: "disk",
    words: (percent) => `the disk is ${percent} % full`,
    of: ({ storage }) => [(storage?.diskBytes ?? 0) - (storage?.diskFreeBytes ?? 0), storage?.diskBytes ?? 0],
  },
  {
    limit: "databaseBytesMax",
    words: (percent) => `the database has ${percent} % of the size that it may have`,
    of: ({ storage }) => [
      (storage?.databaseBytes ?? 0) - (storage?.emptyBytes ?? 0),
      storage?.databaseBytesMax ?? 0,
    ],
  },
  {
    limit: "etcdQuotaBytes",
    words: (percent) => `etcd's file has ${percent} % of its quota`,
    of: ({ etcd }) => [etcd?.dbBytes ?? 0, etcd?.quotaBytes ?? 0],
  },
  {
    limit: "treeBytesMax",
    words: (percent) => `the tree takes ${percent} % of the memory that it may take`,
    of: ({ state }) => [state.memoryBytes, state.memoryBytesMax],
  },
  {
    limit: "heap",
    words: (percent) => `the process has used ${percent} % of the memory that Node gives it`,
    of: ({ runtime }) => [runtime?.heapUsedBytes ?? 0, runtime?.heapBytesMax ?? 0],
  },
  {
    limit: "connectionsMax",
    words: (percent) => `${percent} % of the connections that may be are open`,
    of: ({ connections }) => [connections.open, connections.openMax],
  },
  {
    limit: "streamsMax",
    words: (percent) => `${percent} % of the streams that may be are open`,
    of: ({ watches }) => [watches.streams, watches.streamsMax],
  },
  {
    limit: "claimWaitersMax",
    words: (percent) => `${percent} % of the requests that may wait for a place do so`,
    of: ({ coordination }) => [coordination.waiters, coordination.waitersMax],
  },
  {
    limit: "queueCommandsMax",
    words: (percent) => `the line of writes is ${percent} % full`,
    of: ({ proposer }) => [proposer.queuedCommands, proposer.queuedCommandsMax],
  },
  {
    limit: "queueBytesMax",
    words: (percent) => `the line of writes has ${percent} % of the bytes that it may have`,
    of: ({ proposer }) => [proposer.queuedBytes, proposer.queuedBytesMax],
  },
  {
    limit: "answerBytesMax",
    words: (percent) => `answers that clients have yet to take fill ${percent} % of their room`,
    of: ({ answers }) => [answers.heldBytes, answers.heldBytesMax],
  },
];

/** Of bounds that there are: 0 is none. */
export function limitsInUse(figures: ServiceFigures): LimitInUse[] {
  return bounds.flatMap(({ limit, of }) => {
    const [used, limitValue] = of(figures);
    return limitValue > 0 ? [{ limit, used, limitValue }] : [];
  });
}

interface Trouble {
  readonly code: string;
  /** Null while there is none. */
  readonly words: (figures: ServiceFigures) => string | null;
}

/** The bound that expiry keeps to while the process is well. */
const expiryLateMsMax = 250;
/** Transactions; nothing to speak of while many are done in a second. */
const lagZxidsMax = 1000;

const troubles: readonly Trouble[] = [
  {
    code: "wal_blocked",
    words: ({ storage }) =>
      storage === null || storage.walBlockedMs === 0
        ? null
        : `a program that reads the database file has kept its write-ahead log from being emptied for ${inSeconds(storage.walBlockedMs)}`,
  },
  {
    code: "watch_lag",
    words: ({ watches: { lagZxidsMax: lag, streamsBehind } }) =>
      lag < lagZxidsMax
        ? null
        : `${counted(streamsBehind, "stream is", "streams are")} behind, the last by ${lag} transactions`,
  },
  {
    code: "late_expiry",
    words: ({ sessions: { expiryLatenessMsMax: ms } }) =>
      ms <= expiryLateMsMax ? null : `a session has expired ${inSeconds(ms)} late`,
  },
  {
    code: "stalls",
    words: ({ sessions: { stallsTotal, stalledMsTotal } }) =>
      stallsTotal === 0
        ? null
        : `the process has stood still ${counted(stallsTotal, "time", "times")} since its start, ${inSeconds(stalledMsTotal)} in all`,
  },
  {
    code: "backup_failed",
    // The reason may say what the operator's command wrote: it is for the log alone.
    words: ({ scheduledBackups }) =>
      scheduledBackups === null || scheduledBackups.lastFailure === null
        ? null
        : "the last backup for --backup-dir, or its command, has failed; the log of the process says why",
  },
  {
    code: "unknown_past",
    words: ({ state: { unknownPastsTotal } }) =>
      unknownPastsTotal === 0
        ? null
        : "clients have seen what never happened here: an older copy of the data directory was put back, or another store is served where it was",
  },
  ...etcdTroubles,
];

export function warningsOf(figures: ServiceFigures): Warning[] {
  const near = bounds.flatMap(({ limit, words, of }) => {
    const [used, limitValue] = of(figures);
    if (limitValue === 0 || used < nearShare * limitValue) return [];
    return [{ code: `near_${limit}`, message: words(Math.floor((100 * used) / limitValue)) }];
  });
  const others = troubles.flatMap(({ code, words }) => {
    const message = words(figures);
    return message === null ? [] : [{ code, message }];
  });
  return [...near, ...others];
}

function inSeconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
