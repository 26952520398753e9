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
import { restoredBy } from "../core/plan-restore.ts";
import type { State } from "../core/state.ts";
import { privateDirectoryMode, privateFileMode, realPathOf, syncDirectory } from "../own-directory.ts";
import type { Lsn } from "../store/commit-log.ts";
import { jumpOf, type RestoreNote, sequencesAheadDefault } from "../store/restoring.ts";
import { dropBackupMarker, readBackupMarker } from "../store/sqlite/backup-marker.ts";
import { mayHaveRebooted } from "../store/sqlite/boot.ts";
import { type Connection, openConnection } from "../store/sqlite/connection.ts";
import { claimDataDirectory, type DataDirectory, removeCopy } from "../store/sqlite/data-directory.ts";
import { forgetIdentity } from "../store/sqlite/file-identity.ts";
import { dropFollowerNote, readFollowerNote } from "../store/sqlite/follower-note.ts";
import { loadStore } from "../store/sqlite/load.ts";
import { dropLogHome } from "../store/sqlite/log-home.ts";
import { prepareEntriesAfter, readEntries } from "../store/sqlite/log-rows.ts";
import { dropMoveNote } from "../store/sqlite/move-note.ts";
import { fileNames } from "../store/sqlite/privacy.ts";
import { leaveRestoreNote } from "../store/sqlite/restore-note.ts";
import { keepBeforeUpgrade } from "../store/sqlite/upgrade-copy.ts";
import { refuseDamagedWal } from "../store/sqlite/wal-check.ts";
import { forgetSeen } from "../store/sqlite/witness.ts";
import { replay } from "./replay.ts";
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

/** What the next start does, as far as it is known before. */
export interface RestoreReport {
  readonly dataDir: string;
  readonly clusterId: string;
  /** Where the store stood then. */
  readonly zxid: number;
  /** Of which moment it is, by the clock of the machine it was on; 0 where nobody knows. */
  readonly ofMs: number;
  /** Where the zxid goes on if the start is now. */
  readonly zxidAhead: number;
  /** The same of numbers in names of sequential znodes. */
  readonly sequenceFloor: number;
  /** What ends. */
  readonly sessions: number;
  readonly ephemerals: number;
  /** Whether tokens and policies count: what was revoked since is not revoked any more. */
  readonly hasAccess: boolean;
  /** Where what was in the directory is now; null where there was nothing. */
  readonly movedTo: string | null;
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

interface Preparation {
  readonly directory: DataDirectory;
  readonly sequencesAhead: number | undefined;
  /** What else is done to the file in the transaction that leaves the note. */
  readonly alsoDo?: (connection: Connection) => void;
}

/**
 * Leaves the note, and then reads all of the file as a start does: one that would not start is not put into place. The note
 * comes first, so that from there on nothing starts on the file without it.
 */
export function prepare(
  file: string,
  { directory, sequencesAhead = sequencesAheadDefault, alsoDo = () => {} }: Preparation,
): Omit<RestoreReport, "movedTo"> {
  const id = randomBytes(idBytes).toString("hex");
  const marker = leaveNote(file, { id, ofMs: 0, sequencesAhead }, alsoDo);
  const { clusterId, state, position } = loadStore(file);
  doRestOfLog(file, state, position.appliedLsn);
  const ofMs = marker?.takenAtMs ?? momentOf(state);
  const note = { id, ofMs, sequencesAhead };
  const { zxid, sequenceFloor } = restoredBy(
    state,
    jumpOf(note, state.zxid, Math.max(Date.now(), state.timeMs)),
  );
  leaveNote(file, note, () => {});
  const ephemerals = [...state.sessions()].reduce((sum, { id: of }) => sum + state.ephemeralsOf(of).size, 0);
  return {
    ...{ dataDir: directory.path, clusterId, zxid: state.zxid, ofMs, zxidAhead: zxid },
    ...{ sequenceFloor, sessions: state.sessionCount, ephemerals, hasAccess: state.access.isOn },
  };
}

/** Reads all of the file as `prepare` does, which it leaves as it was, but for the tables of an earlier version. @throws the same */
export function rehearse(
  file: string,
  { sequencesAhead = sequencesAheadDefault }: Pick<RestoreOptions, "sequencesAhead">,
): void {
  const { state, position } = loadStore(file);
  doRestOfLog(file, state, position.appliedLsn);
  const note = { id: randomBytes(idBytes).toString("hex"), ofMs: momentOf(state), sequencesAhead };
  restoredBy(state, jumpOf(note, state.zxid, Math.max(Date.now(), state.timeMs)));
}

/** In memory alone: the next start does it again. */
function doRestOfLog(file: string, state: State, appliedLsn: Lsn): void {
  const connection = openConnection(file);
  try {
    const tail = connection.prepare("SELECT coalesce(max(lsn), 0) FROM log").pluck().get() as Lsn;
    replay(state, readEntries(prepareEntriesAfter(connection), { file, after: appliedLsn, tail }));
  } finally {
    connection.close();
  }
}

/** Versions that had no clock of the log say when znodes were written. Too early is on the safe side. */
function momentOf({ timeMs, tree }: State): number {
  if (timeMs > 0) return timeMs;
  let newest = 0;
  for (const { mtimeMs } of tree.values()) newest = Math.max(newest, mtimeMs);
  return newest;
}

/** An epoch is named by it. */
const idBytes = 5;

/** Answers what the file said of itself as a backup, which it is no more. */
function leaveNote(
  file: string,
  note: RestoreNote,
  alsoDo: (connection: Connection) => void,
): ReturnType<typeof readBackupMarker> {
  const connection = openConnection(file);
  try {
    const leave = connection.transaction(() => {
      const marker = readBackupMarker(connection, file);
      dropBackupMarker(connection);
      // A backup of a follower is one of the store all the same.
      dropFollowerNote(connection);
      alsoDo(connection);
      leaveRestoreNote(connection, note);
      // Whatever was served from there, this one goes on by itself.
      dropLogHome(connection);
      dropMoveNote(connection);
      forgetIdentity(connection);
      // It is of a service that ran, and did not stop for it.
      if (marker !== null) connection.exec("UPDATE meta SET clean_shutdown = 1");
      return marker;
    });
    const marker = leave.immediate();
    connection.pragma("wal_checkpoint(TRUNCATE)");
    return marker;
  } finally {
    connection.close();
  }
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
