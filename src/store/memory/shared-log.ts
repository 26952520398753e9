// One server's way to a log that several servers write to, as a network has it: what is sent arrives late, or is lost and
// sent again; what others write is heard late and in bursts; and for a while nothing passes at all. It keeps every promise
// of the port all the same, and is what several servers are tried on.

import type { Clock } from "../../clock.ts";
import {
  assertCovered,
  type CommitLog,
  type Covering,
  type EntriesHandler,
  type LogInfo,
  type LogState,
  type LogUsage,
  type Lsn,
  NotAppendedError,
  OutcomeUnknownError,
} from "../commit-log.ts";
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
  #passage: Passage;
  readonly #followers = new Set<Follower>();
  readonly #listeners: ((state: LogState) => void)[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  #state: LogState = { state: "connected" };
  #gate: PromiseWithResolvers<void> | null = null;
  /** Resolves when everything sent so far is in the log: entries of one writer stay in their order. */
  #placed: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor({ writer, entries, clock, passage = freePassage }: SharedLogParts) {
    this.writer = writer;
    this.info = {
      kind: "shared",
      clusterId: entries.clusterId,
      entryBytesMax: 16_777_216,
      isShared: true,
    };
    this.#entries = entries;
    this.#clock = clock;
    this.#passage = passage;
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
    for (const follower of this.#followers) follower.goOn();
  }

  /** The same, and this server knows of it. */
  cutOff(cause: string): void {
    this.hold();
    this.#changeState({ state: "suspended", cause });
  }

  connect(): void {
    this.#changeState({ state: "connected" });
    this.release();
  }

  append(seq: number, body: Uint8Array): Promise<Lsn> {
    if (this.#isClosed) return Promise.reject(new NotAppendedError("The log is closed."));
    if (this.#state.state === "failed") return Promise.reject(new NotAppendedError(this.#state.cause));
    if (body.byteLength > this.info.entryBytesMax) {
      const cause = `An entry of ${body.byteLength} bytes is larger than ${this.info.entryBytesMax}.`;
      return Promise.reject(new NotAppendedError(cause));
    }
    const answer = this.#append(seq, new Uint8Array(body));
    this.#underWay.add(answer);
    return answer.finally(() => this.#underWay.delete(answer));
  }

  async #append(seq: number, body: Uint8Array): Promise<Lsn> {
    const placed = this.#placed.then(() => this.#send(seq, body));
    this.#placed = placed;
    await placed;
    while (!(await this.#arrives(this.#passage.toServerMs()))) await this.#send(seq, body);
    return this.#entries.add(this.writer, seq, body);
  }

  /** As often as it takes: it has one place in the log however often it arrives. */
  async #send(seq: number, body: Uint8Array): Promise<void> {
    while (!(await this.#arrives(this.#passage.toLogMs())));
    this.#entries.add(this.writer, seq, body);
  }

  /** Whether it arrived, known when it has or when it must be sent again. */
  async #arrives(ms: number | null): Promise<boolean> {
    await this.#pause(ms ?? this.#passage.resendMs);
    await this.#gate?.promise;
    if (this.#isClosed && this.#state.state === "suspended") {
      throw new OutcomeUnknownError("The log was closed while it was suspended.");
    }
    return ms !== null;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (ms === 0) setImmediate(resolve);
      else this.#clock.setTimer(ms, resolve);
    });
  }

  follow(after: Lsn, onEntries: EntriesHandler): void {
    const lag = async () => {
      await this.#pause(this.#passage.lagMs());
      await this.#gate?.promise;
    };
    const onMissing = (lsn: Lsn) => this.#fail(`Log entries from ${lsn} on are missing.`);
    this.#followers.add(new Follower(this.#entries, after, { onEntries, onMissing, lag }));
  }

  async tail(): Promise<Lsn> {
    while (!(await this.#arrives(this.#passage.toLogMs())));
    const tail = this.#entries.tail;
    while (!(await this.#arrives(this.#passage.toServerMs())));
    return tail;
  }

  /** Resolves when the server has heard of everything that is in the log now. */
  async hasCaughtUp(): Promise<void> {
    const { tail } = this.#entries;
    for (const follower of this.#followers) await follower.hasHeard(tail);
  }

  async trim(upTo: Lsn, covering: Covering): Promise<void> {
    assertCovered(upTo, covering);
    this.#entries.trim(upTo);
  }

  async usage(): Promise<LogUsage> {
    return this.#entries.usage();
  }

  onState(listener: (state: LogState) => void): void {
    this.#listeners.push(listener);
    if (this.#state.state !== "connected") listener(this.#state);
  }

  #fail(cause: string): void {
    this.#changeState({ state: "failed", cause });
  }

  #changeState(state: LogState): void {
    if (this.#state.state === "failed") return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#passage = freePassage;
    this.release();
    await Promise.allSettled(this.#underWay);
    for (const follower of this.#followers) follower.stop();
  }
}

/** Hears of the entries there are, all at once, some time after the first of them came. */
interface FollowerParts {
  readonly onEntries: EntriesHandler;
  readonly onMissing: (lsn: Lsn) => void;
  readonly lag: () => Promise<void>;
}

class Follower {
  readonly #entries: SharedEntries;
  readonly #parts: FollowerParts;
  readonly #unsubscribe: () => void;
  readonly #waiters = new Set<{ readonly lsn: Lsn; readonly resolve: () => void }>();
  #next: Lsn;
  #isHearing = false;
  #isStopped = false;

  constructor(entries: SharedEntries, after: Lsn, parts: FollowerParts) {
    this.#entries = entries;
    this.#next = after + 1;
    this.#parts = parts;
    this.#unsubscribe = entries.onAdded(() => this.goOn());
    this.goOn();
  }

  goOn(): void {
    if (!this.#isHearing) void this.#hear();
  }

  /** Resolves when it has heard of the entry. */
  hasHeard(lsn: Lsn): Promise<void> {
    if (lsn < this.#next || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.add({ lsn, resolve }));
  }

  async #hear(): Promise<void> {
    this.#isHearing = true;
    while (this.#next <= this.#entries.tail && !this.#isStopped) {
      await this.#parts.lag();
      while (this.#next <= this.#entries.tail && !this.#isStopped) await this.#tell();
    }
    this.#isHearing = false;
  }

  async #tell(): Promise<void> {
    if (this.#next <= this.#entries.trimmed) {
      this.#parts.onMissing(this.#next);
      this.stop();
      return;
    }
    const entries = this.#entries.from(this.#next, entriesAtOnceMax);
    this.#next += entries.length;
    await this.#parts.onEntries(entries);
    for (const waiter of this.#waiters) {
      if (waiter.lsn >= this.#next) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
    for (const { resolve } of this.#waiters) resolve();
  }
}
