// The directory that one process owns. Two processes on one directory would each believe they are the only
// writer, so the lock is taken before anything in it is read, and dies with the process: there is no stale
// lock to clear.

import { closeSync, openSync, rmSync, statfsSync } from "node:fs";
import { join, resolve } from "node:path";
import Sqlite from "better-sqlite3";
import { makeDirectory, realPathOf } from "../../own-directory.ts";
import { fileNames, keepPrivate, makePrivateFile } from "./privacy.ts";
import { type Place, placeOf } from "./whereabouts.ts";

export interface DataDirectory {
  /** Where it is; a link by which it was named is followed once. */
  readonly path: string;
  readonly databaseFile: string;
  readonly ballastFile: string;
  /** Says during which boot of the machine the directory was last written. */
  readonly bootFile: string;
  /** Says how far the directory had come. */
  readonly witnessFile: string;
  /** A backup on its way to the place of the database. */
  readonly restoredFile: string;
  /** Where a backup is made. */
  readonly backupFile: string;
  /** Where a snapshot is on its way to other servers, or from them. */
  readonly snapshotFile: string;
  /** Where the database is kept that a snapshot has taken the place of. */
  readonly replacedFile: string;
  /** Where what is moved here is made, until it is whole. */
  readonly incomingFolder: string;
  /** What others could open until now. */
  readonly tightened: readonly string[];
  /** The directory under the name it was given, and the lock. */
  readonly places: readonly Place[];
  /** Lets another process have the directory. */
  release(): void;
}

/** @throws Error when the directory is in use, or on a filesystem that cannot keep what it is given. */
export function claimDataDirectory(
  directory: string,
  options: { readonly allowUnsafeFilesystem: boolean },
): DataDirectory {
  makeDirectory(resolve(directory));
  const path = realPathOf(directory);
  const filesystem = unsafeFilesystemName(statfsSync(path).type);
  if (filesystem !== null && !options.allowUnsafeFilesystem) {
    throw new Error(
      `The data directory ${path} is on ${filesystem}, where SQLite's locks and shared memory ` +
        "cannot be trusted. Use a local disk.",
    );
  }
  const tightened = keepPrivate(path);
  const lock = takeLock(path);
  for (const name of [fileNames.backup, fileNames.snapshot]) removeCopy(join(path, name));
  // Kept open, so that no other directory can get the same inode.
  const descriptor = openSync(path, "r");
  return {
    path,
    databaseFile: join(path, fileNames.database),
    ballastFile: join(path, fileNames.ballast),
    bootFile: join(path, fileNames.boot),
    witnessFile: join(path, fileNames.witness),
    restoredFile: join(path, fileNames.restored),
    backupFile: join(path, fileNames.backup),
    snapshotFile: join(path, fileNames.snapshot),
    replacedFile: join(path, fileNames.replaced),
    incomingFolder: join(path, fileNames.incoming),
    tightened,
    places: [placeOf(resolve(directory)), placeOf(join(path, fileNames.lock))],
    release() {
      closeSync(descriptor);
      lock.close();
    },
  };
}

/** A copy that is not finished, or has served its turn, with what SQLite may have put beside it. */
export function removeCopy(file: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${file}${suffix}`, { force: true });
}

/** Filesystem magic numbers as statfs gives them. */
const unsafeFilesystems = new Map([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x01021997, "9p"],
  [0x65735546, "FUSE"],
]);

/** What the filesystem is called when it must not be used; null when it may. */
export function unsafeFilesystemName(type: number): string | null {
  return unsafeFilesystems.get(type >>> 0) ?? null;
}

/** Longer than anybody takes who asks whether there is a server (`in-use.ts`); a server keeps it. */
const lockWaitMs = 250;

/**
 * A database of its own: an exclusive lock on the store itself would keep even readers and checkpoints out.
 */
function takeLock(path: string): Sqlite.Database {
  const file = join(path, fileNames.lock);
  makePrivateFile(file);
  const lock = new Sqlite(file, { timeout: lockWaitMs });
  try {
    // Nothing is ever written under it, and on a full disk there is no room to say so.
    lock.pragma("journal_mode = MEMORY");
    lock.pragma("locking_mode = EXCLUSIVE");
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (!(error instanceof Sqlite.SqliteError) || error.code !== "SQLITE_BUSY") throw error;
    throw new Error(`The data directory ${path} is in use by another process; one directory has one server.`);
  }
}
