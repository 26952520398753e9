// What the writing thread does with what it is sent: everything waiting is appended in one commit, then rows
// are written. After an error whose outcome is unknown it never answers again: a later sync may succeed and
// prove nothing about the one that failed.

import { Histogram, timeBoundsMs } from "../../histogram.ts";
import type { LogEntry, Lsn } from "../commit-log.ts";
import { StoreDatabase } from "./database.ts";
import type { Answers, AppendMessage, FromWriter, Request, ToWriter, WriterData } from "./messages.ts";
import { numberIndex } from "./messages.ts";
import type { PackedRows } from "./packed-rows.ts";
import { hasRoomBeside, historyBytesKept } from "./room.ts";
import { RoomKeeper } from "./room-keeper.ts";
import { Shrinker } from "./shrinker.ts";
import { Space } from "./space.ts";
import { type CheckpointDone, WalKeeper } from "./wal-keeper.ts";
import { displacement, type Place, placeOf } from "./whereabouts.ts";
import { noteSeen } from "./witness.ts";

/** What is sent back at once where the log is read: an entry that is larger goes alone. */
const readEntriesMax = 64;
const readBytesMax = 4_194_304;
/** Ticks that appends wait for rows to be written before they are refused. */
const heldTicksMax = 2;
/** How old a look at the files may be when something is appended. */
const lookEveryMs = 50;

interface WaitingWrite {
  readonly id: number;
  readonly rows: PackedRows;
}

export class Writer {
  readonly #database: StoreDatabase;
  readonly #numbers: Float64Array;
  readonly #commitMs: Histogram;
  readonly #places: readonly Place[];
  readonly #witness: Pick<WriterData, "witnessFile" | "clusterId">;
  #lastLookMs = 0;
  readonly #wal: WalKeeper;
  readonly #shrinker: Shrinker;
  readonly #room: RoomKeeper;
  readonly #post: (message: FromWriter) => void;
  /** Rows that found no room; they are tried again until there is some. */
  #waitingWrites: WaitingWrite[] = [];
  /** Appends for which there will be room when the entries before them are rows. */
  #heldAppends: AppendMessage[] = [];
  #heldTicks = 0;
  #hasFailed = false;
  #isTrimming = false;
  #toldDurableLsn: Lsn;

  constructor(data: WriterData, post: (message: FromWriter) => void) {
    const { writer, databaseFile, ballastFile, loadedLsn, settings, numbers, commitCells } = data;
    this.#post = post;
    this.#numbers = numbers;
    this.#commitMs = new Histogram(timeBoundsMs, commitCells);
    this.#toldDurableLsn = loadedLsn;
    this.#witness = data;
    this.#database = new StoreDatabase(databaseFile, { writer, loadedLsn, ...settings });
    this.#wal = new WalKeeper(
      this.#database,
      { ...settings, databaseFile, numbers },
      {
        onDone: (done) => this.#guard(() => this.#checkpointed(done)),
        onBlockage: (blockage) => this.#post({ type: "walBlockage", blockage }),
      },
    );
    this.#shrinker = new Shrinker(this.#database, settings);
    this.#room = new RoomKeeper({
      ...{ database: this.#database, wal: this.#wal, numbers, settings, post },
      space: new Space(ballastFile, settings),
      writeWaiting: () => this.#writeWaiting(),
    });
    this.#post({ type: "ready", tail: this.#database.tail });
    this.#guard(() => this.#room.inRoom(() => this.#database.setCleanShutdown(false)));
    this.#places = [...data.places, ...this.#database.files.map(placeOf)];
    this.tick();
  }

  receive(messages: readonly ToWriter[]): void {
    this.#guard(() => {
      if (performance.now() - this.#lastLookMs >= lookEveryMs) this.#assertInPlace();
      this.#append(messages.filter((message) => message.type === "append"));
      for (const message of messages) if (message.type === "request") this.#do(message.id, message.request);
      this.#append([]);
      if (this.#room.isProbeDue) this.#room.probe();
      this.#room.inRoom(() => this.#wal.afterBatch());
    });
    if (this.#isTrimming) setImmediate(() => this.#guard(() => this.#trimStep()));
  }

  /** Once a second: looks at the files and for room, empties an idle write-ahead log. */
  tick(): void {
    this.#guard(() => {
      this.#assertInPlace();
      if (this.#heldAppends.length > 0) this.#heldTicks += 1;
      this.#append([]);
      this.#room.probe();
      this.#room.inRoom(() => this.#wal.tick());
      this.#shrinker.look();
    });
    this.#shrinkSoon();
  }

  /** Says goodbye in the file, unless it ended badly. */
  async close(): Promise<void> {
    this.#shrinker.stop();
    await this.#wal.close();
    this.#guard(() => {
      this.#assertInPlace();
      if (this.#heldAppends.length > 0) this.#refuse(this.#heldAppends.splice(0), "The log is closed.");
      this.#room.inRoom(() => this.#database.setCleanShutdown(true));
      this.#room.inRoom(() => this.#database.emptyWal());
      const { witnessFile, clusterId } = this.#witness;
      noteSeen(witnessFile, { clusterId, lsn: this.#database.tail });
    });
    this.#database.close();
  }

  /** What is written to files that nobody can find again is lost, however well it is synced. */
  #assertInPlace(): void {
    this.#lastLookMs = performance.now();
    const fault = displacement(this.#places);
    if (fault !== null) throw new Error(fault);
  }

  /** What was held goes first: entries keep the order they were sent in. */
  #append(arrived: readonly AppendMessage[]): void {
    if (arrived.length + this.#heldAppends.length === 0) return;
    const messages = [...this.#heldAppends.splice(0), ...arrived];
    const bytes = messages.reduce((sum, { body }) => sum + body.byteLength, 0);
    if (!this.#room.fits(bytes) && this.#mayHold()) {
      this.#heldAppends = messages;
      return;
    }
    this.#heldTicks = 0;
    if (this.#room.fits(bytes)) this.#appendNow(messages);
    else for (const message of messages) this.#appendIfRoomCanBeMade(message);
  }

  #appendIfRoomCanBeMade(message: AppendMessage): void {
    const bytes = message.body.byteLength;
    this.#room.makeRoom(this.#room.shortage === null ? historyBytesKept : () => 0);
    if (this.#room.fits(bytes)) {
      this.#appendNow([message]);
      return;
    }
    const cause = "The database has too little room left within its allowed size.";
    this.#room.refused(bytes, cause);
    this.#refuse([message], cause);
  }

  #appendNow(messages: readonly AppendMessage[]): void {
    const started = performance.now();
    let firstLsn: Lsn = 0;
    const append = () => {
      firstLsn = this.#database.append(messages);
    };
    const hasRoom = this.#room.inRoom(append) || (this.#room.giveUpHistory() && this.#room.inRoom(append));
    const tookMs = performance.now() - started;
    this.#numbers[numberIndex.lastCommitMs] = tookMs;
    this.#commitMs.observe(tookMs);
    if (!hasRoom) {
      this.#refuse(messages, this.#room.shortage ?? "");
      return;
    }
    this.#tellDurable();
    this.#post({ type: "appended", firstLsn, seqs: messages.map(({ seq }) => seq) });
    if (this.#room.shortage !== null) this.#room.probe();
  }

  /** What was written before a commit that is synced is durable with it. */
  #tellDurable(): void {
    const { durable } = this.#database;
    if (durable.lsn === this.#toldDurableLsn) return;
    this.#toldDurableLsn = durable.lsn;
    this.#post({ type: "durable", covering: durable });
  }

  /** Rows of entries that are in the log come soon, and with them the room of those entries. */
  #mayHold(): boolean {
    if (this.#waitingWrites.length > 0 || this.#heldTicks >= heldTicksMax) return false;
    return (this.#database.room()?.unreflectedBytes ?? 0) > 0;
  }

  #refuse(messages: readonly AppendMessage[], cause: string): void {
    this.#post({ type: "notAppended", seqs: messages.map(({ seq }) => seq), cause });
  }

  #do(id: number, request: Request): void {
    if (request.type === "write") this.#write({ id, rows: request.rows });
    else if (request.type === "trim") this.#trim(id, request.upTo);
    else if (request.type === "read") this.#answer(id, this.#entriesAfter(request.after));
    else this.#answer(id, this.#database.logUsage());
  }

  #answer(id: number, value?: Answers[keyof Answers]): void {
    this.#post({ type: "answer", id, value });
  }

  /** Rows are written in the order of their positions, so one that waits keeps the later ones waiting. */
  #write(message: WaitingWrite): void {
    this.#waitingWrites.push(message);
    if (this.#room.shortage === null) this.#writeWaiting();
    else this.#room.probe();
  }

  /** Whether none waits any more. */
  #writeWaiting(): boolean {
    for (let next = this.#waitingWrites[0]; next !== undefined; next = this.#waitingWrites[0]) {
      const { id, rows } = next;
      if (!this.#room.inRoom(() => this.#writeRows(rows)) && !this.#writeWithoutHistory(rows)) return false;
      this.#waitingWrites.shift();
      this.#isTrimming = true;
      this.#answer(id);
    }
    return true;
  }

  #writeRows(rows: PackedRows): void {
    const room = this.#database.room();
    if (room === null || hasRoomBeside(room)) this.#database.write(rows);
    else this.#database.writeInPlaceOfEntries(rows);
  }

  /** A disk that is full may have room later; a file that is will not, so the history yields. */
  #writeWithoutHistory(rows: PackedRows): boolean {
    return this.#room.isFileFull() && this.#room.inRoom(() => this.#database.writeWithoutHistory(rows));
  }

  /** Old rows go in small steps, each between two batches. */
  #trimStep(): void {
    if (!this.#isTrimming) return;
    this.#isTrimming = false;
    this.#room.inRoom(() => {
      this.#isTrimming = this.#database.trimStep();
    });
    if (this.#isTrimming) setImmediate(() => this.#guard(() => this.#trimStep()));
  }

  /** Empty pages go back to the disk in small steps, too. Without room there is none to move them with. */
  #shrinkSoon(): void {
    setImmediate(() => this.#guard(() => this.#shrinkStep()));
  }

  #shrinkStep(): void {
    if (this.#room.shortage !== null) return;
    this.#room.inRoom(() => {
      const isToGoOn = this.#shrinker.step();
      if (isToGoOn) this.#wal.afterStep();
      if (isToGoOn) this.#shrinkSoon();
    });
  }

  #trim(id: number, upTo: Lsn): void {
    const { lsn } = this.#database.durable;
    if (upTo > lsn) {
      const cause = `Entries up to ${upTo} may not go: the rows that are durable end at ${lsn}.`;
      this.#post({ type: "refused", id, cause });
      return;
    }
    this.#database.trimLog(upTo);
    this.#isTrimming = true;
    this.#answer(id);
  }

  #entriesAfter(after: Lsn): LogEntry[] {
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (const entry of this.#database.readLog(after)) {
      entries.push(entry);
      bytes += entry.body.byteLength;
      if (entries.length === readEntriesMax || bytes >= readBytesMax) break;
    }
    return entries;
  }

  #checkpointed({ error, isComplete }: CheckpointDone): void {
    if (error === null) this.#room.inRoom(() => this.#wal.finish({ isComplete }));
    else if (error.code === "SQLITE_FULL") this.#room.latch(error.message);
    else if (error.code !== "SQLITE_BUSY") throw new Error(error.message);
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
