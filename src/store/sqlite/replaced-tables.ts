// Tables that come from elsewhere, in the place of a server's own: what two kinds of server do before they open their data
// directory. Under its name the database is at each moment the old one or the new one, or the old one is aside; wherever it is
// broken off, the next time finds one whole database, and goes on.

import { existsSync, renameSync, statfsSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { privateFileMode, syncDirectory } from "../../own-directory.ts";
import { mayHaveRebooted } from "./boot.ts";
import { type Connection, openConnection } from "./connection.ts";
import { type DataDirectory, removeCopy } from "./data-directory.ts";
import { refuseDamagedWal } from "./wal-check.ts";
import { forgetSeen } from "./witness.ts";

/** It was broken off between two steps: what was set aside is all there is. */
export function putBack({ path, databaseFile, replacedFile }: DataDirectory): void {
  if (isThere(databaseFile) || !isThere(replacedFile)) return;
  renameSync(replacedFile, databaseFile);
  syncDirectory(path);
}

function isThere(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** A look into the server's own database; null where there is none yet. @throws CorruptStoreError as a start would */
export function lookInto<Found>(
  { databaseFile, bootFile }: DataDirectory,
  look: (connection: Connection, file: string) => Found,
): Found | null {
  // To open the file is to take damage for the end of what it was about to write.
  refuseDamagedWal(`${databaseFile}-wal`, { powerMayHaveFailed: mayHaveRebooted(bootFile) });
  if (!existsSync(databaseFile)) return null;
  const connection = openConnection(databaseFile);
  try {
    return look(connection, databaseFile);
  } finally {
    connection.close();
  }
}

/** What is brought, and where from, as people are told of it. */
export interface Brought {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly bytes: number;
  readonly what: string;
}

/** The disk is full, or would be. */
export class NoRoomHereError extends Error {}

/** Writes it where it waits to be put into place. @throws Error where it is not as long as it says, or does not fit */
export async function receive({ pieces, bytes, what }: Brought, directory: DataDirectory): Promise<void> {
  assertRoom({ bytes, what }, directory);
  try {
    const file = await open(directory.snapshotFile, "wx", privateFileMode);
    try {
      await fill(file, { pieces, bytes, what });
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    removeCopy(directory.snapshotFile);
    throw isFullDisk(error) ? new NoRoomHereError(`The disk of ${directory.path} is full.`) : error;
  }
}

function isFullDisk(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOSPC";
}

async function fill(file: FileHandle, { pieces, bytes, what }: Brought): Promise<void> {
  let position = 0;
  for await (const piece of pieces) {
    await file.write(piece, 0, piece.byteLength, position);
    position += piece.byteLength;
  }
  if (position !== bytes) throw new Error(`${what} has ${position} bytes, and is said to have ${bytes}`);
}

function assertRoom({ bytes, what }: Omit<Brought, "pieces">, { path }: DataDirectory): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize >= bytes) return;
  throw new NoRoomHereError(
    `${what} has ${bytes} bytes, and the disk of ${path} has ${bavail * bsize} left; make room on it, then start again.`,
  );
}

/** What was received and made ready takes its place; what was there is aside until the new one was opened. */
export function install(directory: DataDirectory): void {
  const { path, databaseFile, snapshotFile, replacedFile, witnessFile } = directory;
  // What an earlier one replaced stays aside: this one replaces that one alone.
  if (isThere(databaseFile) && !isThere(replacedFile)) renameSync(databaseFile, replacedFile);
  // The log goes on from it, however far the directory had come.
  forgetSeen(witnessFile);
  renameSync(snapshotFile, databaseFile);
  syncDirectory(path);
}
