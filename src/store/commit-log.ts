// The port between the state machine and its durability: one totally ordered, durable log of entries. Embedded it
// is a table of a SQLite file, in tests a list in memory, in a cluster a range of keys shared by several writers.
// It orders bytes and never looks into them.

/** Dense position in the log: 1, 2, 3, … */
export type Lsn = number;

/** Names an entry for good, wherever it stands. */
export interface EntryName {
  /** Which server incarnation appended it, and that writer's own dense count. */
  readonly writer: string;
  readonly seq: number;
}

export interface LogEntry extends EntryName {
  readonly lsn: Lsn;
  readonly body: Uint8Array;
}

/** As it is written down. */
export function entryNameText({ writer, seq }: EntryName): string {
  return `${writer}/${seq}`;
}

/** What a log is, for as long as it is open. */
export interface LogInfo {
  readonly kind: string;
  /** Names the cluster that the entries belong to: what was made of another's is never put beside them. */
  readonly clusterId: string;
  /** Bytes one entry may have. */
  readonly entryBytesMax: number;
  /** Whether others may append as well. */
  readonly isShared: boolean;
  /** Appends that it works on at the same time; more would wait in it, and not be one entry. Two unless it says so. */
  readonly appendsAtOnce?: number;
}

export type LogState =
  | { readonly state: "connected" }
  /**
   * The log refuses entries for want of space; it still holds everything it acknowledged. `takesNothing` where it refuses
   * those that make room as well: then nobody can say that a session was heard of.
   */
  | { readonly state: "read_only"; readonly cause: string; readonly takesNothing?: true }
  /** Nobody answers for the log now. What was sent is sent again, under its number, until somebody does. */
  | {
      readonly state: "suspended";
      readonly cause: string;
      /** How long nobody had answered by then. */
      readonly silentForMs: number;
    }
  /** Whether the last append is durable is unknown: nothing more may be answered, the process must end. */
  | { readonly state: "failed"; readonly cause: string; readonly error?: Error };

/** Something durable beside the log that holds all that its entries up to `lsn` led to. */
export interface Covering {
  readonly lsn: Lsn;
  readonly zxid: number;
  readonly digest: string;
}

export interface LogUsage {
  /** Entries that are there, and the bytes of their bodies. */
  readonly entries: number;
  readonly bytes: number;
}

/** The entry is surely not in the log and never will be. */
export class NotAppendedError extends Error {}

/** The entry may or may not be in the log, now or later. */
export class OutcomeUnknownError extends Error {}

/** Handed at least one entry. While the promise it returns is pending it is handed no more. It does not throw. */
export type EntriesHandler = (entries: readonly LogEntry[]) => void | Promise<void>;

export interface CommitLog {
  readonly info: LogInfo;
  /** This incarnation's name in the log. */
  readonly writer: string;
  /**
   * Resolves once the entry is durable and has its place; the same number sent again is the same entry, in the log once.
   * An answer that does not come is no outcome: the log is `suspended` then, sends the entry again by itself, and
   * the promise stays pending. The log copies `body` before it returns.
   * @throws NotAppendedError | OutcomeUnknownError
   */
  append(seq: number, body: Uint8Array): Promise<Lsn>;
  /**
   * Hands over every entry after `after`, once, in order, own entries included, each only when durable. What is not taken
   * yet stays in the log and not in memory. Where entries are missing the log fails rather than skip them.
   * @param entryName of the entry at `after`, as far as it is known: where a log that others keep has another there, it fails
   */
  follow(after: Lsn, onEntries: EntriesHandler, entryName?: string): void;
  /** A position not before any append that completed anywhere before the call. */
  tail(): Promise<Lsn>;
  /**
   * Entries up to `upTo` may go, since `covering` holds what they led to; when they do is the log's affair.
   * @throws Error when `covering` ends before `upTo`, and then nothing goes
   */
  trim(upTo: Lsn, covering: Covering): Promise<void>;
  usage(): Promise<LogUsage>;
  /** Of a log whose room may get short; where it is missing every write is taken at once. */
  readonly pace?: WritePace;
  /** The listener hears at once of a state that is not `connected`. */
  onState(listener: (state: LogState) => void): void;
  /** Lets appends under way finish, unless the log is suspended, then lets go of it. */
  close(): Promise<void>;
}

/** How fast a log takes writes that make no room, while it has little. */
export interface WritePace {
  /** How long one is to wait before it is asked for again; 0 for one that is taken. */
  delayMs(): number;
  /** One of so many bytes was taken: those behind it wait the longer. */
  taken(bytes: number): void;
  /** One was told to wait. */
  putOff(): void;
}

/** For implementations of `trim`. @throws Error */
export function assertCovered(upTo: Lsn, covering: Covering): void {
  if (covering.lsn >= upTo) return;
  throw new Error(`Entries up to ${upTo} may not go: what covers them ends at ${covering.lsn}.`);
}
