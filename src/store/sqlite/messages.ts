// What the event loop and the writing thread say to each other. Answers come in the order of their questions.

import type { LogEntry, LogState, Lsn } from "../commit-log.ts";
import type { PackedRows } from "./packed-rows.ts";
import type { SqliteSettings } from "./settings.ts";
import type { WalBlockage } from "./wal-keeper.ts";
import type { Place } from "./whereabouts.ts";

export interface WriterData {
  readonly writer: string;
  readonly databaseFile: string;
  /** Where the tables stood when they were read. */
  readonly loadedLsn: Lsn;
  /** What must stay where it is, beside the database. */
  readonly places: readonly Place[];
  readonly ballastFile: string;
  readonly settings: SqliteSettings;
  /** Shared with the event loop, which may read it at any time. */
  readonly numbers: Float64Array<SharedArrayBuffer>;
}

/** Places in `WriterData.numbers`. */
export const numberIndex = { walBytes: 0, lastCommitMs: 1, lastCheckpointMs: 2, walBlockedMs: 3 } as const;

export interface AppendMessage {
  readonly type: "append";
  readonly seq: number;
  readonly body: Uint8Array;
}

export interface WriteMessage {
  readonly type: "write";
  readonly id: number;
  readonly rows: PackedRows;
}

export type ToWriter =
  | AppendMessage
  | WriteMessage
  | { readonly type: "trim"; readonly id: number; readonly upTo: Lsn }
  | { readonly type: "replay"; readonly id: number; readonly after: Lsn }
  | { readonly type: "close" };

export type FromWriter =
  | { readonly type: "ready"; readonly tail: Lsn }
  /** The entries have the places from `firstLsn` on. */
  | { readonly type: "appended"; readonly firstLsn: Lsn; readonly seqs: readonly number[] }
  | { readonly type: "notAppended"; readonly seqs: readonly number[]; readonly cause: string }
  | { readonly type: "entries"; readonly id: number; readonly entries: readonly LogEntry[] }
  /** The write, trim or replay with this id is done. */
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "walBlockage"; readonly blockage: WalBlockage }
  /** `failed` is the last thing that is said. */
  | { readonly type: "state"; readonly state: LogState };
