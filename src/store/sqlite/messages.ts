// What the event loop and the writing thread say to each other. Answers come in the order of their questions.

import type { Covering, LogEntry, LogState, LogUsage, Lsn } from "../commit-log.ts";
import type { PackedRows } from "./packed-rows.ts";
import type { SqliteSettings } from "./settings.ts";
import type { Place } from "./whereabouts.ts";

export interface WriterData {
  readonly writer: string;
  readonly databaseFile: string;
  /** Where the tables stood when they were read. */
  readonly loadedLsn: Lsn;
  /** What must stay where it is, beside the database. */
  readonly places: readonly Place[];
  readonly ballastFile: string;
  /** Says how far the directory had come, beside a database of this cluster. */
  readonly witnessFile: string;
  readonly clusterId: string;
  readonly settings: SqliteSettings;
  /** Shared with the event loop, which may read it at any time. */
  readonly numbers: Float64Array<SharedArrayBuffer>;
  /** The same of the histogram of how long commits took. */
  readonly commitCells: Float64Array<SharedArrayBuffer>;
}

/** Places in `WriterData.numbers`. */
export const numberIndex = {
  walBytes: 0,
  lastCommitMs: 1,
  lastCheckpointMs: 2,
  walBlockedMs: 3,
  checkpointsTotal: 4,
  checkpointMsTotal: 5,
  databaseBytes: 6,
  emptyBytes: 7,
  walFileBytes: 8,
  diskFreeBytes: 9,
  diskBytes: 10,
} as const;

export interface AppendMessage {
  readonly type: "append";
  readonly seq: number;
  readonly body: Uint8Array;
}

/** What is answered, and refused where it cannot be done. */
export type Request =
  | { readonly type: "write"; readonly rows: PackedRows }
  | { readonly type: "trim"; readonly upTo: Lsn }
  | { readonly type: "read"; readonly after: Lsn }
  | { readonly type: "usage" };

export interface Answers {
  readonly write: undefined;
  readonly trim: undefined;
  /** The next of the log, in order: none only where there are none. */
  readonly read: readonly LogEntry[];
  readonly usage: LogUsage;
}

export type ToWriter =
  | AppendMessage
  | { readonly type: "request"; readonly id: number; readonly request: Request }
  | { readonly type: "close" };

export type FromWriter =
  | { readonly type: "ready"; readonly tail: Lsn }
  /** The entries have the places from `firstLsn` on. */
  | { readonly type: "appended"; readonly firstLsn: Lsn; readonly seqs: readonly number[] }
  | { readonly type: "notAppended"; readonly seqs: readonly number[]; readonly cause: string }
  /** The request with this id is done, or was not and changed nothing. */
  | { readonly type: "answer"; readonly id: number; readonly value: Answers[keyof Answers] }
  | { readonly type: "refused"; readonly id: number; readonly cause: string }
  /** The rows up to here are durable. */
  | { readonly type: "durable"; readonly covering: Covering }
  | { readonly type: "walBlockage"; readonly blockage: WalBlockage }
  /** `failed` is the last thing that is said. */
  | { readonly type: "state"; readonly state: LogState };

/** The log is longer than it may be, and somebody who reads the file is why. */
export interface WalBlockage {
  /** How long the log is, or was at its longest. */
  readonly walBytes: number;
  /** For how long it could not be emptied. */
  readonly forMs: number;
  readonly isOver: boolean;
}
