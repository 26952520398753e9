// The one connection that writes the file, synchronous, for use on a thread of its own. An append is durable
// when the call returns; a write of rows is durable no later than the next append. It decides nothing about
// failures.

import { statSync } from "node:fs";
import type { Covering, LogEntry, LogUsage, Lsn } from "../commit-log.ts";
import type { Position } from "../tables.ts";
import { type Connection, openConnection } from "./connection.ts";
import { prepareEntriesAfter, readEntries } from "./log-rows.ts";
import { type Meta, preparePutMeta, readMeta } from "./meta.ts";
import { allAtOnce, OldRows, type Removal, smallStep } from "./old-rows.ts";
import type { PackedRows } from "./packed-rows.ts";
import type { Room } from "./room.ts";
import { type Checked, entryChecksum } from "./row-checksums.ts";
import type { SqliteSettings } from "./settings.ts";
import type { Spare } from "./space.ts";
import { prepareRowStatements, writeRows } from "./table-rows.ts";
import { contested, Transactions } from "./transactions.ts";
import { walFrameHeaderBytes } from "./wal-frames.ts";

export interface NewEntry {
  readonly seq: number;
  readonly body: Uint8Array;
}

export interface WalLength {
  /** What stands in the write-ahead log since it last started anew. */
  readonly logBytes: number;
  /** The same; 0 when all of it is in the file, so that the next write may start it anew. */
  readonly unemptiedBytes: number;
  /** What of it is not in the file yet. */
  readonly unmovedBytes: number;
}

export class StoreDatabase {
  readonly #connection: Connection;
  readonly #file: string;
  readonly #writer: string;
  readonly #pageBytes: number;
  readonly #transactions: Transactions;
  readonly #statements: Statements;
  readonly #old: OldRows;
  /** Pages the file may have; null for as many as the disk has. */
  readonly #pagesMax: number | null;
  readonly #givesBack: boolean;
  #tail: Lsn;
  /** As it stands in the file. */
  #meta: Meta;
  readonly #isLogElsewhere: boolean;
  /** What of it was there when something was synced last. */
  #durable: Covering;
  /** Entries up to here may go. */
  #trimmableLsn: Lsn = 0;
  #bytesTaken = 0;
  #unreflectedBytes = 0;

  /**
   * @param settings.writer the name of this incarnation, written beside each entry
   * @param settings.loadedLsn where the tables stood when they were read
   */
  constructor(file: string, settings: DatabaseSettings) {
    this.#file = file;
    this.#isLogElsewhere = settings.isLogElsewhere;
    this.#writer = settings.writer;
    this.#connection = openConnection(file);
    this.#transactions = new Transactions(this.#connection, {
      ...{ file, writer: settings.writer, lockWaitMsMax: settings.lockWaitMsMax },
      isAsRead: () => this.#isAsRead(),
    });
    this.#connection.pragma(`journal_size_limit = ${settings.walBytesMax}`);
    this.#pageBytes = this.#pragmaNumber("page_size");
    this.#pagesMax = this.#boundPages(settings.databaseBytesMax);
    this.#givesBack = this.#pragmaNumber("auto_vacuum") !== 0;
    this.#statements = prepareStatements(this.#connection);
    this.#old = new OldRows(this.#connection);
    this.#meta = readMeta(this.#connection, file);
    // Whoever loaded the file has emptied the write-ahead log into it before.
    this.#durable = coveringOf(this.#meta);
    const { appliedLsn } = this.#meta;
    const last = this.#statements.lastLsn.get() as number | null;
    if (appliedLsn !== settings.loadedLsn) throw contested(file);
    this.#tail = Math.max(appliedLsn, last ?? 0);
    this.#measureUnreflected();
  }

  /** A file that is larger already keeps its size. */
  #boundPages(bytesMax: number): number | null {
    if (bytesMax === 0) return null;
    return this.#pragmaNumber(`max_page_count = ${Math.ceil(bytesMax / this.#pageBytes)}`);
  }

  #measureUnreflected(): void {
    this.#unreflectedBytes = this.#statements.bytesAfter.get(this.#meta.appliedLsn) as number;
  }

  /** What SQLite keeps open for as long as this does. */
  get files(): readonly string[] {
    return [this.#file, `${this.#file}-wal`, `${this.#file}-shm`];
  }

  get tail(): Lsn {
    return this.#tail;
  }

  /** Up to where the rows are durable. */
  get durable(): Covering {
    return this.#durable;
  }

  /** About how much was given to write so far: entries, data and messages. */
  get bytesTaken(): number {
    return this.#bytesTaken;
  }

  /** One commit, one fsync, however many entries. Answers the first entry's place; the others follow it. */
  append(entries: readonly NewEntry[]): Lsn {
    const first = this.#tail + 1;
    this.#transactions.run(() => {
      let lsn = first;
      for (const { seq, body } of entries) {
        const entry = { lsn, writer: this.#writer, seq, body };
        this.#statements.insertEntry.run({ ...entry, checksum: entryChecksum(entry) });
        lsn += 1;
        this.#bytesTaken += body.byteLength;
      }
    });
    this.#tail += entries.length;
    this.#durable = coveringOf(this.#meta);
    for (const { body } of entries) this.#unreflectedBytes += body.byteLength;
    return first;
  }

  /** Entries after `after`, in order. Read to the end or return. */
  readLog(after: Lsn): Generator<LogEntry> {
    return readEntries(this.#statements.entriesAfter, { file: this.#file, after, tail: this.#tail });
  }

  logUsage(): LogUsage {
    return this.#statements.logUsage.get() as LogUsage;
  }

  /** Entries up to here may go; `trimStep` takes them. */
  trimLog(upTo: Lsn): void {
    this.#trimmableLsn = Math.max(this.#trimmableLsn, upTo);
  }

  /**
   * Writes the rows and, in the same transaction, their position. No fsync: what survives a crash is always a
   * prefix of the write-ahead log, so a position can never outlive the rows it speaks of.
   */
  write(rows: PackedRows): void {
    this.#write(rows, { logUpTo: this.#trimmableLsn, ...smallStep });
  }

  /**
   * As `write`, where there is no room for the rows beside the entries they reflect. Both are in one file: one transaction
   * puts these in the place of those, and a crash finds one or the other.
   */
  writeInPlaceOfEntries(rows: PackedRows): void {
    this.#write(rows, { logUpTo: rows.position.appliedLsn, ...allAtOnce });
  }

  /** The same, and in the place of the whole history, of which nothing is kept: the tree comes before what was told of it. */
  writeWithoutHistory(rows: PackedRows): void {
    const position = { ...rows.position, historyFloorZxid: rows.position.zxid };
    this.#write({ ...rows, changes: [], position }, { logUpTo: position.appliedLsn, ...allAtOnce });
  }

  #write(rows: PackedRows, removal: Removal): void {
    const { appliedLsn } = rows.position;
    if (this.#isLogElsewhere) this.#tail = Math.max(this.#tail, appliedLsn);
    if (appliedLsn > this.#tail)
      throw new Error(`Rows as of entry ${appliedLsn}, but the log ends at ${this.#tail}.`);
    // The file may have given up more of the history than those who wrote the rows know.
    const historyFloorZxid = Math.max(rows.position.historyFloorZxid, this.#meta.historyFloorZxid);
    this.#unsyncedTransaction({ ...rows.position, historyFloorZxid }, () => {
      // Removal comes first: in a full file it makes the room that the rest needs.
      this.#old.remove({ ...removal, historyFloorZxid });
      writeRows(this.#statements, rows);
    });
    this.#measureUnreflected();
    this.#bytesTaken += rows.data.byteLength;
    for (const { messages } of rows.changes) this.#bytesTaken += messages.length;
    for (const text of rows.replyTexts) this.#bytesTaken += text.length;
  }

  /** Removes some of the rows that nobody needs any more; true when there are more of them. */
  trimStep(): boolean {
    const old = { logUpTo: this.#trimmableLsn, historyFloorZxid: this.#meta.historyFloorZxid };
    if (!this.#old.has(old)) return false;
    this.#unsyncedTransaction({}, () => this.#old.remove({ ...old, ...smallStep }));
    return this.#old.has(old);
  }

  /** Removes the entries that rows in the file reflect: what is lost in a crash is lost from its end, so rows go last. */
  dropReflectedEntries(): void {
    const reflected = { logUpTo: this.#meta.appliedLsn, historyFloorZxid: 0 };
    if (!this.#old.has(reflected)) return;
    this.#unsyncedTransaction({}, () => this.#old.remove({ ...reflected, ...allAtOnce }));
  }

  /** Removes all that rows reflect or nobody needs any more, and the oldest of the history until so much is left. */
  makeRoom(historyBytesKept: number): void {
    const last = this.#old.lastChangeBeyond(historyBytesKept);
    const historyFloorZxid = Math.max(last, this.#meta.historyFloorZxid);
    const old = { logUpTo: this.#meta.appliedLsn, historyFloorZxid };
    if (!this.#old.has(old)) return;
    this.#unsyncedTransaction({ historyFloorZxid }, () => this.#old.remove({ ...old, ...allAtOnce }));
  }

  /** Whether the last process said goodbye. Durable when the call returns. */
  setCleanShutdown(isClean: boolean): void {
    this.#transactions.run(() => this.#statements.putCleanShutdown.run(isClean ? 1 : 0));
  }

  /** Moves the write-ahead log into the file, as far as nobody is in the way. */
  checkpoint(): void {
    this.#connection.pragma("wal_checkpoint(PASSIVE)");
  }

  /** The same, and cuts its file where nobody reads; waits for no one. */
  emptyWal(): void {
    this.withoutWaiting(() => this.#connection.pragma("wal_checkpoint(TRUNCATE)"));
  }

  /** Whatever the work needs a lock for that another process holds, it fails at once. */
  withoutWaiting(work: () => void): void {
    this.#transactions.withoutWaiting(work);
  }

  /** @throws LockedError */
  assertMayWrite(): void {
    this.#transactions.run(() => {});
  }

  walLength(): WalLength {
    const [row] = this.#connection.pragma("wal_checkpoint(NOOP)") as [WalRow];
    const frameBytes = this.#pageBytes + walFrameHeaderBytes;
    const logBytes = Math.max(0, row.log) * frameBytes;
    const unmovedBytes = Math.max(0, row.log - row.checkpointed) * frameBytes;
    return { logBytes, unemptiedBytes: unmovedBytes === 0 ? 0 : logBytes, unmovedBytes };
  }

  /** Room within the files there are, however large they may become. */
  spare(): Spare & { readonly fileBytes: number } {
    const fileBytes = statSync(this.#file).size;
    const emptyBytes = this.#pragmaNumber("freelist_count") * this.#pageBytes;
    const growthBytes = Math.max(0, this.#pragmaNumber("page_count") * this.#pageBytes - fileBytes);
    const walFileBytes = statSync(`${this.#file}-wal`).size;
    return { fileBytes, emptyBytes, growthBytes, walFileBytes, unreflectedBytes: this.#unreflectedBytes };
  }

  /** Room within the size the file may have; null where only the disk bounds it. */
  room(): Room | null {
    if (this.#pagesMax === null) return null;
    const usedPages = this.#pragmaNumber("page_count") - this.#pragmaNumber("freelist_count");
    return {
      boundBytes: this.#pagesMax * this.#pageBytes,
      freeBytes: Math.max(0, this.#pagesMax - usedPages) * this.#pageBytes,
      unreflectedBytes: this.#unreflectedBytes,
    };
  }

  /** How many pages hold nothing, of how many, and whether the file was made to give them back. */
  emptyPages(): { readonly empty: number; readonly all: number; readonly canGo: boolean } {
    const empty = this.#pragmaNumber("freelist_count");
    return { empty, all: this.#pragmaNumber("page_count"), canGo: this.#givesBack };
  }

  /**
   * So many of the last pages go; what is in them moves to empty ones. The file is shorter from the next checkpoint on.
   * @throws LockedError at once: this can wait
   */
  giveBack(pages: number): void {
    // Run to its end, which is what `pragma` does: each of its steps gives one page back.
    const vacuum = () => this.#connection.pragma(`incremental_vacuum(${pages})`);
    this.withoutWaiting(() => this.#unsyncedTransaction({}, vacuum));
    this.#bytesTaken += pages * this.#pageBytes;
  }

  close(): void {
    this.#connection.close();
  }

  #pragmaNumber(pragma: string): number {
    return this.#connection.pragma(pragma, { simple: true }) as number;
  }

  /**
   * A write of rows, and of where they stand. What is written without a sync writes the page of `meta`: by that it is told
   * from an entry of the log, should frames be found damaged (`wal-check.ts`).
   */
  #unsyncedTransaction(position: Partial<Position>, work: () => void): void {
    let meta = this.#meta;
    this.#connection.pragma("synchronous = NORMAL");
    try {
      this.#transactions.run(() => {
        work();
        meta = this.#statements.putMeta({ ...meta, ...position });
      });
      this.#meta = meta;
    } finally {
      this.#connection.pragma("synchronous = FULL");
    }
  }

  /** Nobody has written to it since. */
  #isAsRead(): boolean {
    const appliedLsn = this.#statements.appliedLsn.get() as Lsn;
    const tail = Math.max(appliedLsn, (this.#statements.lastLsn.get() as number | null) ?? 0);
    return appliedLsn === this.#meta.appliedLsn && tail === this.#tail;
  }
}

type DatabaseSettings = { readonly writer: string; readonly loadedLsn: Lsn } & Pick<
  SqliteSettings,
  "databaseBytesMax" | "isLogElsewhere" | "lockWaitMsMax" | "walBytesMax"
>;

function coveringOf({ appliedLsn, zxid, digest }: Position): Covering {
  return { lsn: appliedLsn, zxid, digest };
}

interface WalRow {
  readonly log: number;
  readonly checkpointed: number;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(connection: Connection) {
  return {
    appliedLsn: connection.prepare("SELECT applied_lsn FROM meta").pluck(),
    putMeta: preparePutMeta(connection),
    putCleanShutdown: connection.prepare("UPDATE meta SET clean_shutdown = ?"),
    ...prepareLogStatements(connection),
    ...prepareRowStatements(connection),
  };
}

function prepareLogStatements(connection: Connection) {
  return {
    insertEntry: connection.prepare<Checked<LogEntry>>(
      "INSERT INTO log (lsn, writer, seq, body, checksum) VALUES (@lsn, @writer, @seq, @body, @checksum)",
    ),
    lastLsn: connection.prepare("SELECT max(lsn) FROM log").pluck(),
    bytesAfter: connection
      .prepare("SELECT coalesce(sum(octet_length(body)), 0) FROM log WHERE lsn > ?")
      .pluck(),
    entriesAfter: prepareEntriesAfter(connection),
    logUsage: connection.prepare(
      "SELECT count(*) AS entries, coalesce(sum(octet_length(body)), 0) AS bytes FROM log",
    ),
  };
}
