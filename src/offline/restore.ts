// Puts a backup, or a copy that was put back by hand, in the place of what a data directory had. It writes no tree: it
// leaves a note in the file, and the next start decides at its place in the log what follows of it. Nothing is deleted that
// was there before, and at each moment there is a whole store, or none under its name.

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { privateDirectoryMode, privateFileMode, realPathOf, syncDirectory } from "../own-directory.ts";
import { mayHaveRebooted } from "../store/sqlite/boot.ts";
import { openConnection } from "../store/sqlite/connection.ts";
import { claimDataDirectory, type DataDirectory, removeCopy } from "../store/sqlite/data-directory.ts";
import { readFollowerNote } from "../store/sqlite/follower-note.ts";
import { fileNames } from "../store/sqlite/privacy.ts";
import { keepBeforeUpgrade } from "../store/sqlite/upgrade-copy.ts";
import { refuseDamagedWal } from "../store/sqlite/wal-check.ts";
import { forgetSeen } from "../store/sqlite/witness.ts";
import { type Preparation, prepare, type RestoreReport } from "./restored-file.ts";
import { isSentence } from "./sentences.ts";
import { verifyBackup } from "./verify-backup.ts";

/** What keeps a store from being put back, for whoever asked. */
export class RestoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RestoreError";
  }
}

export interface RestoreOptions {
  readonly dataDir: string;
  /** How many more children one parent may have had at once since, than 10 000 a second. */
  readonly sequencesAhead?: number | undefined;
}

/** @throws RestoreError with everything as it was; Error as the system says it */
export function restoreFile(
  file: string,
  { dataDir, sequencesAhead, isForced }: RestoreOptions & { readonly isForced: boolean },
): RestoreReport {
  return inWords(() => {
    refuseInPlace(file, dataDir);
    refuseUnsound(file);
    return inDirectory(dataDir, (directory) => {
      refuseToReplace(directory, isForced);
      const hadStore = hasStore(directory.databaseFile);
      const wasBrokenOff = !hadStore && existsSync(directory.restoredFile);
      try {
        return put(file, { directory, sequencesAhead });
      } catch (error) {
        // It says that nothing is in the place of what was moved aside: no start may make an empty store there.
        const isNeeded = hadStore ? !hasStore(directory.databaseFile) : wasBrokenOff;
        if (!isNeeded) removeCopy(directory.restoredFile);
        throw error;
      }
    });
  });
}

function put(file: string, preparation: Preparation): RestoreReport {
  const { path, databaseFile, restoredFile } = preparation.directory;
  copyPrivately(file, restoredFile);
  const report = prepare(restoredFile, preparation);
  syncFile(restoredFile);
  const movedTo = moveAside(preparation.directory);
  renameSync(restoredFile, databaseFile);
  syncDirectory(path);
  return { ...report, movedTo };
}

/** For a directory that somebody has put back, by a copy or a snapshot. @throws RestoreError; Error as the system says it */
export function restoreInPlace({ dataDir, sequencesAhead }: RestoreOptions): RestoreReport {
  return inWords(() => {
    if (!existsSync(join(dataDir, fileNames.database)))
      throw new RestoreError(`There is no database in ${dataDir}: nothing was put back there.`);
    return inDirectory(dataDir, (directory) => {
      const { path, databaseFile, bootFile, witnessFile } = directory;
      refuseDamagedWal(`${databaseFile}-wal`, { powerMayHaveFailed: mayHaveRebooted(bootFile) });
      refuseFollower(databaseFile, path);
      keepBeforeUpgrade(databaseFile, { isServed: false });
      const report = prepare(databaseFile, { directory, sequencesAhead });
      forgetSeen(witnessFile);
      return { ...report, movedTo: null };
    });
  });
}

function refuseFollower(databaseFile: string, path: string): void {
  if (followedBy(databaseFile) === null) return;
  throw new RestoreError(
    `The data directory ${path} follows another server. To go on from it without that one: treekeeper promote --data-dir ${path}`,
  );
}

/** Whom the store of a database follows; null where it is one of its own. */
export function followedBy(databaseFile: string): string | null {
  const connection = openConnection(databaseFile);
  try {
    return readFollowerNote(connection, databaseFile);
  } finally {
    connection.close();
  }
}

/** Errors of the store say what is wrong in a sentence; others are faults of this program. */
export function inWords<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !isSentence(error)) throw error;
    throw new RestoreError(error.message, { cause: error });
  }
}

export function inDirectory<T>(dataDir: string, work: (directory: DataDirectory) => T): T {
  // Whether its filesystem is to be trusted, each start judges for itself.
  const directory = claimDataDirectory(dataDir, { allowUnsafeFilesystem: true });
  try {
    return work(directory);
  } finally {
    directory.release();
  }
}

/** Before anything is touched. */
function refuseUnsound(file: string): void {
  const verdict = verifyBackup(file);
  if (verdict.isSound) return;
  const [fault = "", ...others] = verdict.faults;
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  throw new RestoreError(`${fault}${more} It cannot be restored; nothing was done.`);
}

function refuseInPlace(file: string, dataDir: string): void {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) throw new RestoreError(`${file} is not there.`);
  if (!stats.isFile()) throw new RestoreError(`${file} is not a file: name the backup itself.`);
  const inPlace = join(dataDir, fileNames.database);
  if (existsSync(inPlace) && realPathOf(inPlace) === realPathOf(file))
    throw new RestoreError(
      `${file} is in its place already: go on from it with --rolled-back, and without naming it.`,
    );
  const wal = statSync(`${file}-wal`, { throwIfNoEntry: false });
  if (wal !== undefined && wal.size > 0)
    throw new RestoreError(
      `${file} has a write-ahead log beside it, which has a part of what it holds: it is no backup, but belongs to a data ` +
        "directory. Copy the whole directory where it is to be, then use --rolled-back.",
    );
}

function refuseToReplace({ path, databaseFile }: DataDirectory, isForced: boolean): void {
  if (isForced || !hasStore(databaseFile)) return;
  throw new RestoreError(
    `There is a store in ${path}. With --force it is moved aside, and nothing of it is deleted. Nothing was done.`,
  );
}

function hasStore(databaseFile: string): boolean {
  return [databaseFile, `${databaseFile}-wal`].some(
    (file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0,
  );
}

/** A copy gets the mode of what is copied; until it has its own, the directory keeps others out. */
function copyPrivately(file: string, copy: string): void {
  for (const suffix of ["-wal", "-shm", "-journal"]) rmSync(copy + suffix, { force: true });
  copyFileSync(file, copy);
  chmodSync(copy, privateFileMode);
}

/** The database goes first: what is left of it without it is taken for nothing whole by any start. */
function moveAside(directory: DataDirectory): string | null {
  const { path, databaseFile } = directory;
  if (!hasStore(databaseFile)) return null;
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const aside = join(path, `replaced-${stamp}-${randomBytes(2).toString("hex")}`);
  mkdirSync(aside, { mode: privateDirectoryMode });
  syncDirectory(path);
  const names = readdirSync(path).filter(isOfStore).sort(databaseFirst);
  for (const name of names) renameSync(join(path, name), join(aside, name));
  for (const folder of [aside, path]) syncDirectory(folder);
  return aside;
}

/** Not the lock, which this process holds, nor the ballast, which is anybody's; and of other programs nothing. */
function isOfStore(name: string): boolean {
  return name.startsWith(fileNames.database) || name === fileNames.boot || name === fileNames.witness;
}

function databaseFirst(one: string, other: string): number {
  const rank = (name: string) => (name === fileNames.database ? 0 : 1);
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

function syncFile(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
