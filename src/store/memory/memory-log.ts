// The log as a list in memory: the reference the durable ones are held against, and the one that can be told
// to misbehave. It keeps every promise of the port, except that its entries end with the process.

import {
  type CommitLog,
  type LogEntry,
  type LogState,
  type Lsn,
  NotAppendedError,
  OutcomeUnknownError,
} from "../commit-log.ts";
import { MemoryEntries } from "./memory-entries.ts";

/** What goes wrong with an append. `sentTwice` reaches the log twice and is in it once. */
export type AppendFault = "sentTwice" | "notAppended" | "unknownButPresent" | "unknownAndAbsent";

export class MemoryLog implements CommitLog {
  readonly writer: string;
  readonly entryBytesMax = 16_777_216;
  readonly #entries: MemoryEntries;
  readonly #followers: { next: Lsn; readonly onEntry: (entry: LogEntry) => void }[] = [];
  readonly #listeners: ((state: LogState) => void)[] = [];
  readonly #faults: AppendFault[] = [];
  #state: LogState = { state: "connected" };
  #gate: PromiseWithResolvers<void> | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(writer: string, entries: MemoryEntries = new MemoryEntries()) {
    this.writer = writer;
    this.#entries = entries;
  }

  /** The next append meets this fault, the one after it the next fault that was asked for. */
  injectFault(fault: AppendFault): void {
    this.#faults.push(fault);
  }

  /** Appends wait, as on a slow disk, until `release`. */
  hold(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  append(seq: number, body: Uint8Array): Promise<Lsn> {
    if (this.#isClosed) return Promise.reject(new NotAppendedError("The log is closed."));
    const copy = new Uint8Array(body);
    const answer = this.#turn.then(() => this.#gate?.promise).then(() => this.#add(seq, copy));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  #add(seq: number, body: Uint8Array): Lsn {
    if (this.#state.state === "failed")
      throw new NotAppendedError(`The log has failed: ${this.#state.cause}`);
    if (body.byteLength > this.entryBytesMax) {
      throw new NotAppendedError(
        `An entry of ${body.byteLength} bytes is larger than ${this.entryBytesMax}.`,
      );
    }
    const fault = this.#faults.shift();
    if (fault === "notAppended") throw this.#refuse();
    if (fault === "unknownAndAbsent") throw this.#fail();
    const lsn = this.#entries.add(this.writer, seq, body);
    if (fault === "unknownButPresent") throw this.#fail();
    if (fault === "sentTwice") this.#entries.add(this.writer, seq, body);
    this.#tellAll();
    if (this.#state.state === "read_only") this.#changeState({ state: "connected" });
    return lsn;
  }

  #refuse(): Error {
    const cause = "The log has no room.";
    this.#changeState({ state: "read_only", cause });
    return new NotAppendedError(cause);
  }

  #fail(): Error {
    const cause = "The answer to an append was lost.";
    this.#changeState({ state: "failed", cause });
    return new OutcomeUnknownError(cause);
  }

  follow(after: Lsn, onEntry: (entry: LogEntry) => void): void {
    if (after < this.#entries.trimmed) {
      this.#changeState({ state: "failed", cause: `Log entries after ${after} are missing.` });
      return;
    }
    this.#followers.push({ next: after + 1, onEntry });
    this.#turn = this.#turn.then(() => this.#tellAll());
  }

  #tellAll(): void {
    if (this.#state.state === "failed") return;
    for (const follower of this.#followers) {
      for (const entry of this.#entries.from(follower.next)) {
        follower.next += 1;
        follower.onEntry(entry);
      }
    }
  }

  async tail(): Promise<Lsn> {
    return this.#entries.tail;
  }

  async trim(upTo: Lsn): Promise<void> {
    this.#entries.trim(upTo);
  }

  onState(listener: (state: LogState) => void): void {
    this.#listeners.push(listener);
    if (this.#state.state !== "connected") listener(this.#state);
  }

  #changeState(state: LogState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.release();
    await this.#turn;
  }
}
