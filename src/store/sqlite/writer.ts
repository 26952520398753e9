// What the writing thread does with what it is sent: everything waiting is appended in one commit, then rows
// are written. After an error whose outcome is unknown it never answers again: a later sync may succeed and
// prove nothing about the one that failed.

import Sqlite from "better-sqlite3";
import type { LogEntry, Lsn } from "../commit-log.ts";
import { StoreDatabase } from "./database.ts";
import type { AppendMessage, FromWriter, ToWriter, WriteMessage, WriterData } from "./messages.ts";
import { numberIndex } from "./messages.ts";
import { Space } from "./space.ts";
import { type CheckpointDone, WalKeeper } from "./wal-keeper.ts";

/** Entries sent back at once when the log is replayed. */
const replayEntriesMax = 64;
/** Part of the allowed size that must be free again before the service writes again. */
const freeShareMin = 1 / 16;

export class Writer {
  readonly #database: StoreDatabase;
  readonly #numbers: Float64Array;
  readonly #space: Space;
  readonly #wal: WalKeeper;
  readonly #post: (message: FromWriter) => void;
  /** Rows that found no room; they are tried again until there is some. */
  #waitingWrites: WriteMessage[] = [];
  #shortage: string | null = null;
  #hasFailed = false;
  #isTrimming = false;

  constructor(data: WriterData, post: (message: FromWriter) => void) {
    const { writer, databaseFile, ballastFile, settings, numbers } = data;
    this.#post = post;
    this.#numbers = numbers;
    this.#database = new StoreDatabase(databaseFile, { writer, databaseBytesMax: settings.databaseBytesMax });
    this.#space = new Space(ballastFile, settings);
    this.#wal = new WalKeeper(this.#database, { ...settings, databaseFile, numbers }, (error) =>
      this.#guard(() => this.#checkpointed(error)),
    );
    this.#post({ type: "ready", tail: this.#database.tail });
    this.#guard(() => this.#inRoom(() => this.#database.setCleanShutdown(false)));
    this.tick();
  }

  receive(messages: readonly ToWriter[]): void {
    this.#guard(() => {
      this.#append(messages.filter((message) => message.type === "append"));
      for (const message of messages) if (message.type !== "append") this.#do(message);
      this.#inRoom(() => this.#wal.afterBatch());
    });
    if (this.#isTrimming) setImmediate(() => this.#guard(() => this.#trimStep()));
  }

  /** Once a second: looks for room, empties an idle write-ahead log. */
  tick(): void {
    this.#guard(() => {
      this.#probe();
      this.#inRoom(() => this.#wal.tick());
    });
  }

  /** Says goodbye in the file, unless it ended badly. */
  async close(): Promise<void> {
    await this.#wal.close();
    this.#guard(() => {
      this.#inRoom(() => this.#database.setCleanShutdown(true));
      this.#inRoom(() => this.#database.checkpoint("TRUNCATE"));
    });
    this.#database.close();
  }

  #append(messages: readonly AppendMessage[]): void {
    if (messages.length === 0) return;
    const seqs = messages.map((message) => message.seq);
    const started = performance.now();
    let firstLsn: Lsn = 0;
    const hasRoom = this.#inRoom(() => {
      firstLsn = this.#database.append(messages);
    });
    this.#numbers[numberIndex.lastCommitMs] = performance.now() - started;
    if (!hasRoom) {
      this.#post({ type: "notAppended", seqs, cause: this.#shortage ?? "" });
      return;
    }
    this.#post({ type: "appended", firstLsn, seqs });
    if (this.#shortage !== null) this.#probe();
  }

  #do(message: Exclude<ToWriter, AppendMessage>): void {
    if (message.type === "write") this.#write(message);
    else if (message.type === "trim") this.#trim(message.id, message.upTo);
    else if (message.type === "replay") this.#replay(message.id, message.after);
  }

  /** Rows are written in the order of their positions, so one that waits keeps the later ones waiting. */
  #write(message: WriteMessage): void {
    this.#waitingWrites.push(message);
    this.#writeWaiting();
  }

  #writeWaiting(): void {
    for (let next = this.#waitingWrites[0]; next !== undefined; next = this.#waitingWrites[0]) {
      const { id, rows } = next;
      if (!this.#inRoom(() => this.#database.write(rows))) return;
      this.#waitingWrites.shift();
      this.#isTrimming = true;
      this.#post({ type: "done", id });
    }
  }

  /** Old rows go in small steps, each between two batches. */
  #trimStep(): void {
    if (!this.#isTrimming) return;
    this.#isTrimming = false;
    this.#inRoom(() => {
      this.#isTrimming = this.#database.trimStep();
    });
    if (this.#isTrimming) setImmediate(() => this.#guard(() => this.#trimStep()));
  }

  #trim(id: number, upTo: Lsn): void {
    const { appliedLsn } = this.#database;
    if (upTo > appliedLsn) throw new Error(`Entry ${upTo} may not go: the tables stand at ${appliedLsn}.`);
    this.#isTrimming = true;
    this.#post({ type: "done", id });
  }

  #replay(id: number, after: Lsn): void {
    let entries: LogEntry[] = [];
    for (const entry of this.#database.readLog(after)) {
      entries.push(entry);
      if (entries.length < replayEntriesMax) continue;
      this.#post({ type: "entries", id, entries });
      entries = [];
    }
    this.#post({ type: "entries", id, entries });
    this.#post({ type: "done", id });
  }

  #checkpointed(error: CheckpointDone["error"]): void {
    if (error === null) this.#inRoom(() => this.#wal.finish());
    else if (error.code === "SQLITE_FULL") this.#latch(error.message);
    else if (error.code !== "SQLITE_BUSY") throw new Error(error.message);
  }

  /** False when there was no room and nothing was done; any other error rises. */
  #inRoom(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof Sqlite.SqliteError) || error.code !== "SQLITE_FULL") throw error;
      this.#latch("The database is full.");
      return false;
    }
  }

  /**
   * A smaller write may still succeed on a full disk, so it is the room that decides when writing goes on. The
   * ballast's room goes to a checkpoint: a log that starts anew takes deletions without needing more disk.
   */
  #latch(cause: string): void {
    this.#space.dropBallast();
    if (this.#shortage !== null) return;
    this.#say(cause);
    this.#inRoom(() => this.#wal.finish());
  }

  #probe(): void {
    this.#writeWaiting();
    const shortage = this.#space.shortage();
    if (this.#shortage === null) {
      if (shortage !== null) this.#say(shortage);
      else if (!this.#space.takeBallast()) this.#say("The disk has no room for the ballast file.");
      return;
    }
    const isDatabaseFull = this.#database.freeShare() < freeShareMin;
    if (shortage !== null || isDatabaseFull || this.#waitingWrites.length > 0) return;
    if (!this.#space.takeBallast()) return;
    // Said again here, since there may have been no room to say it at the start.
    if (this.#inRoom(() => this.#database.setCleanShutdown(false))) this.#say(null);
  }

  #say(shortage: string | null): void {
    const before = this.#shortage;
    this.#shortage = shortage;
    if (shortage === null) this.#post({ type: "state", state: { state: "connected" } });
    else if (before === null) this.#post({ type: "state", state: { state: "read_only", cause: shortage } });
  }

  #guard(work: () => void): void {
    if (this.#hasFailed) return;
    try {
      work();
    } catch (error) {
      this.#hasFailed = true;
      const cause = error instanceof Error ? error.message : String(error);
      this.#post({ type: "state", state: { state: "failed", cause } });
    }
  }
}
