// One server's way to a log that several servers write to, as a network has it: what is sent arrives late, or is lost and
// sent again; what others write is heard late and in bursts; and for a while nothing passes at all. It keeps every promise
// of the port all the same, and is what several servers are tried on.

import type { Clock } from "../../clock.ts";
import {
  assertCovered,
  type CommitLog,
  type Covering,
  type EntriesHandler,
  type LogEntry,
  type LogInfo,
  type LogState,
  type LogUsage,
  type Lsn,
  NotAppendedError,
  OutcomeUnknownError,
} from "../commit-log.ts";
import { Follower } from "../follower.ts";
import { LogStates } from "../log-states.ts";
import type { SharedEntries } from "./shared-entries.ts";

/** How long things take between one server and the log; asked anew each time. */
export interface Passage {
  /** Milliseconds until what is sent has reached the log; null when it never does. */
  toLogMs(): number | null;
  /** Milliseconds until the answer is back; null when it is lost. */
  toServerMs(): number | null;
  /** Milliseconds until the server hears of an entry; of all that came meanwhile it hears together. */
  lagMs(): number;
  /** What was not answered in this time is sent again. */
  readonly resendMs: number;
}

/** Nothing takes any time, and nothing is lost. */
export const freePassage: Passage = {
  toLogMs: () => 0,
  toServerMs: () => 0,
  lagMs: () => 0,
  resendMs: 0,
};

export interface SharedLogParts {
  /** This incarnation's name; no two may have the same. */
  readonly writer: string;
  readonly entries: SharedEntries;
  readonly clock: Clock;
  readonly passage?: Passage;
}

/** Entries handed over at once. */
const entriesAtOnceMax = 64;

export class SharedLog implements CommitLog {
  readonly info: LogInfo;
  readonly writer: string;
  readonly #entries: SharedEntries;
  readonly #clock: Clock;
  readonly #followers = new Set<Follower>();
  readonly #states = new LogStates();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #unsubscribe: () => void;
  #passage: Passage;
  #gate: PromiseWithResolvers<void> | null = null;
  /** Resolves when everything sent so far is in the log: entries of one writer stay in their order. */
  #placed: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor({ writer, entries, clock, passage = freePassage }: SharedLogParts) {
    const { clusterId } = entries;
    this.info = { kind: "shared", clusterId, entryBytesMax: 16_777_216, isShared: true };
    this.writer = writer;
    this.#entries = entries;
    this.#clock = clock;
    this.#passage = passage;
    this.#unsubscribe = entries.onAdded(() => this.#wakeAll());
  }

  /** From now on things take so long. */
  set passage(passage: Passage) {
    this.#passage = passage;
  }

  /** Nothing passes in any direction until `release`. */
  hold(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  /** The same, and this server knows of it. */
  cutOff(cause: string): void {
    this.hold();
    this.#states.enter({ state: "suspended", cause, silentForMs: 0 });
  }

  connect(): void {
    this.#states.enter({ state: "connected" });
    this.release();
  }

  /** As the end of the process: nothing passes ever again, and nobody hears of what was under way. */
  abandon(): void {
    this.#unsubscribe();
    this.hold();
  }

  append(seq: number, body: Uint8Array): Promise<Lsn> {
    const refusal = this.#refusalOf(body);
    if (refusal !== null) return Promise.reject(new NotAppendedError(refusal));
    const answer = this.#append(seq, new Uint8Array(body));
    this.#underWay.add(answer);
    return answer.finally(() => this.#underWay.delete(answer));
  }

  #refusalOf({ byteLength }: Uint8Array): string | null {
    if (this.#isClosed) return "The log is closed.";
    if (this.#states.current.state === "failed") return `The log has failed: ${this.#states.current.cause}`;
    const { entryBytesMax } = this.info;
    return byteLength > entryBytesMax
      ? `An entry of ${byteLength} bytes is larger than ${entryBytesMax}.`
      : null;
  }

  async #append(seq: number, body: Uint8Array): Promise<Lsn> {
    const placed = this.#placed.then(() => this.#send(seq, body));
    this.#placed = placed.catch(() => undefined);
    await placed;
    while (!(await this.#arrives(this.#passage.toServerMs()))) await this.#send(seq, body);
    return this.#entries.add(this.writer, seq, body);
  }

  /** As often as it takes: it has one place in the log however often it arrives. */
  async #send(seq: number, body: Uint8Array): Promise<void> {
    while (!(await this.#arrives(this.#passage.toLogMs())));
    this.#entries.add(this.writer, seq, body);
  }

  /** Whether it arrived, known when it has or when it must be sent again. @throws OutcomeUnknownError */
  async #arrives(ms: number | null): Promise<boolean> {
    await this.#pass(ms ?? this.#passage.resendMs);
    if (this.#isClosed && this.#states.current.state === "suspended")
      throw new OutcomeUnknownError("The log was closed while it was suspended.");
    return ms !== null;
  }

  async #pass(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      if (ms === 0) setImmediate(resolve);
      else this.#clock.setTimer(ms, resolve);
    });
    await this.#gate?.promise;
  }

  follow(after: Lsn, onEntries: EntriesHandler): void {
    const follower = new Follower(after, (from) => this.#read(from), onEntries);
    this.#followers.add(follower);
    follower.wake();
  }

  async #read(from: Lsn): Promise<readonly LogEntry[]> {
    await this.#pass(this.#passage.lagMs());
    if (this.#states.current.state === "failed" || this.#isClosed) return [];
    if (from > this.#entries.trimmed) return this.#entries.from(from, entriesAtOnceMax);
    this.#states.enter({ state: "failed", cause: `Log entries from ${from} on are missing.` });
    return [];
  }

  #wakeAll(): void {
    for (const follower of this.#followers) follower.wake();
  }

  async tail(): Promise<Lsn> {
    while (!(await this.#arrives(this.#passage.toLogMs())));
    const { tail } = this.#entries;
    while (!(await this.#arrives(this.#passage.toServerMs())));
    return tail;
  }

  async trim(upTo: Lsn, covering: Covering): Promise<void> {
    assertCovered(upTo, covering);
    this.#entries.trim(upTo);
  }

  async usage(): Promise<LogUsage> {
    return this.#entries.usage();
  }

  onState(listener: (state: LogState) => void): void {
    this.#states.onState(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#passage = freePassage;
    this.#unsubscribe();
    this.release();
    await Promise.allSettled(this.#underWay);
  }
}
