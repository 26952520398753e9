// The log in a table of the SQLite file. It only sends to the writing thread and hears from it, and never waits for a
// disk.

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
import type { WriterThread } from "./writer-thread.ts";

interface PendingAppend {
  readonly body: Uint8Array;
  readonly answer: PromiseWithResolvers<Lsn>;
}

/** Answers kept for an append that is sent again. */
const answersKept = 1024;

/** New entries kept for a follower that is busy. One that is further behind reads them from the file. */
const newEntriesKept = 64;

export class SqliteLog implements CommitLog {
  readonly info: LogInfo;
  readonly writer: string;
  readonly #thread: WriterThread;
  readonly #appends = new Map<number, PendingAppend>();
  readonly #answers = new Map<number, Lsn>();
  readonly #followers: Follower[] = [];
  /** The last entries, as far as there are followers that have not taken them. */
  #newEntries: LogEntry[] = [];
  #tail: Lsn = 0;
  #isClosed = false;
  #onIdle: (() => void) | null = null;

  constructor(thread: WriterThread, clusterId: string) {
    const { writer, settings } = thread.data;
    this.#thread = thread;
    this.writer = writer;
    this.info = { kind: "sqlite", clusterId, entryBytesMax: settings.entryBytesMax, isShared: false };
    thread.on("ready", ({ tail }) => {
      this.#tail = tail;
    });
    thread.on("appended", (message) => this.#settle(message));
    thread.on("notAppended", ({ seqs, cause }) => this.#refuse(seqs, cause));
    thread.onState((state) => {
      if (state.state === "failed") this.#rejectAll(state.cause);
    });
  }

  /** Entries that were sent to the thread and have no answer. */
  get pendingCount(): number {
    return this.#appends.size;
  }

  /** An entry sent again under its number is not appended again: it gets the answer of the first. */
  append(seq: number, body: Uint8Array): Promise<Lsn> {
    const refusal = this.#refusal(body);
    if (refusal !== null) return Promise.reject(new NotAppendedError(refusal));
    const answered = this.#answers.get(seq);
    if (answered !== undefined) return Promise.resolve(answered);
    const pending = this.#appends.get(seq);
    if (pending !== undefined) return pending.answer.promise;
    // With memory of its own: posting a view would send everything it is a view of.
    const own = body.byteLength === body.buffer.byteLength ? body : new Uint8Array(body);
    const answer = Promise.withResolvers<Lsn>();
    this.#appends.set(seq, { body: own, answer });
    this.#thread.send({ type: "append", seq, body: own });
    return answer.promise;
  }

  #refusal(body: Uint8Array): string | null {
    const { state } = this.#thread;
    if (this.#isClosed) return "The log is closed.";
    if (state.state === "failed") return `The log has failed: ${state.cause}`;
    if (body.byteLength <= this.info.entryBytesMax) return null;
    return `An entry of ${body.byteLength} bytes is larger than ${this.info.entryBytesMax}.`;
  }

  follow(after: Lsn, onEntries: EntriesHandler): void {
    const follower = new Follower(after, (from) => this.#read(from), onEntries);
    this.#followers.push(follower);
    setImmediate(() => follower.wake());
  }

  #read(from: Lsn): readonly LogEntry[] | Promise<readonly LogEntry[]> {
    if (from > this.#tail || this.#isClosed || this.#thread.state.state === "failed") return [];
    const first = this.#newEntries[0];
    if (first !== undefined && from >= first.lsn) return this.#newEntries.slice(from - first.lsn);
    // A failure is told as a state: whoever follows hears of nothing more.
    return this.#thread.ask({ type: "read", after: from - 1 }).catch(() => []);
  }

  tail(): Promise<Lsn> {
    return Promise.resolve(this.#tail);
  }

  async trim(upTo: Lsn, covering: Covering): Promise<void> {
    assertCovered(upTo, covering);
    await this.#thread.ask({ type: "trim", upTo });
  }

  usage(): Promise<LogUsage> {
    return this.#thread.ask({ type: "usage" });
  }

  onState(listener: (state: LogState) => void): void {
    this.#thread.onState(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#appends.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#thread.leave();
  }

  /** Followers that are not busy hear of an entry before the one who appended it is answered. */
  #settle({ firstLsn, seqs }: { readonly firstLsn: Lsn; readonly seqs: readonly number[] }): void {
    const answers: PromiseWithResolvers<Lsn>[] = [];
    for (const [index, seq] of seqs.entries()) {
      const lsn = firstLsn + index;
      const { body, answer } = this.#takeAppend(seq);
      this.#newEntries.push({ lsn, writer: this.writer, seq, body });
      this.#keepAnswer(seq, lsn);
      this.#tail = lsn;
      answers.push(answer);
    }
    for (const follower of this.#followers) follower.wake();
    this.#forgetTaken();
    for (const [index, answer] of answers.entries()) answer.resolve(firstLsn + index);
    this.#noteIdle();
  }

  #forgetTaken(): void {
    const needed = this.#followers.map(({ next }) => this.#tail + 1 - next);
    const kept = Math.min(newEntriesKept, Math.max(0, ...needed));
    if (kept === 0) this.#newEntries = [];
    else this.#newEntries.splice(0, this.#newEntries.length - kept);
  }

  #takeAppend(seq: number): PendingAppend {
    const pending = this.#appends.get(seq) as PendingAppend;
    this.#appends.delete(seq);
    return pending;
  }

  #keepAnswer(seq: number, lsn: Lsn): void {
    this.#answers.set(seq, lsn);
    if (this.#answers.size <= answersKept) return;
    const oldest = this.#answers.keys().next().value;
    if (oldest !== undefined) this.#answers.delete(oldest);
  }

  #refuse(seqs: readonly number[], cause: string): void {
    for (const seq of seqs) this.#takeAppend(seq).answer.reject(new NotAppendedError(cause));
    this.#noteIdle();
  }

  #rejectAll(cause: string): void {
    for (const { answer } of this.#appends.values()) answer.reject(new OutcomeUnknownError(cause));
    this.#appends.clear();
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (this.#appends.size === 0) this.#onIdle?.();
  }
}
