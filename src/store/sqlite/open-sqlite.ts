// Opens a data directory: what is in it, and the log and the tables that go on writing to it. They are two ports on one
// file and one thread.

import { randomUUID } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { cellsOf, Histogram, timeBoundsMs } from "../../histogram.ts";
import { mayHaveRebooted, noteBoot } from "./boot.ts";
import { claimDataDirectory, type DataDirectory, removeCopy } from "./data-directory.ts";
import { loadStore, type OpenedStore } from "./load.ts";
import { type LogHome, logIsElsewhere, noteLogHome } from "./log-home.ts";
import type { WalBlockage } from "./messages.ts";
import { numberIndex, type WriterData } from "./messages.ts";
import { defaultSqliteSettings, type SqliteSettings } from "./settings.ts";
import { asFullDisk, giveUpBallastIfFull } from "./space.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { SqliteTables } from "./sqlite-tables.ts";
import { keepBeforeUpgrade, type Upgraded } from "./upgrade-copy.ts";
import { refuseDamagedWal } from "./wal-check.ts";
import { noteSeen, refuseOlder } from "./witness.ts";
import { WriterThread } from "./writer-thread.ts";

/** Of the file, its disk and the thread that writes it. Totals count since the start. */
export interface StorageStats {
  /** What stands in the write-ahead log and is not in the file, or keeps it from starting anew. */
  readonly walBytes: number;
  /** Length of its file. */
  readonly walFileBytes: number;
  /** At which it is said that a reader of the file keeps it from being emptied. */
  readonly walBytesMax: number;
  /** For how long a reader of the file has kept its log from being emptied; 0 when none does. */
  readonly walBlockedMs: number;
  readonly lastCommitMs: number;
  /** Commits that were synced, be it of one entry or of many. */
  readonly commitsTotal: number;
  readonly commitMsTotal: number;
  readonly lastCheckpointMs: number;
  readonly checkpointsTotal: number;
  readonly checkpointMsTotal: number;
  /** Length of the database file, and what of it holds nothing. */
  readonly databaseBytes: number;
  readonly emptyBytes: number;
  /** What the database may grow to; 0 where there is no bound. */
  readonly databaseBytesMax: number;
  /** A file that keeps room for a full disk. */
  readonly ballastBytes: number;
  readonly diskBytes: number;
  /** What the disk has left, and with how much less than this the service is read-only. */
  readonly diskFreeBytes: number;
  readonly diskFreeBytesMin: number;
  /** Sent to the thread, and not answered. */
  readonly pendingAppends: number;
}

interface Opening {
  readonly thread: WriterThread;
  readonly upgraded: Upgraded | null;
}

type Chosen = Partial<SqliteSettings> & { readonly clusterId?: string; readonly logHome?: LogHome };

const numberCount = Object.keys(numberIndex).length;

export class OpenedSqlite {
  readonly loaded: OpenedStore;
  readonly log: SqliteLog;
  readonly tables: SqliteTables;
  /** Files, and perhaps the directory, that other users could open until now. */
  readonly tightened: readonly string[];
  /** Null where the file was of this version already. */
  readonly upgraded: Upgraded | null;
  /** Where a backup finds the database, and where one is made; where a snapshot for other servers is. */
  readonly files: Pick<DataDirectory, "databaseFile" | "backupFile" | "snapshotFile">;
  /** How long the thread took to commit and sync what it was sent. */
  readonly commitMs: Histogram;
  readonly #thread: WriterThread;

  constructor(directory: DataDirectory, loaded: OpenedStore, { thread, upgraded }: Opening) {
    const { clusterId, position } = loaded;
    this.loaded = loaded;
    this.tightened = directory.tightened;
    this.upgraded = upgraded;
    const { databaseFile, backupFile, snapshotFile } = directory;
    this.files = { databaseFile, backupFile, snapshotFile };
    this.#thread = thread;
    this.commitMs = new Histogram(timeBoundsMs, thread.data.commitCells);
    this.log = new SqliteLog(thread, clusterId);
    const { appliedLsn: lsn, zxid, digest } = position;
    this.tables = new SqliteTables(thread, clusterId, { lsn, zxid, digest });
  }

  /** Called when a reader of the file begins or ceases to keep the write-ahead log from being emptied. */
  onWalBlockage(listener: (blockage: WalBlockage) => void): void {
    this.#thread.on("walBlockage", ({ blockage }) => listener(blockage));
  }

  /** From the memory that the writing thread shares: nobody is asked. */
  stats(): StorageStats {
    const { numbers, settings } = this.#thread.data;
    const at = (name: keyof typeof numberIndex) => numbers[numberIndex[name]] as number;
    return {
      ...{ walBytes: at("walBytes"), walFileBytes: at("walFileBytes"), walBlockedMs: at("walBlockedMs") },
      walBytesMax: settings.walBytesMax,
      ...{ lastCommitMs: at("lastCommitMs"), commitsTotal: this.commitMs.count },
      ...{ commitMsTotal: this.commitMs.sum, lastCheckpointMs: at("lastCheckpointMs") },
      ...{ checkpointsTotal: at("checkpointsTotal"), checkpointMsTotal: at("checkpointMsTotal") },
      ...{ databaseBytes: at("databaseBytes"), emptyBytes: at("emptyBytes") },
      ...{ databaseBytesMax: settings.databaseBytesMax, ballastBytes: settings.ballastBytes },
      ...{ diskBytes: at("diskBytes"), diskFreeBytes: at("diskFreeBytes") },
      ...{ diskFreeBytesMin: settings.freeBytesMin, pendingAppends: this.log.pendingCount },
    };
  }

  /** Closes log and tables, unless whoever has them did. */
  async close(): Promise<void> {
    await this.log.close();
    await this.tables.close();
  }
}

/**
 * Takes the directory, reads what is in it and starts the writing thread.
 * @param chosen.clusterId whose the directory must be, and shall be where it is new; any where it is not given
 * @param chosen.logHome where its log is, which is noted, so that it is not served without it
 * @throws CorruptStoreError | Error
 */
export async function openSqlite(
  directory: string,
  { clusterId, logHome, ...chosen }: Chosen = {},
): Promise<OpenedSqlite> {
  const settings = { ...defaultSqliteSettings, ...chosen };
  const owned = claimDataDirectory(directory, settings);
  try {
    refuseBrokenRestore(owned);
    refuseBrokenMove(owned);
    giveUpBallastIfFull(owned.ballastFile);
    checkWal(owned);
    const upgraded = keepBeforeUpgrade(owned.databaseFile);
    const loaded = loadStore(owned.databaseFile, clusterId);
    if (!settings.isLogElsewhere && loaded.logHome !== null)
      throw new Error(logIsElsewhere(owned.path, loaded.logHome));
    refuseIfOlder(owned, loaded);
    if (logHome !== undefined) noteLogHome(owned.databaseFile, logHome);
    // Not before the log is emptied: a start that ends earlier leaves it to the next one to judge as mildly.
    noteBoot(owned.bootFile);
    const thread = new WriterThread(owned, writerData(owned, loaded, settings));
    const opened = new OpenedSqlite(owned, loaded, { thread, upgraded });
    await thread.start();
    return opened;
  } catch (error) {
    owned.release();
    throw asFullDisk(error, owned.path);
  }
}

/** It has moved aside what was there, and what it brings is not in its place yet: an empty store would be made there. */
function refuseBrokenRestore({ restoredFile, databaseFile, path }: DataDirectory): void {
  if (!existsSync(restoredFile)) return;
  if (!existsSync(databaseFile)) {
    throw new Error(
      `A restore into ${path} was broken off, and there is no database. Run it again with --force, or delete ` +
        `${restoredFile} to begin with an empty store. What was there is in a folder replaced-… beside it.`,
    );
  }
  removeCopy(restoredFile);
}

/** The same of what another log is to be moved into. */
function refuseBrokenMove({ incomingFolder, databaseFile, path }: DataDirectory): void {
  if (!existsSync(incomingFolder)) return;
  if (!existsSync(databaseFile)) {
    throw new Error(
      `What is to be moved into ${path} is not all there: run the same treekeeper migrate again, which finishes it, or with ` +
        "--undo, which leaves nothing of it here.",
    );
  }
  rmSync(incomingFolder, { recursive: true });
}

/** What was put there on purpose is as old as it is. */
function refuseIfOlder(
  { witnessFile, path }: DataDirectory,
  { clusterId, tail, restoreNote }: OpenedStore,
): void {
  const seen = { clusterId, lsn: tail };
  if (restoreNote === null) refuseOlder(witnessFile, seen, path);
  noteSeen(witnessFile, seen);
}

/** Before SQLite sees it: to open the file is to take damage for the end of the log. */
function checkWal({ databaseFile, bootFile }: DataDirectory): void {
  refuseDamagedWal(`${databaseFile}-wal`, { powerMayHaveFailed: mayHaveRebooted(bootFile) });
}

function writerData(
  { databaseFile, ballastFile, witnessFile, places }: DataDirectory,
  { position, clusterId }: OpenedStore,
  settings: SqliteSettings,
): WriterData {
  const numbers = sharedNumbers(numberCount);
  const commitCells = sharedNumbers(cellsOf(timeBoundsMs));
  const files = { databaseFile, ballastFile, witnessFile, clusterId, loadedLsn: position.appliedLsn, places };
  return { writer: randomUUID(), ...files, settings, numbers, commitCells };
}

function sharedNumbers(count: number): Float64Array<SharedArrayBuffer> {
  return new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT));
}
