// Opens a data directory: what is in it, and the log and the tables that go on writing to it. They are two ports on one
// file and one thread.

import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mayHaveRebooted, noteBoot } from "./boot.ts";
import { claimDataDirectory, type DataDirectory, removeCopy } from "./data-directory.ts";
import { loadStore, type OpenedStore } from "./load.ts";
import type { WalBlockage } from "./messages.ts";
import { numberIndex, type WriterData } from "./messages.ts";
import { defaultSqliteSettings, type SqliteSettings } from "./settings.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { SqliteTables } from "./sqlite-tables.ts";
import { keepBeforeUpgrade, type Upgraded } from "./upgrade-copy.ts";
import { refuseDamagedWal } from "./wal-check.ts";
import { noteSeen, refuseOlder } from "./witness.ts";
import { WriterThread } from "./writer-thread.ts";

export interface StorageStats {
  readonly walBytes: number;
  /** For how long a reader of the file has kept its log from being emptied; 0 when none does. */
  readonly walBlockedMs: number;
  readonly lastCommitMs: number;
  readonly lastCheckpointMs: number;
}

interface Opening {
  readonly thread: WriterThread;
  readonly upgraded: Upgraded | null;
}

const numberCount = Object.keys(numberIndex).length;

export class OpenedSqlite {
  readonly loaded: OpenedStore;
  readonly log: SqliteLog;
  readonly tables: SqliteTables;
  /** Files, and perhaps the directory, that other users could open until now. */
  readonly tightened: readonly string[];
  /** Null where the file was of this version already. */
  readonly upgraded: Upgraded | null;
  /** Where a backup finds the database, and where one is made. */
  readonly files: { readonly databaseFile: string; readonly backupFile: string };
  readonly #thread: WriterThread;

  constructor(directory: DataDirectory, loaded: OpenedStore, { thread, upgraded }: Opening) {
    const { clusterId, position } = loaded;
    this.loaded = loaded;
    this.tightened = directory.tightened;
    this.upgraded = upgraded;
    const { databaseFile, backupFile } = directory;
    this.files = { databaseFile, backupFile };
    this.#thread = thread;
    this.log = new SqliteLog(thread, clusterId);
    const { appliedLsn: lsn, zxid, digest } = position;
    this.tables = new SqliteTables(thread, clusterId, { lsn, zxid, digest });
  }

  /** Called when a reader of the file begins or ceases to keep the write-ahead log from being emptied. */
  onWalBlockage(listener: (blockage: WalBlockage) => void): void {
    this.#thread.on("walBlockage", ({ blockage }) => listener(blockage));
  }

  stats(): StorageStats {
    const at = (index: number) => this.#thread.data.numbers[index] as number;
    return {
      walBytes: at(numberIndex.walBytes),
      walBlockedMs: at(numberIndex.walBlockedMs),
      lastCommitMs: at(numberIndex.lastCommitMs),
      lastCheckpointMs: at(numberIndex.lastCheckpointMs),
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
 * @throws CorruptStoreError | Error
 */
export async function openSqlite(
  directory: string,
  { clusterId, ...chosen }: Partial<SqliteSettings> & { readonly clusterId?: string } = {},
): Promise<OpenedSqlite> {
  const settings = { ...defaultSqliteSettings, ...chosen };
  const owned = claimDataDirectory(directory, settings);
  try {
    refuseBrokenRestore(owned);
    checkWal(owned);
    const upgraded = keepBeforeUpgrade(owned.databaseFile);
    const loaded = loadStore(owned.databaseFile, clusterId);
    refuseIfOlder(owned, loaded);
    // Not before the log is emptied: a start that ends earlier leaves it to the next one to judge as mildly.
    noteBoot(owned.bootFile);
    const thread = new WriterThread(owned, writerData(owned, loaded, settings));
    const opened = new OpenedSqlite(owned, loaded, { thread, upgraded });
    await thread.start();
    return opened;
  } catch (error) {
    owned.release();
    throw error;
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
  const numbers = new Float64Array(new SharedArrayBuffer(numberCount * Float64Array.BYTES_PER_ELEMENT));
  const files = { databaseFile, ballastFile, witnessFile, clusterId, loadedLsn: position.appliedLsn, places };
  return { writer: randomUUID(), ...files, settings, numbers };
}
