// The port between the state machine and its durability: one totally ordered, durable log of entries. Embedded it
// is a table of a SQLite file, in tests a list in memory, in a cluster a range of keys shared by several writers.
// It orders bytes and never looks into them.

/** Dense position in the log: 1, 2, 3, … */
export type Lsn = number;

export interface LogEntry {
  readonly lsn: Lsn;
  /** Which server incarnation appended it, and that writer's own dense count. */
  readonly writer: string;
  readonly seq: number;
  readonly body: Uint8Array;
}

export type LogState =
  | { readonly state: "connected" }
  /** The log refuses entries for want of space; it still holds everything it acknowledged. */
  | { readonly state: "read_only"; readonly cause: string }
  /** Whether the last append is durable is unknown: nothing more may be answered, the process must end. */
  | { readonly state: "failed"; readonly cause: string; readonly error?: Error };

/** The entry is surely not in the log and never will be. */
export class NotAppendedError extends Error {}

/** The entry may or may not be in the log, now or later. */
export class OutcomeUnknownError extends Error {}

export interface CommitLog {
  /** This incarnation's name in the log. */
  readonly writer: string;
  /** Bytes one entry may have. */
  readonly entryBytesMax: number;
  /**
   * Resolves once the entry is durable and has its place. The log copies `body` before it returns.
   * @throws NotAppendedError | OutcomeUnknownError
   */
  append(seq: number, body: Uint8Array): Promise<Lsn>;
  /**
   * Calls back with every entry after `after`, once, in order, own entries included, each only when durable, and
   * before the `append` of an own entry resolves.
   */
  follow(after: Lsn, onEntry: (entry: LogEntry) => void): void;
  /** A position not before any append that completed before the call. */
  tail(): Promise<Lsn>;
  /** Entries up to here are reflected in the tables and may go. */
  trim(upTo: Lsn): Promise<void>;
  onState(listener: (state: LogState) => void): void;
  /** Lets appends under way finish, then lets go of the log. */
  close(): Promise<void>;
}
