// What a tool looks at is a copy: nothing is opened for writing, locked for long, upgraded or emptied where it stands, and
// what stands there is the same before and after, byte for byte. The copy is then treated as a start of the service would.

import { chmodSync, constants, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Lsn } from "../store/commit-log.ts";
import { type BackupMarker, dropBackupMarker, readBackupMarker } from "../store/sqlite/backup-marker.ts";
import { mayHaveRebooted } from "../store/sqlite/boot.ts";
import { openConnection } from "../store/sqlite/connection.ts";
import { isInUse } from "../store/sqlite/in-use.ts";
import { loadStore, type OpenedStore } from "../store/sqlite/load.ts";
import { prepareEntriesAfter, readEntries } from "../store/sqlite/log-rows.ts";
import { fileNames } from "../store/sqlite/privacy.ts";
import { DamagedWalError, findWalDamage } from "../store/sqlite/wal-check.ts";
import { copyLive } from "./live-copy.ts";
import { asOfflineError, OfflineError } from "./offline-error.ts";
import { Scratch } from "./scratch.ts";

/** A service that starts or stops meanwhile is waited for so often. */
const attemptsMax = 5;

type Connection = ReturnType<typeof openConnection>;
type LogEntries = ReturnType<typeof readEntries>;

export class StoreCopy {
  /** The database that was copied. */
  readonly original: string;
  readonly file: string;
  /** Whether a service wrote it meanwhile. */
  readonly isLive: boolean;
  readonly #scratch: Scratch;
  #marker: BackupMarker | null = null;

  private constructor(original: string, file: string, isLive: boolean, scratch: Scratch) {
    this.original = original;
    this.file = file;
    this.isLive = isLive;
    this.#scratch = scratch;
  }

  /**
   * @param path a data directory, or a database file such as a backup
   * @param above where the copy may lie
   * @throws OfflineError | DamagedWalError
   */
  static async of(path: string, above?: string): Promise<StoreCopy> {
    try {
      const original = databaseAt(path);
      const scratch = new Scratch(above);
      try {
        scratch.assertRoomFor(sizeOf(original));
        const file = join(scratch.folder, fileNames.database);
        const isLive = await copyInto(original, file);
        return new StoreCopy(original, file, isLive, scratch);
      } catch (error) {
        scratch.remove();
        throw error;
      }
    } catch (error) {
      throw asOfflineError(error, path);
    }
  }

  /** As of the rows; the rest of the log comes after it. @throws CorruptStoreError, NewerVersionError, Error */
  load(): OpenedStore {
    this.#takeMarker();
    return loadStore(this.file);
  }

  /** The moment that a backup is of; null for any other database, and before it is loaded. */
  get marker(): BackupMarker | null {
    return this.#marker;
  }

  /** A start refuses what is marked as a backup; the copy is not served. */
  #takeMarker(): void {
    const connection = this.connect();
    try {
      this.#marker ??= readBackupMarker(connection, this.file);
      dropBackupMarker(connection);
    } finally {
      connection.close();
    }
  }

  /** The entries of the log behind one of them; all that are there unless it is given. @throws CorruptStoreError */
  *entries(after?: Lsn): LogEntries {
    const connection = this.connect();
    try {
      const first = connection.prepare("SELECT min(lsn) FROM log").pluck().get() as Lsn | null;
      if (first === null) return;
      const begin = { file: this.file, after: after ?? first - 1, tail: 0 };
      yield* readEntries(prepareEntriesAfter(connection), begin);
    } finally {
      connection.close();
    }
  }

  /** Where the directory it is in says how far it had come; null for what is not in its place. */
  get witnessFile(): string | null {
    const isInPlace = basename(this.original) === fileNames.database;
    return isInPlace ? join(dirname(this.original), fileNames.witness) : null;
  }

  connect(): Connection {
    return openConnection(this.file);
  }

  /** What was said of the copy, of what it is a copy of. */
  named(text: string): string {
    return text.replaceAll(this.file, this.original).replaceAll(dirname(this.file), dirname(this.original));
  }

  remove(): void {
    this.#scratch.remove();
  }
}

/** A database that is named within its directory stands for that: its log belongs to it. */
function databaseAt(path: string): string {
  if (!statSync(path).isDirectory()) return path;
  const names = readdirSync(path);
  if (names.includes(fileNames.database)) return join(path, fileNames.database);
  if (names.includes(fileNames.restored)) {
    throw new OfflineError(
      `A restore into ${path} was broken off, and there is no ${fileNames.database}. Run it again with --force; what was ` +
        "there is in a folder replaced-… in it.",
    );
  }
  const isLost = names.includes(`${fileNames.database}-wal`);
  throw new OfflineError(
    isLost
      ? `${path} has lost its ${fileNames.database}: the write-ahead log beside it is there. Keep both, and restore a backup.`
      : `${path} holds no ${fileNames.database}: it is no data directory, or was never served.`,
  );
}

function sizeOf(database: string): number {
  const sizes = partsOf(database).map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  if (sizes[0] === 0) throw new OfflineError(`${database} is empty.`);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The index of the log is made anew from the log. */
function partsOf(database: string): string[] {
  return [database, `${database}-wal`, `${database}-journal`];
}

/** @returns whether a service wrote it meanwhile */
async function copyInto(original: string, file: string): Promise<boolean> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const isLive = isServed(original);
    if (await (isLive ? copyLive(original, file) : copyDead(original, file))) return isLive;
  }
  throw new OfflineError(
    `${original} was another one after each of ${attemptsMax} copies: services start and stop on it. Try again later.`,
  );
}

/** A service has its own database in its directory, and no other that lies there. */
function isServed(database: string): boolean {
  return basename(database) === fileNames.database && isInUse(dirname(database));
}

/** @returns false when it changed meanwhile */
async function copyDead(original: string, file: string): Promise<boolean> {
  const before = marksOf(original);
  refuseDamagedLog(original);
  const copies = partsOf(file);
  for (const [index, part] of partsOf(original).entries()) {
    const copy = copies[index] as string;
    rmSync(copy, { force: true });
    if (!existsSync(part)) continue;
    // Where the file system can share the pages of both it does, and nothing is copied.
    await copyFile(part, copy, constants.COPYFILE_FICLONE);
    chmodSync(copy, 0o600);
  }
  return !isServed(original) && marksOf(original) === before;
}

/** To open the copy is to take damage for the end of the log; with the sentence of a start, which names the log itself. */
function refuseDamagedLog(database: string): void {
  const walFile = `${database}-wal`;
  const powerMayHaveFailed = mayHaveRebooted(join(dirname(database), fileNames.boot));
  const damage = findWalDamage(walFile, { powerMayHaveFailed });
  if (damage !== null) throw new DamagedWalError(walFile, damage);
}

function marksOf(database: string): string {
  const marks = partsOf(database).map((file) => {
    const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? "none" : `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs}`;
  });
  return marks.join("\n");
}
