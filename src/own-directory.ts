// A directory that belongs to one user: how it is made, opened and known to be his. Whoever else could write there could
// exchange what is trusted.

import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";

export const privateDirectoryMode = 0o700;
export const privateFileMode = 0o600;
export const othersBits = 0o077;

/**
 * A new directory is named in its parent, which must be on disk before anything in the directory counts as
 * durable.
 */
export function makeDirectory(path: string): void {
  const missing: string[] = [];
  for (let above = path; !existsSync(above); above = dirname(above)) missing.unshift(above);
  // One at a time: asked to make parents too, Node tries for ever where the kernel makes no directories.
  for (const directory of missing) {
    makeOne(directory, path);
    syncDirectory(dirname(directory));
  }
}

function makeOne(directory: string, path: string): void {
  try {
    mkdirSync(directory, directory === path ? { mode: privateDirectoryMode } : {});
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    throw new Error(`The data directory ${path} cannot be made: ${message}.`);
  }
}

/** Where it is; a link by which it was named is followed once. */
export function realPathOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch (error) {
    const { message } = error as NodeJS.ErrnoException;
    throw new Error(`The data directory ${directory} is not there: ${message}.`);
  }
}

/** @returns its descriptor */
export function openDirectory(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") throw new Error(`The data directory ${path} is not a directory.`);
    throw new Error(`The data directory ${path} cannot be opened: ${message}.`);
  }
}

/** What was made or removed in it is so after the power fails, too. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Root is no exception: what it made in another's directory, its owner could not open afterwards. */
export function assertOwn({ uid }: Stats, subject: string): void {
  const own = process.geteuid?.();
  if (own === undefined || uid === own) return;
  throw new Error(
    `${subject} belongs to user ${uid}, and the service runs as user ${own}. ` +
      "Start it as that user, or name a directory of its own.",
  );
}
