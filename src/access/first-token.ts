// The first token, and the way back where the last one of an admin is lost: whoever may write to the data directory may do
// everything anyway. A file there says what is to be a token at the next start. It has the hash of the secret and never
// the secret, and what is not beyond doubt its owner's is refused, never passed over.

import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { validateAccessName } from "../core/access/policy.ts";
import {
  makeDirectory,
  openDirectory,
  othersBits,
  privateFileMode,
  realPathOf,
  syncDirectory,
} from "../own-directory.ts";
import { hashSecret, newSecret } from "./secrets.ts";

export const firstTokenName = "admin";
const fileName = "first-token.json";

export interface FirstToken {
  readonly name: string;
  /** SHA-256 of its secret, hex. */
  readonly hash: string;
}

/** A first token that cannot be made, or is not to be believed, for a reason that its operator can do something about. */
export class FirstTokenError extends Error {}

/**
 * Lays the file into the data directory, which is made where it is missing.
 * @returns the file, and the secret, which is nowhere else
 * @throws FirstTokenError; Error as the system says it
 */
export function layFirstToken(
  dataDir: string,
  name: string,
): { readonly file: string; readonly secret: string } {
  assertIsName(name);
  const { directory, owner } = directoryAt(dataDir);
  const file = join(directory, fileName);
  const secret = newSecret();
  const token: FirstToken = { name, hash: hashSecret(secret) };
  write(file, `${JSON.stringify({ ...token, madeAtMs: Date.now() })}\n`, owner);
  syncDirectory(directory);
  return { file, secret };
}

/** @throws FirstTokenError where there is none and none can be made */
function directoryAt(dataDir: string): { readonly directory: string; readonly owner: Stats } {
  try {
    makeDirectory(resolve(dataDir));
    const directory = realPathOf(dataDir);
    return { directory, owner: ownerOf(directory) };
  } catch (error) {
    throw error instanceof FirstTokenError ? error : new FirstTokenError((error as Error).message);
  }
}

/** @throws FirstTokenError where the directory is another's, or others may exchange what is in it */
function ownerOf(directory: string): Stats {
  const descriptor = openDirectory(directory);
  try {
    const stats = fstatSync(descriptor);
    const own = process.geteuid?.() ?? stats.uid;
    if (stats.uid !== own && own !== 0) {
      const owner = `user ${stats.uid}, and this is user ${own}`;
      throw new FirstTokenError(`The data directory ${directory} belongs to ${owner}: run it as that user.`);
    }
    if ((stats.mode & othersBits & writeBits) !== 0)
      throw new FirstTokenError(`Others may write to the data directory ${directory}: chmod 700 it first.`);
    return stats;
  } finally {
    closeSync(descriptor);
  }
}

const writeBits = 0o222;

/** Whole and on the disk, or not there. Where root made it, it is given to whoever runs the service. */
function write(file: string, text: string, { uid, gid }: Stats): void {
  const descriptor = openNew(file);
  try {
    writeSync(descriptor, text);
    if (fstatSync(descriptor).uid !== uid) fchownSync(descriptor, uid, gid);
    fsyncSync(descriptor);
  } catch (error) {
    unlinkSync(file);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Exclusive: where there is anything of that name, be it a link that leads nowhere, it is not opened. */
function openNew(file: string): number {
  try {
    return openSync(file, "wx", privateFileMode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new FirstTokenError(
      `${file} is there already, and the service has not taken it over: start the service, or delete the file.`,
    );
  }
}

/**
 * What the file in the data directory says; null where there is none.
 * @throws FirstTokenError where there is something that cannot be believed; Error as the system says it
 */
export function readFirstToken(dataDir: string): FirstToken | null {
  const file = fileIn(dataDir);
  const descriptor = openKnown(file);
  if (descriptor === null) return null;
  try {
    assertIsSafe(fstatSync(descriptor), file);
    return tokenIn(read(descriptor), file);
  } finally {
    closeSync(descriptor);
  }
}

/** What it said is done: the next start is not to do it again. */
export function removeFirstToken(dataDir: string): void {
  unlinkSync(fileIn(dataDir));
  syncDirectory(realPathOf(dataDir));
}

function fileIn(dataDir: string): string {
  return join(realPathOf(dataDir), fileName);
}

/** What is no file must not hold up the start: a pipe without a writer would. */
function openKnown(file: string): number | null {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    if (code === "ELOOP") throw notBelieved(file, "is a link");
    throw notBelieved(file, `cannot be read (${message})`);
  }
}

function assertIsSafe(stats: Stats, file: string): void {
  const own = process.geteuid?.() ?? stats.uid;
  if (!stats.isFile()) throw notBelieved(file, "is not a file");
  if (stats.nlink !== 1) throw notBelieved(file, "has several names");
  if (stats.uid !== own && stats.uid !== 0) throw notBelieved(file, `belongs to user ${stats.uid}`);
  if ((stats.mode & othersBits) !== 0) throw notBelieved(file, "is open to others");
}

const bytesMax = 4096;

/** @returns nothing where there is more than any token has */
function read(descriptor: number): string {
  const bytes = Buffer.alloc(bytesMax + 1);
  const count = readSync(descriptor, bytes);
  return count > bytesMax ? "" : bytes.toString("utf8", 0, count);
}

function tokenIn(text: string, file: string): FirstToken {
  try {
    const { name, hash } = JSON.parse(text) as Partial<FirstToken>;
    if (typeof name === "string" && typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)) {
      assertIsName(name);
      return { name, hash };
    }
  } catch {
    // Not even JSON.
  }
  throw notBelieved(file, "is not what `treekeeper token init` writes");
}

/** @throws FirstTokenError */
function assertIsName(name: string): void {
  try {
    validateAccessName(name, "token");
  } catch (error) {
    throw new FirstTokenError((error as Error).message);
  }
}

function notBelieved(file: string, fault: string): FirstTokenError {
  return new FirstTokenError(
    `${file} ${fault}. Find out who has put it there, delete it, and run \`treekeeper token init\` again if a token is wanted.`,
  );
}
