// The log as a list in memory: the reference the durable ones are held against, and the one that can be told
// to misbehave. It keeps every promise of the port, except that its entries end with the process.

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
import { MemoryEntries } from "./memory-entries.ts";

/** What goes wrong with an append. `sentTwice` reaches the log twice and is in it once. */
export type AppendFault = "sentTwice" | "notAppended" | "unknownButPresent" | "unknownAndAbsent";

/** Entries handed over at once. */
const entriesAtOnceMax = 64;

export class MemoryLog implements CommitLog {
  readonly info: LogInfo;
  readonly writer: string;
  readonly #entries: MemoryEntries;
  readonly #followers: Follower[] = [];
  readonly #states = new LogStates();
  readonly #faults: AppendFault[] = [];
  #gate: PromiseWithResolvers<void> | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(writer: string, entries: MemoryEntries = new MemoryEntries(), info: Partial<LogInfo> = {}) {
    this.writer = writer;
    this.#entries = entries;
    const { clusterId } = entries;
    this.info = { kind: "memory", clusterId, entryBytesMax: 16_777_216, isShared: false, ...info };
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

  /** Nobody answers for the log until `resume`: what is sent waits, and followers hear of nothing. */
  suspend(cause: string): void {
    this.hold();
    this.#states.enter({ state: "suspended", cause, silentForMs: 0 });
  }

  resume(): void {
    this.#states.enter({ state: "connected" });
    this.release();
    this.#wakeAll();
  }

  append(seq: number, body: Uint8Array): Promise<Lsn> {
    if (this.#isClosed) return Promise.reject(new NotAppendedError("The log is closed."));
    const copy = new Uint8Array(body);
    const answer = this.#turn.then(() => this.#gate?.promise).then(() => this.#add(seq, copy));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  #add(seq: number, body: Uint8Array): Lsn {
    if (this.#states.current.state === "failed")
      throw new NotAppendedError(`The log has failed: ${this.#states.current.cause}`);
    if (this.#states.current.state === "suspended")
      throw new OutcomeUnknownError("The log was closed while it was suspended.");
    if (body.byteLength > this.info.entryBytesMax) {
      throw new NotAppendedError(
        `An entry of ${body.byteLength} bytes is larger than ${this.info.entryBytesMax}.`,
      );
    }
    const fault = this.#faults.shift();
    if (fault === "notAppended") throw this.#refuse();
    if (fault === "unknownAndAbsent") throw this.#fail();
    const lsn = this.#entries.add(this.writer, seq, body);
    if (fault === "unknownButPresent") throw this.#fail();
    if (fault === "sentTwice") this.#entries.add(this.writer, seq, body);
    this.#wakeAll();
    if (this.#states.current.state === "read_only") this.#states.enter({ state: "connected" });
    return lsn;
  }

  #refuse(): Error {
    const cause = "The log has no room.";
    this.#states.enter({ state: "read_only", cause });
    return new NotAppendedError(cause);
  }

  #fail(): Error {
    const cause = "The answer to an append was lost.";
    this.#states.enter({ state: "failed", cause });
    return new OutcomeUnknownError(cause);
  }

  follow(after: Lsn, onEntries: EntriesHandler): void {
    const follower = new Follower(after, (from) => this.#read(from), onEntries);
    this.#followers.push(follower);
    this.#turn = this.#turn.then(() => follower.wake());
  }

  #read(from: Lsn): readonly LogEntry[] {
    if (this.#states.current.state === "failed" || this.#states.current.state === "suspended") return [];
    if (from > this.#entries.trimmed) return this.#entries.from(from, entriesAtOnceMax);
    this.#states.enter({ state: "failed", cause: `Log entries from ${from} on are missing.` });
    return [];
  }

  #wakeAll(): void {
    for (const follower of this.#followers) follower.wake();
  }

  async tail(): Promise<Lsn> {
    if (this.#states.current.state === "suspended") await this.#gate?.promise;
    return this.#entries.tail;
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
    this.release();
    await this.#turn;
  }
}
