// A backup as what servers of one past share: which place of their log it is of, and how one becomes the database of another
// server. It goes on with the same past, since the log does: no epoch begins, and no number is given twice.

import { randomUUID } from "node:crypto";
import { chmodSync, closeSync, constants, copyFileSync, fsyncSync, openSync, statSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { machineVersion } from "../../core/machine-version.ts";
import { privateFileMode } from "../../own-directory.ts";
import { type BackupMarker, dropBackupMarker, markAsBackup, readBackupMarker } from "./backup-marker.ts";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import { forgetIdentity } from "./file-identity.ts";
import { leaveFollowerNote, readFollowerNote } from "./follower-note.ts";
import { dropLogHome, type LogHome, leaveLogHome, readLogHome } from "./log-home.ts";
import { readMachineVersion, readMeta } from "./meta.ts";
import { dropMoveNote } from "./move-note.ts";
import { dropRestoreNote, readRestoreNote } from "./restore-note.ts";
import { entryNamesSince, upgradeSchemaIfOlder } from "./schema.ts";

/** Where the rows stand that a file has. */
export interface RowsPlace {
  readonly clusterId: string;
  readonly lsn: number;
  /** Which entry that is; empty where it is not known. */
  readonly entryName: string;
  readonly zxid: number;
  readonly digest: string;
  readonly machineVersion: number;
}

/** @throws CorruptStoreError, or Error when it is no backup, or one with entries behind its rows */
export function placeOfBackup(file: string): RowsPlace {
  const connection = new Sqlite(file, { fileMustExist: true, readonly: true });
  try {
    return readPlace(connection, file);
  } finally {
    connection.close();
  }
}

function readPlace(connection: Sqlite.Database, file: string): RowsPlace {
  const marker = readBackupMarker(connection, file);
  if (marker === null) throw new Error(`The file ${file} is no backup.`);
  const { clusterId, appliedLsn: lsn, entryName, zxid, digest } = readMeta(connection, file);
  if (lsn !== marker.lsn || zxid !== marker.zxid) {
    throw new CorruptStoreError(file, `its rows end at entry ${lsn}, and it is a backup up to ${marker.lsn}`);
  }
  return { clusterId, lsn, entryName, zxid, digest, machineVersion: readMachineVersion(connection) ?? 0 };
}

/**
 * Makes a backup of a database at rest, for a log that goes on from its rows elsewhere.
 * @throws Error when the rows do not reflect all of its log: it was served meanwhile
 */
export function copyAtRest(
  databaseFile: string,
  copy: string,
  { home, marker }: { readonly home: LogHome; readonly marker: Pick<BackupMarker, "takenAtMs" | "version"> },
): void {
  if ((statSync(`${databaseFile}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) throw servedMeanwhile();
  copyFileSync(databaseFile, copy, constants.COPYFILE_FICLONE);
  chmodSync(copy, privateFileMode);
  const connection = new Sqlite(copy, { fileMustExist: true });
  try {
    connection.pragma("journal_mode = MEMORY");
    const make = connection.transaction(() => {
      const { appliedLsn: lsn, zxid } = readMeta(connection, copy);
      const last = connection.prepare("SELECT max(lsn) FROM log").pluck().get() as number | null;
      if (last !== null && last > lsn) throw servedMeanwhile();
      // Another move has had its way meanwhile.
      const noted = readLogHome(connection, copy);
      if (noted !== null && noted.logId !== home.logId) throw servedMeanwhile();
      connection.exec("DELETE FROM log");
      leaveLogHome(connection, home);
      dropMoveNote(connection);
      markAsBackup(connection, { ...marker, id: randomUUID(), lsn, zxid });
    });
    make.immediate();
  } finally {
    connection.close();
  }
}

function servedMeanwhile(): Error {
  return new Error("The directory was served meanwhile; stop the service, and run this again.");
}

/** Makes it an ordinary database, durably. @throws CorruptStoreError | Error unless its rows stand at the place */
export function makeOrdinary(file: string, expected: Omit<RowsPlace, "entryName">): void {
  changeDurably(file, (connection) => {
    const found = readPlace(connection, file);
    const names = ["clusterId", "lsn", "zxid", "digest"] as const;
    const other = names.find((name) => found[name] !== expected[name]);
    if (other !== undefined)
      throw new CorruptStoreError(file, `its ${other} is ${found[other]}, not ${expected[other]}`);
    forgetWhatItWas(connection);
  });
}

/**
 * Makes a backup of the server that is followed the database of a follower, durably: entries behind its rows go, since they are
 * in the log that is followed. @throws CorruptStoreError; Error when it is no backup, or of another cluster
 */
export function makeFollowing(
  file: string,
  { clusterId, upstream }: { readonly clusterId: string; readonly upstream: string },
): void {
  changeDurably(file, (connection) => {
    if (readBackupMarker(connection, file) === null) throw new Error(`The file ${file} is no backup.`);
    upgradeSchemaIfOlder(connection, machineVersion);
    const { clusterId: found } = readMeta(connection, file);
    if (found !== clusterId) throw new Error(`The backup is one of cluster ${found}, not of ${clusterId}.`);
    connection.exec("DELETE FROM log");
    // Where that server was put back itself, what follows of it is in its log.
    dropRestoreNote(connection);
    dropLogHome(connection);
    dropMoveNote(connection);
    leaveFollowerNote(connection, upstream);
    forgetWhatItWas(connection);
  });
}

/** In one transaction, without a file beside it. */
function changeDurably(file: string, change: (connection: Sqlite.Database) => void): void {
  const connection = new Sqlite(file, { fileMustExist: true });
  try {
    connection.pragma("journal_mode = MEMORY");
    connection.transaction(() => change(connection)).immediate();
  } finally {
    connection.close();
  }
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function forgetWhatItWas(connection: Sqlite.Database): void {
  dropBackupMarker(connection);
  forgetIdentity(connection);
  // Nobody was interrupted while writing this one.
  connection.exec("UPDATE meta SET clean_shutdown = 1");
}

/** Of a database, which is folded into one file. Null where nothing was ever written. @throws CorruptStoreError */
export function placeOfDatabase(connection: Sqlite.Database, file: string): OwnPlace | null {
  const version = connection.pragma("user_version", { simple: true }) as number;
  if (version === 0) return null;
  const isPutBack = readBackupMarker(connection, file) !== null || readRestoreNote(connection, file) !== null;
  connection.pragma("wal_checkpoint(TRUNCATE)");
  const place = connection.prepare(selectPlaceOf(version)).get();
  return {
    ...(place as Pick<OwnPlace, "clusterId" | "lsn" | "entryName" | "tail">),
    isPutBack,
    logHome: readLogHome(connection, file),
  };
}

function selectPlaceOf(version: number): string {
  const name = version < entryNamesSince ? "''" : "entry_name";
  return `
    SELECT cluster_id AS clusterId, applied_lsn AS lsn, ${name} AS entryName,
      coalesce((SELECT max(lsn) FROM log), applied_lsn) AS tail
    FROM meta`;
}

/** Where a server's own rows stand. */
export interface OwnPlace extends Pick<RowsPlace, "clusterId" | "lsn" | "entryName"> {
  /** The last entry that it has, be it in the rows or not. */
  readonly tail: number;
  /** Whether somebody has put it there, or asked for that. */
  readonly isPutBack: boolean;
  /** Null where its log is its own. */
  readonly logHome: LogHome | null;
}

/** The same of a follower's, with what tells its past from others. */
export function placeOfFollower(connection: Sqlite.Database, file: string) {
  const place = placeOfDatabase(connection, file);
  if (place === null) return null;
  // Not by the whole row, which an older version may have written with other columns.
  const zxid = connection.prepare("SELECT zxid FROM meta").pluck().get() as number;
  const newest = "SELECT id FROM epoch ORDER BY first_zxid DESC LIMIT 1";
  const epoch = (connection.prepare(newest).pluck().get() ?? "") as string;
  return { ...place, zxid, epoch, upstream: readFollowerNote(connection, file) };
}
