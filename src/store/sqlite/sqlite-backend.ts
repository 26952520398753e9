// The log and the tables in one SQLite file, as the event loop sees them: it only sends to the writing thread
// and hears from it, and never waits for a disk. Once the outcome of something is unknown it answers nothing
// more.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import {
  type CommitLog,
  type LogEntry,
  type LogState,
  type Lsn,
  NotAppendedError,
  OutcomeUnknownError,
} from "../commit-log.ts";
import type { RowChanges, Tables } from "../tables.ts";
import { mayHaveRebooted, noteBoot } from "./boot.ts";
import { claimDataDirectory, type DataDirectory } from "./data-directory.ts";
import { type LoadedStore, loadStore } from "./load.ts";
import { type FromWriter, numberIndex, type ToWriter, type WriterData } from "./messages.ts";
import { movableParts, packRows } from "./packed-rows.ts";
import { defaultSqliteSettings, type SqliteSettings } from "./settings.ts";
import { refuseDamagedWal } from "./wal-check.ts";
import type { WalBlockage } from "./wal-keeper.ts";

export interface StorageStats {
  readonly walBytes: number;
  /** For how long a reader of the file has kept its log from being emptied; 0 when none does. */
  readonly walBlockedMs: number;
  readonly lastCommitMs: number;
  readonly lastCheckpointMs: number;
}

export interface OpenedSqlite {
  readonly loaded: LoadedStore;
  readonly backend: SqliteBackend;
  /** Files, and perhaps the directory, that other users could open until now. */
  readonly tightened: readonly string[];
}

/**
 * Takes the directory, reads what is in it and starts the writing thread. @throws CorruptStoreError | Error
 */
export async function openSqlite(
  directory: string,
  chosen: Partial<SqliteSettings> = {},
): Promise<OpenedSqlite> {
  const settings = { ...defaultSqliteSettings, ...chosen };
  const owned = claimDataDirectory(directory, settings);
  try {
    checkWal(owned);
    const loaded = loadStore(owned.databaseFile);
    // Not before the log is emptied: a start that ends earlier leaves it to the next one to judge as mildly.
    noteBoot(owned.bootFile);
    const backend = await SqliteBackend.start(owned, loaded.position.appliedLsn, settings);
    return { loaded, backend, tightened: owned.tightened };
  } catch (error) {
    owned.release();
    throw error;
  }
}

/** Before SQLite sees it: to open the file is to take damage for the end of the log. */
function checkWal({ databaseFile, bootFile }: DataDirectory): void {
  refuseDamagedWal(`${databaseFile}-wal`, { powerMayHaveFailed: mayHaveRebooted(bootFile) });
}

interface PendingAppend {
  readonly body: Uint8Array;
  readonly answer: PromiseWithResolvers<Lsn>;
}

interface Follower {
  next: Lsn;
  isReplaying: boolean;
  readonly onEntry: (entry: LogEntry) => void;
}

const numberCount = Object.keys(numberIndex).length;

/** Answers kept for an append that is sent again. */
const answersKept = 1024;

export class SqliteBackend implements CommitLog, Tables {
  readonly writer: string;
  readonly entryBytesMax: number;
  readonly #directory: DataDirectory;
  readonly #worker: Worker;
  readonly #numbers: Float64Array;
  readonly #appends = new Map<number, PendingAppend>();
  readonly #answers = new Map<number, Lsn>();
  readonly #requests = new Map<number, PromiseWithResolvers<void>>();
  readonly #followers = new Map<number, Follower>();
  readonly #listeners: ((state: LogState) => void)[] = [];
  readonly #blockageListeners: ((blockage: WalBlockage) => void)[] = [];
  /** Answers that wait for a replay, since entries are told of before their appends are answered. */
  readonly #held: (FromWriter & { readonly type: "appended" })[] = [];
  #state: LogState = { state: "connected" };
  #tail: Lsn = 0;
  #nextId = 1;
  #closing: Promise<void> | null = null;

  private constructor(directory: DataDirectory, worker: Worker, data: WriterData) {
    this.#directory = directory;
    this.#worker = worker;
    this.writer = data.writer;
    this.entryBytesMax = data.settings.entryBytesMax;
    this.#numbers = data.numbers;
  }

  static async start(
    directory: DataDirectory,
    loadedLsn: Lsn,
    settings: SqliteSettings,
  ): Promise<SqliteBackend> {
    const { databaseFile, ballastFile, places } = directory;
    const numbers = new Float64Array(new SharedArrayBuffer(numberCount * Float64Array.BYTES_PER_ELEMENT));
    const files = { databaseFile, ballastFile, loadedLsn, places };
    const data: WriterData = { writer: randomUUID(), ...files, settings, numbers };
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: data });
    const backend = new SqliteBackend(directory, worker, data);
    worker.on("message", (message: FromWriter) => backend.#hear(message));
    await once(worker, "message");
    worker.on("error", (error) => backend.#fail(`The writing thread stopped: ${String(error)}`));
    worker.on("exit", () => {
      if (backend.#closing === null) backend.#fail("The writing thread ended by itself.");
    });
    return backend;
  }

  /** An entry sent again under its number is not appended again: it gets the answer of the first. */
  append(seq: number, body: Uint8Array): Promise<Lsn> {
    const refusal = this.#refusal(body);
    if (refusal !== null) return Promise.reject(new NotAppendedError(refusal));
    const answered = this.#answers.get(seq);
    if (answered !== undefined) return Promise.resolve(answered);
    const pending = this.#appends.get(seq);
    if (pending !== undefined) return pending.answer.promise;
    // A copy with memory of its own: posting a view would send everything it is a view of.
    const copy = new Uint8Array(body);
    const answer = Promise.withResolvers<Lsn>();
    this.#appends.set(seq, { body: copy, answer });
    this.#send({ type: "append", seq, body: copy });
    return answer.promise;
  }

  #refusal(body: Uint8Array): string | null {
    if (this.#closing !== null) return "The log is closed.";
    if (this.#state.state === "failed") return `The log has failed: ${this.#state.cause}`;
    if (body.byteLength <= this.entryBytesMax) return null;
    return `An entry of ${body.byteLength} bytes is larger than ${this.entryBytesMax}.`;
  }

  follow(after: Lsn, onEntry: (entry: LogEntry) => void): void {
    const id = this.#takeId();
    this.#followers.set(id, { next: after + 1, isReplaying: true, onEntry });
    this.#send({ type: "replay", id, after });
  }

  tail(): Promise<Lsn> {
    return Promise.resolve(this.#tail);
  }

  /** While there is no room the rows wait, and the promise with them. @throws OutcomeUnknownError */
  write(rows: RowChanges): Promise<void> {
    const packed = packRows(rows);
    return this.#request((id) => this.#send({ type: "write", id, rows: packed }, movableParts(packed)));
  }

  trim(upTo: Lsn): Promise<void> {
    return this.#request((id) => this.#send({ type: "trim", id, upTo }));
  }

  #request(send: (id: number) => void): Promise<void> {
    if (this.#closing !== null || this.#state.state === "failed") {
      return Promise.reject(new OutcomeUnknownError("The store is closed or has failed."));
    }
    const id = this.#takeId();
    const answer = Promise.withResolvers<void>();
    this.#requests.set(id, answer);
    send(id);
    return answer.promise;
  }

  /** A listener hears at once of a state that is not `connected`. */
  onState(listener: (state: LogState) => void): void {
    this.#listeners.push(listener);
    if (this.#state.state !== "connected") listener(this.#state);
  }

  /** Called when a reader of the file begins or ceases to keep the write-ahead log from being emptied. */
  onWalBlockage(listener: (blockage: WalBlockage) => void): void {
    this.#blockageListeners.push(listener);
  }

  stats(): StorageStats {
    const at = (index: number) => this.#numbers[index] as number;
    return {
      walBytes: at(numberIndex.walBytes),
      walBlockedMs: at(numberIndex.walBlockedMs),
      lastCommitMs: at(numberIndex.lastCommitMs),
      lastCheckpointMs: at(numberIndex.lastCheckpointMs),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // A worker that is gone already says nothing more.
    if (this.#worker.threadId !== -1) {
      const exit = new Promise((resolve) => this.#worker.once("exit", resolve));
      this.#send({ type: "close" });
      await exit;
    }
    this.#rejectAll("The store was closed.");
    this.#directory.release();
  }

  #hear(message: FromWriter): void {
    if (this.#state.state === "failed") return;
    switch (message.type) {
      case "ready":
        this.#tail = message.tail;
        break;
      case "appended":
        if (this.#isReplaying()) this.#held.push(message);
        else this.#settle(message);
        break;
      case "notAppended":
        this.#refuse(message.seqs, message.cause);
        break;
      case "entries":
        for (const entry of message.entries) this.#tell(this.#followers.get(message.id), entry);
        break;
      case "done":
        this.#done(message.id);
        break;
      case "walBlockage":
        for (const listener of this.#blockageListeners) listener(message.blockage);
        break;
      case "state":
        if (message.state.state === "failed") this.#fail(message.state.cause);
        else this.#changeState(message.state);
        break;
    }
  }

  /** Everyone hears of an entry before the one who appended it is answered. */
  #settle({ firstLsn, seqs }: { readonly firstLsn: Lsn; readonly seqs: readonly number[] }): void {
    let lsn = firstLsn;
    for (const seq of seqs) {
      const { body, answer } = this.#takeAppend(seq);
      this.#tail = lsn;
      const entry: LogEntry = { lsn, writer: this.writer, seq, body };
      for (const follower of this.#followers.values()) this.#tell(follower, entry);
      this.#keepAnswer(seq, lsn);
      answer.resolve(lsn);
      lsn += 1;
    }
  }

  /** A replay may reach past what was waiting to be told: nobody hears of an entry twice. */
  #tell(follower: Follower | undefined, entry: LogEntry): void {
    if (follower === undefined || entry.lsn !== follower.next) return;
    follower.next += 1;
    follower.onEntry(entry);
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
  }

  #done(id: number): void {
    const follower = this.#followers.get(id);
    if (follower === undefined) {
      this.#requests.get(id)?.resolve();
      this.#requests.delete(id);
      return;
    }
    follower.isReplaying = false;
    if (!this.#isReplaying()) for (const held of this.#held.splice(0)) this.#settle(held);
  }

  #isReplaying(): boolean {
    for (const follower of this.#followers.values()) if (follower.isReplaying) return true;
    return false;
  }

  #fail(cause: string): void {
    if (this.#state.state === "failed") return;
    this.#changeState({ state: "failed", cause });
    this.#rejectAll(cause);
  }

  #rejectAll(cause: string): void {
    for (const { answer } of this.#appends.values()) answer.reject(new OutcomeUnknownError(cause));
    for (const answer of this.#requests.values()) answer.reject(new OutcomeUnknownError(cause));
    this.#appends.clear();
    this.#requests.clear();
  }

  #changeState(state: LogState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  #send(message: ToWriter, moved: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, moved);
  }
}
