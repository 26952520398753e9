// Whose the data is: the directory and its files belong to the user who runs the service, and nobody else may open
// them. Who may open a file can hold a lock on it, so this is about being able to serve as well as about secrets.

import { chmodSync, closeSync, fchmodSync, fstatSync, lstatSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  assertOwn,
  openDirectory,
  othersBits,
  privateDirectoryMode,
  privateFileMode,
} from "../../own-directory.ts";

const databaseName = "treekeeper.db";
const lockName = "lock.db";
const ballastName = "ballast";
const bootName = "boot";
const witnessName = "witness";
/** A backup on its way to the place of the database. */
const restoredName = "restored.part";
/** A backup that is being made: whoever takes it has it without a name, and one that is found has no owner. */
const backupName = "backup.part";
/** A snapshot that is on its way to other servers, or from them. */
const snapshotName = "snapshot.part";
/** The database that a snapshot has taken the place of, until that one was opened. */
const replacedName = "replaced.db";
/** A folder in which a directory is made that was moved here, until it is whole. */
const incomingName = "incoming";
export const fileNames = {
  database: databaseName,
  lock: lockName,
  ballast: ballastName,
  boot: bootName,
  witness: witnessName,
  restored: restoredName,
  backup: backupName,
  snapshot: snapshotName,
  replaced: replacedName,
  incoming: incomingName,
} as const;

/** All that is ever made in the directory. */
const ownNames = [
  ...[databaseName, lockName, backupName, restoredName, snapshotName, replacedName].flatMap((name) => [
    name,
    `${name}-wal`,
    `${name}-shm`,
    `${name}-journal`,
  ]),
  ballastName,
  bootName,
  witnessName,
];

/** As the database was before an upgrade to this version of the tables. */
export function upgradeCopyName(version: number): string {
  return `${databaseName}.before-v${version}`;
}

/** Their names. */
export function upgradeCopiesIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => upgradeCopyPattern.test(name));
}

export const upgradeCopyPattern = /^treekeeper\.db\.before-v(\d+)$/;

/** What a filesystem of its own has at its root, and what an operator may lay there before the first start. */
const otherNames = ["lost+found", "first-token.json", incomingName];

/**
 * Takes from others the right to open what is in the directory; answers the paths it had to be taken for.
 * @throws Error when the directory or a file in it is another user's, or is reached through a link
 */
export function keepPrivate(directory: string): string[] {
  const tightened = closeDirectory(directory) ? [directory] : [];
  // Nobody else can exchange a file from here on.
  for (const name of [...ownNames, ...upgradeCopiesIn(directory)]) {
    const file = join(directory, name);
    if (closeFile(file)) tightened.push(file);
  }
  return tightened;
}

/** Makes an empty file, which SQLite takes for a new database; the files it puts beside it get the same mode. */
export function makePrivateFile(file: string): void {
  try {
    closeSync(openSync(file, "wx", privateFileMode));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function closeDirectory(path: string): boolean {
  const descriptor = openDirectory(path);
  try {
    const stats = fstatSync(descriptor);
    assertOwn(stats, `The data directory ${path}`);
    if ((stats.mode & othersBits) === 0) return false;
    assertNothingElse(path);
    fchmodSync(descriptor, privateDirectoryMode);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

/** A directory that others use as well is not closed to them: it was named by mistake. */
function assertNothingElse(path: string): void {
  const names = readdirSync(path);
  if (names.includes(databaseName)) return;
  const other = names.find((name) => !ownNames.includes(name) && !otherNames.includes(name));
  if (other === undefined) return;
  throw new Error(
    `The data directory ${path} holds other things (${JSON.stringify(other)}) and is open to other users. ` +
      `Name one for the data alone, such as ${join(path, "treekeeper")}; it is made when it is missing.`,
  );
}

/** By its path and never opened: whoever closes a database file drops the locks that its process has on it. */
function closeFile(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (stats.isSymbolicLink()) throw new Error(`${path} is a link; the service writes through none.`);
  if (!stats.isFile()) throw new Error(`${path} is not a file.`);
  if (stats.nlink > 1) {
    throw new Error(`${path} has ${stats.nlink} names; what is written under one would change under all.`);
  }
  assertOwn(stats, path);
  if ((stats.mode & othersBits) === 0) return false;
  chmodSync(path, privateFileMode);
  return true;
}
