// A file of an earlier version is kept as it was before it is brought to this one: whoever must go back finds it there.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { syncDirectory } from "../../own-directory.ts";
import { type Connection, openConnection } from "./connection.ts";
import { whileReading } from "./load.ts";
import { makePrivateFile, upgradeCopiesIn, upgradeCopyName, upgradeCopyPattern } from "./privacy.ts";
import { schemaVersion } from "./schema.ts";

export interface Upgraded {
  /** Of the tables. */
  readonly fromVersion: number;
  readonly toVersion: number;
  /** The file as it was. */
  readonly copy: string;
}

/** The newest so many stay. */
const copiesKept = 2;
/** What the upgrade itself may take, at least. */
const spareBytes = 16_777_216;

/**
 * Copies the file if it is of an earlier version; null where it is not, or not there. To be called before anything else is
 * written to it.
 * @throws CorruptStoreError | Error when it cannot be copied, or there is no room for it: it is then as it was
 */
export function keepBeforeUpgrade(
  file: string,
  { freeBytes = freeBytesOf, isServed = true }: KeepOptions = {},
): Upgraded | null {
  if (!mayBeOlder(file)) return null;
  const connection = openConnection(file, { isMade: isServed });
  try {
    return keep(connection, file, freeBytes(dirname(file)));
  } catch (error) {
    throw whileReading(error, file);
  } finally {
    connection.close();
  }
}

interface KeepOptions {
  readonly freeBytes?: (directory: string) => number;
  /** Whether it is to be served as it is: then it is no backup. */
  readonly isServed?: boolean;
}

/** By its first page alone: nearly every start finds it of this version, and does not open it for that. */
function mayBeOlder(file: string): boolean {
  if (!existsSync(file)) return false;
  const header = Buffer.alloc(versionOffset + 4);
  const descriptor = openSync(file, "r");
  const count = readSync(descriptor, header, 0, header.byteLength, 0);
  closeSync(descriptor);
  return count === header.byteLength && header.readUInt32BE(versionOffset) < schemaVersion;
}

/** Of `user_version`, as the format has it. */
const versionOffset = 60;

function keep(connection: Connection, file: string, free: number): Upgraded | null {
  const fromVersion = connection.pragma("user_version", { simple: true }) as number;
  if (fromVersion === 0 || fromVersion >= schemaVersion) return null;
  const copy = join(dirname(file), upgradeCopyName(schemaVersion));
  refuseWithoutRoom(connection, { file, free });
  copyInto(connection, copy);
  forgetOldest(dirname(file));
  syncDirectory(dirname(file));
  return { fromVersion, toVersion: schemaVersion, copy };
}

/** Whole and on the disk under its name, or not there. */
function copyInto(connection: Connection, copy: string): void {
  const unfinished = `${copy}.part`;
  rmSync(unfinished, { force: true });
  makePrivateFile(unfinished);
  try {
    connection.prepare("VACUUM INTO ?").run(unfinished);
    syncFile(unfinished);
    renameSync(unfinished, copy);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

function freeBytesOf(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function refuseWithoutRoom(
  connection: Connection,
  { file, free }: { readonly file: string; readonly free: number },
): void {
  const pages = connection.pragma("page_count", { simple: true }) as number;
  const pageBytes = connection.pragma("page_size", { simple: true }) as number;
  const needed = pages * pageBytes + spareBytes;
  if (needed <= free) return;
  throw new Error(
    `${file} is of an earlier version, and is kept as it is before it is upgraded. That takes ${needed} bytes, and the ` +
      `disk has ${free} left: make room on it, then start again. Nothing was changed.`,
  );
}

function syncFile(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function forgetOldest(directory: string): void {
  const versions = upgradeCopiesIn(directory).flatMap((name) => upgradeCopyPattern.exec(name)?.[1] ?? []);
  const newestFirst = versions.map(Number).sort((a, b) => b - a);
  for (const version of newestFirst.slice(copiesKept)) rmSync(join(directory, upgradeCopyName(version)));
}
