// The one connection that writes the file, synchronous, for use on a thread of its own. An append is durable
// when the call returns; a write of rows is durable no later than the next append. It decides nothing about
// failures.

import { statSync } from "node:fs";
import Sqlite from "better-sqlite3";
import type { Covering, LogEntry, LogUsage, Lsn } from "../commit-log.ts";
import type { Position } from "../tables.ts";
import { type Connection, openConnection } from "./connection.ts";
import { prepareEntriesAfter, readEntries } from "./log-rows.ts";
import { type Meta, preparePutMeta, readMeta } from "./meta.ts";
import {
  type AccessRow,
  type ChangedColumns,
  type CreatedColumns,
  type PackedChanges,
  type PackedRows,
  type ParentColumns,
  type ReplyColumns,
  unpackChanged,
  unpackCreated,
  unpackParents,
  unpackReplies,
} from "./packed-rows.ts";
import type { Room } from "./room.ts";
import { type Checked, changesChecksum, entryChecksum } from "./row-checksums.ts";
import type { SqliteSettings } from "./settings.ts";
import type { Spare } from "./space.ts";
import { walFrameHeaderBytes } from "./wal-frames.ts";

export interface NewEntry {
  readonly seq: number;
  readonly body: Uint8Array;
}

/** Another process holds the lock that writing needs: nothing was done. */
export class LockedError extends Error {}

export interface WalLength {
  /** What stands in the write-ahead log since it last started anew. */
  readonly logBytes: number;
  /** The same; 0 when all of it is in the file, so that the next write may start it anew. */
  readonly unemptiedBytes: number;
  /** What of it is not in the file yet. */
  readonly unmovedBytes: number;
}

interface RemovalBounds {
  readonly logRows: number;
  readonly changeRows: number;
}

/** What may go: entries up to here, and messages. */
interface Old {
  readonly logUpTo: Lsn;
  readonly historyFloorZxid: number;
}

type Removal = RemovalBounds & Pick<Old, "logUpTo">;

/** Old rows removed in one transaction: more would make appends wait. A row of changes is a long one. */
const smallStep: RemovalBounds = { logRows: 200, changeRows: 8 };
/** Where there is no room, room comes first. */
const allAtOnce: RemovalBounds = { logRows: Number.MAX_SAFE_INTEGER, changeRows: Number.MAX_SAFE_INTEGER };

export class StoreDatabase {
  readonly #connection: Connection;
  readonly #file: string;
  readonly #writer: string;
  readonly #pageBytes: number;
  readonly #lockWaitMsMax: number;
  #isOwner = false;
  readonly #statements: Statements;
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
    this.#lockWaitMsMax = settings.lockWaitMsMax;
    this.#isLogElsewhere = settings.isLogElsewhere;
    this.#writer = settings.writer;
    this.#connection = openConnection(file);
    this.#setLockWait(this.#lockWaitMsMax);
    this.#connection.pragma(`journal_size_limit = ${settings.walBytesMax}`);
    this.#pageBytes = this.#pragmaNumber("page_size");
    this.#pagesMax = this.#boundPages(settings.databaseBytesMax);
    this.#givesBack = this.#pragmaNumber("auto_vacuum") !== 0;
    this.#statements = prepareStatements(this.#connection);
    this.#meta = readMeta(this.#connection, file);
    // Whoever loaded the file has emptied the write-ahead log into it before.
    this.#durable = coveringOf(this.#meta);
    const { appliedLsn } = this.#meta;
    const last = this.#statements.lastLsn.get() as number | null;
    if (appliedLsn !== settings.loadedLsn) throw this.#contested();
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
    this.#transaction(() => {
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
      this.#removeOld({ ...removal, historyFloorZxid });
      this.#writeRows(rows);
    });
    this.#measureUnreflected();
    this.#bytesTaken += rows.data.byteLength;
    for (const { messages } of rows.changes) this.#bytesTaken += messages.length;
    for (const text of rows.replyTexts) this.#bytesTaken += text.length;
  }

  #writeRows(rows: PackedRows): void {
    const statements = this.#statements;
    for (const id of rows.deletedZnodeIds) {
      statements.deleteZnode.run(id);
      statements.deleteParent.run(id);
    }
    for (const id of rows.closedSessionIds) statements.deleteSession.run(id);
    for (const zxid of rows.forgottenReplyZxids) statements.deleteReply.run(zxid);
    for (const firstZxid of rows.forgottenEpochZxids) statements.deleteEpoch.run(firstZxid);
    for (const id of rows.forgottenAclIds) statements.deleteAcl.run(id);
    for (const path of rows.deletedQuotaPaths) statements.deleteQuota.run(path);
    for (const record of rows.removedAccess) statements.deleteAccess.run(record);
    for (const columns of unpackCreated(rows)) statements.insertZnode.run(...columns);
    for (const columns of unpackChanged(rows)) statements.updateZnode.run(...columns);
    for (const columns of unpackParents(rows)) statements.putParent.run(...columns);
    for (const session of rows.sessions)
      statements.putSession.run({ touchedAt: null, owner: null, ...session });
    for (const columns of unpackReplies(rows)) statements.insertReply.run(...columns);
    for (const { path, limits } of rows.quotas) statements.putQuota.run({ path, ...noLimits, ...limits });
    for (const epoch of rows.epochs) statements.putEpoch.run(epoch);
    for (const row of rows.access) statements.putAccess.run(row);
    for (const acl of rows.acls) statements.putAcl.run(acl);
    for (const changes of rows.changes) {
      statements.insertChanges.run({ ...changes, checksum: changesChecksum(changes) });
    }
  }

  /** Removes some of the rows that nobody needs any more; true when there are more of them. */
  trimStep(): boolean {
    const old = { logUpTo: this.#trimmableLsn, historyFloorZxid: this.#meta.historyFloorZxid };
    if (!this.#hasOld(old)) return false;
    this.#unsyncedTransaction({}, () => this.#removeOld({ ...old, ...smallStep }));
    return this.#hasOld(old);
  }

  /** Removes the entries that rows in the file reflect: what is lost in a crash is lost from its end, so rows go last. */
  dropReflectedEntries(): void {
    const reflected = { logUpTo: this.#meta.appliedLsn, historyFloorZxid: 0 };
    if (!this.#hasOld(reflected)) return;
    this.#unsyncedTransaction({}, () => this.#removeOld({ ...reflected, ...allAtOnce }));
  }

  /** Removes all that rows reflect or nobody needs any more, and the oldest of the history until so much is left. */
  makeRoom(historyBytesKept: number): void {
    const last = this.#statements.lastChangeBeyond.get(historyBytesKept) as number | null;
    const historyFloorZxid = Math.max(last ?? 0, this.#meta.historyFloorZxid);
    const old = { logUpTo: this.#meta.appliedLsn, historyFloorZxid };
    if (!this.#hasOld(old)) return;
    this.#unsyncedTransaction({ historyFloorZxid }, () => this.#removeOld({ ...old, ...allAtOnce }));
  }

  #hasOld({ logUpTo, historyFloorZxid }: Old): boolean {
    const first = this.#statements.firstLsn.get() as number | null;
    if (first !== null && first <= logUpTo) return true;
    const oldest = this.#statements.firstChange.get() as number | null;
    return oldest !== null && oldest <= historyFloorZxid;
  }

  #removeOld({ logUpTo, historyFloorZxid, logRows, changeRows }: Removal & Old): void {
    const first = this.#statements.firstLsn.get() as number | null;
    if (first !== null) this.#statements.trimLog.run(Math.min(logUpTo, first + logRows - 1));
    this.#statements.trimChanges.run(historyFloorZxid, changeRows);
  }

  /** Whether the last process said goodbye. Durable when the call returns. */
  setCleanShutdown(isClean: boolean): void {
    this.#transaction(() => this.#statements.putCleanShutdown.run(isClean ? 1 : 0));
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
    this.#setLockWait(0);
    try {
      work();
    } finally {
      this.#setLockWait(this.#lockWaitMsMax);
    }
  }

  /** @throws LockedError */
  assertMayWrite(): void {
    this.#transaction(() => {});
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
      this.#transaction(() => {
        work();
        meta = this.#statements.putMeta({ ...meta, ...position });
      });
      this.#meta = meta;
    } finally {
      this.#connection.pragma("synchronous = FULL");
    }
  }

  #begin(): void {
    try {
      this.#statements.begin.run();
    } catch (error) {
      if (!(error instanceof Sqlite.SqliteError) || !error.code.startsWith("SQLITE_BUSY")) throw error;
      throw new LockedError(error.message);
    }
  }

  /**
   * Within each transaction: whoever writes last owns the file, and the one before it writes no more. The lock of the
   * directory keeps a second server out; this is for a lock that was removed under the first.
   */
  #assertOwner(): void {
    const { owner, putOwner, appliedLsn: readAppliedLsn, lastLsn } = this.#statements;
    if (owner.get() === this.#writer) return;
    if (this.#isOwner) {
      throw new Error(
        `Another server has taken over the database ${this.#file}; this one may write no more.`,
      );
    }
    const appliedLsn = readAppliedLsn.get() as Lsn;
    const tail = Math.max(appliedLsn, (lastLsn.get() as number | null) ?? 0);
    if (appliedLsn !== this.#meta.appliedLsn || tail !== this.#tail) throw this.#contested();
    putOwner.run(this.#writer);
  }

  #contested(): Error {
    return new Error(`Another server wrote to the database ${this.#file} while this one read it.`);
  }

  #setLockWait(ms: number): void {
    this.#connection.pragma(`busy_timeout = ${ms}`);
  }

  /**
   * Always IMMEDIATE: a transaction that starts by reading could find, at its first write, that it must not.
   */
  #transaction(work: () => void): void {
    this.#begin();
    try {
      this.#assertOwner();
      work();
      this.#statements.commit.run();
      this.#isOwner = true;
    } catch (error) {
      // SQLite ends a transaction by itself after some errors.
      if (this.#connection.inTransaction) this.#statements.rollback.run();
      throw error;
    }
  }
}

type DatabaseSettings = { readonly writer: string; readonly loadedLsn: Lsn } & Pick<
  SqliteSettings,
  "databaseBytesMax" | "isLogElsewhere" | "lockWaitMsMax" | "walBytesMax"
>;

/** SQLite asks for every named value. */
const noLimits = { countSoft: null, countHard: null, bytesSoft: null, bytesHard: null };

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
    begin: connection.prepare("BEGIN IMMEDIATE"),
    commit: connection.prepare("COMMIT"),
    rollback: connection.prepare("ROLLBACK"),
    appliedLsn: connection.prepare("SELECT applied_lsn FROM meta").pluck(),
    putMeta: preparePutMeta(connection),
    owner: connection.prepare("SELECT writer FROM owner").pluck(),
    putOwner: connection.prepare("UPDATE owner SET writer = ?"),
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
    firstLsn: connection.prepare("SELECT min(lsn) FROM log").pluck(),
    lastLsn: connection.prepare("SELECT max(lsn) FROM log").pluck(),
    bytesAfter: connection
      .prepare("SELECT coalesce(sum(octet_length(body)), 0) FROM log WHERE lsn > ?")
      .pluck(),
    entriesAfter: prepareEntriesAfter(connection),
    logUsage: connection.prepare(
      "SELECT count(*) AS entries, coalesce(sum(octet_length(body)), 0) AS bytes FROM log",
    ),
    trimLog: connection.prepare("DELETE FROM log WHERE lsn <= ?"),
  };
}

function prepareRowStatements(connection: Connection) {
  return {
    insertZnode: connection.prepare<CreatedColumns>(
      `INSERT INTO znode (id, path, data, czxid, mzxid, ctime_ms, mtime_ms, version, aversion,
         ephemeral_owner, sequence, ttl_ms, container, written_ran_ms, attempts, acl_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    updateZnode: connection.prepare<ChangedColumns>(
      `UPDATE znode SET data = ?, mzxid = ?, mtime_ms = ?, version = ?, aversion = ?, written_ran_ms = ?,
         attempts = ?, acl_id = ?
       WHERE id = ?`,
    ),
    putParent: connection.prepare<ParentColumns>(
      `INSERT INTO znode_children (id, cversion, next_sequence, pzxid) VALUES (?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET cversion = excluded.cversion, next_sequence = excluded.next_sequence,
         pzxid = excluded.pzxid`,
    ),
    deleteZnode: connection.prepare("DELETE FROM znode WHERE id = ?"),
    deleteParent: connection.prepare("DELETE FROM znode_children WHERE id = ?"),
    putSession: connection.prepare(
      `INSERT OR REPLACE INTO session (id, token_hash, timeout_ms, name, opened_zxid, opened_at_ms,
         touched_at, owner)
       VALUES (@id, @tokenHash, @timeoutMs, @name, @openedZxid, @openedAtMs, @touchedAt, @owner)`,
    ),
    deleteSession: connection.prepare("DELETE FROM session WHERE id = ?"),
    insertReply: connection.prepare<ReplyColumns>(
      "INSERT INTO reply (zxid, time_ms, key, request, outcome, ran_ms, scope) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    deleteReply: connection.prepare("DELETE FROM reply WHERE zxid = ?"),
    putQuota: connection.prepare(
      `INSERT OR REPLACE INTO quota (path, count_soft, count_hard, bytes_soft, bytes_hard)
       VALUES (@path, @countSoft, @countHard, @bytesSoft, @bytesHard)`,
    ),
    deleteQuota: connection.prepare("DELETE FROM quota WHERE path = ?"),
    putEpoch: connection.prepare("INSERT OR REPLACE INTO epoch (first_zxid, id) VALUES (@firstZxid, @id)"),
    deleteEpoch: connection.prepare("DELETE FROM epoch WHERE first_zxid = ?"),
    putAccess: connection.prepare<AccessRow>(
      "INSERT OR REPLACE INTO access (kind, name, record) VALUES (@kind, @name, @record)",
    ),
    deleteAccess: connection.prepare("DELETE FROM access WHERE kind = @kind AND name = @name"),
    putAcl: connection.prepare("INSERT OR REPLACE INTO acl (id, entries) VALUES (@id, @entries)"),
    deleteAcl: connection.prepare("DELETE FROM acl WHERE id = ?"),
    insertChanges: connection.prepare<Checked<PackedChanges>>(
      `INSERT INTO change (last_zxid, messages, ran_ms, checksum)
       VALUES (@lastZxid, @messages, @ranMs, @checksum)`,
    ),
    firstChange: connection.prepare("SELECT min(last_zxid) FROM change").pluck(),
    lastChangeBeyond: connection
      .prepare(
        `SELECT max(last_zxid) FROM
           (SELECT last_zxid, sum(octet_length(messages)) OVER (ORDER BY last_zxid DESC) AS bytes FROM change)
         WHERE bytes > ?`,
      )
      .pluck(),
    trimChanges: connection.prepare(
      `DELETE FROM change WHERE last_zxid IN
         (SELECT last_zxid FROM change WHERE last_zxid <= ? ORDER BY last_zxid LIMIT ?)`,
    ),
  };
}
