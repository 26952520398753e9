// What a nemesis leaves behind to be judged: all that its clients asked and were told, with the times of one clock, and what
// the servers say happened. It knows no process, network or server.

import type { TrialRecord } from "../../trials/judge.ts";

/** From before it was sent until its answer was read, or given up. */
export interface Span {
  readonly beganMs: number;
  readonly endedMs: number;
}

/** An answer of any kind, and the state that it was given from. */
export interface Answer extends Span {
  readonly server: number;
  /** What was asked for at least. */
  readonly minZxid: number;
  readonly zxid: number;
}

/** The zxid of what was done, or the code of a refusal that says that nothing was, or neither is known. */
type Outcome = number | { readonly refused: string } | "unknown";

/** One transaction that puts a value nobody else puts, at one path or several. Asked again, it spans all attempts. */
export interface Write extends Span {
  readonly value: string;
  /** Of a sequential znode, what it was asked under; the name follows in `path`. */
  readonly paths: readonly string[];
  readonly isSequential: boolean;
  readonly ifVersion?: number;
  readonly outcome: Outcome;
  /** Of what was refused: the state that it was refused from. */
  readonly refusedAt?: number;
  /** What the answer calls it. */
  readonly path?: string;
}

/** One is added to a counter, under one key however often it was asked. */
export interface Increment extends Span {
  readonly outcome: Outcome;
  /** What it became. */
  readonly value?: number;
}

/** What one answer said of one znode. */
export interface Read extends Answer {
  readonly path: string;
  readonly isLinearizable: boolean;
  readonly value: string;
  readonly mzxid: number;
  readonly version: number;
}

interface Keepalive extends Span {
  /** Of what was refused, the code. */
  readonly outcome: "kept" | string;
}

export interface SessionRecord {
  readonly id: string;
  readonly timeoutMs: number;
  /** The first is its opening; in the order in which they were sent. */
  readonly keepalives: Keepalive[];
  /** Nobody keeps it any more, nor closes it. */
  isLeft: boolean;
}

/** A stream that went on from its last event, here and there. */
export interface StreamRecord {
  readonly name: string;
  /** Whose children it is about; null for everything. */
  readonly parent: string | null;
  /** The data of its changes, as they came. */
  readonly texts: string[];
  /** What should never be. */
  readonly faults: string[];
  hops: number;
}

/** What one server tells of all that happened, from the beginning. */
export type History = readonly string[];

/** A time in which no server could reach the log, or nothing could be put there: each had said so, and nothing was made good yet. */
export interface Outage extends Span {
  /** The end of the log can be asked for all the same. */
  readonly isReadable: boolean;
}

export interface NemesisRecord {
  readonly answers: readonly Answer[];
  readonly writes: readonly Write[];
  readonly increments: readonly Increment[];
  readonly reads: readonly Read[];
  readonly sessions: readonly SessionRecord[];
  readonly streams: readonly StreamRecord[];
  readonly trials: readonly TrialRecord[];
  /** From the servers' wall clock to the clock of all times here. */
  readonly wallOffsetMs: number;
  /** Of each server. */
  readonly histories: readonly History[];
  readonly outages: readonly Outage[];
  /** The service ended while it was asked: what it told last came to some and not to others, and nobody could tidy up. */
  readonly isCutOff: boolean;
  /** What was seen to be wrong as it happened. */
  readonly seen: readonly string[];
}

/** A change as a stream tells it. */
export interface Message {
  readonly zxid: number;
  readonly timeMs: number;
  readonly cause: string;
  readonly session?: string;
  readonly events: readonly MessageEvent[];
}

export interface MessageEvent {
  readonly type: "created" | "changed" | "deleted";
  readonly path: string;
  readonly data?: string;
  readonly stat: { readonly version: number; readonly mzxid: number; readonly ephemeralOwner: string | null };
}
