// The file of the audit log, and the older ones beside it. Lines are only ever added. A file that is full gets a number and
// a new one is begun, between two lines and never within one; beyond so many files the oldest is deleted. It is not written
// through a link, nor into what is another user's or something else than an audit log.

import { constants, fsyncSync, type Stats, writeSync } from "node:fs";
import { type FileHandle, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Clock } from "../clock.ts";
import type { LogOutlet } from "./log-sink.ts";

/** When what was written is made to survive the power going: when the system sees fit, or within a second. */
export type AuditSync = "none" | "second";

export interface AuditFileOptions {
  readonly path: string;
  /** Bytes at which a new file is begun. */
  readonly bytesMax: number;
  /** Files that there are at most, with the one that is written. */
  readonly filesMax: number;
  readonly sync: AuditSync;
  readonly clock: Clock;
  /** Called when the file could not be synced: what was written last may be lost if the power goes. */
  readonly onSyncFailure: (error: Error) => void;
}

const privateMode = 0o600;
const othersBits = 0o077;
const syncAfterMs = 1000;
/** So that names are in the order of their numbers. */
const numberDigits = 6;
const lineFeed = 10;

/** O_NOFOLLOW keeps links out, O_NONBLOCK a pipe that nobody reads from holding up the start. */
const openFlags =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class AuditFile implements LogOutlet {
  /** Whether others could read or write it until now. */
  readonly wasTightened: boolean;
  readonly #options: AuditFileOptions;
  #handle: FileHandle;
  #bytes: number;
  #isAtLineStart: boolean;
  /** The full file has its number, and no new one could be begun yet. */
  #isNumbered = false;
  #cancelSync: (() => void) | null = null;

  private constructor(options: AuditFileOptions, { handle, bytes, isAtLineStart, wasTightened }: OpenedFile) {
    this.#options = options;
    this.#handle = handle;
    this.#bytes = bytes;
    this.#isAtLineStart = isAtLineStart;
    this.wasTightened = wasTightened;
  }

  /** @throws Error with a sentence when it cannot be made or must not be written */
  static async open(options: AuditFileOptions): Promise<AuditFile> {
    const path = resolve(options.path);
    return new AuditFile({ ...options, path }, await openExisting(path));
  }

  /** False after a crash in the middle of a line: whoever writes then begins with the end of that line. */
  get isAtLineStart(): boolean {
    return this.#isAtLineStart;
  }

  write(chunk: Buffer, done: (error: NodeJS.ErrnoException | null, bytes: number) => void): void {
    this.#write(chunk).then(
      (bytes) => done(null, bytes),
      (error: NodeJS.ErrnoException) => done(error, 0),
    );
  }

  /** For the end of the process: no new file is begun. */
  writeSync(chunk: Buffer): number {
    const bytes = writeSync(this.#handle.fd, chunk);
    this.#wrote(chunk, bytes);
    return bytes;
  }

  /** For the end of the process, as the setting says. */
  syncNow(): void {
    if (this.#options.sync === "second") fsyncSync(this.#handle.fd);
  }

  async close(): Promise<void> {
    this.#cancelSync?.();
    if (this.#options.sync === "second") await this.#sync();
    await this.#handle.close();
  }

  async #write(chunk: Buffer): Promise<number> {
    const isFull = this.#bytes > 0 && this.#bytes + chunk.byteLength > this.#options.bytesMax;
    if (isFull && this.#isAtLineStart) await this.#beginNew();
    const { bytesWritten } = await this.#handle.write(chunk);
    this.#wrote(chunk, bytesWritten);
    return bytesWritten;
  }

  #wrote(chunk: Buffer, bytes: number): void {
    if (bytes === 0) return;
    this.#bytes += bytes;
    this.#isAtLineStart = chunk[bytes - 1] === lineFeed;
    if (this.#options.sync === "none") return;
    this.#cancelSync ??= this.#options.clock.setTimer(syncAfterMs, () => {
      this.#cancelSync = null;
      void this.#sync();
    });
  }

  async #sync(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (error) {
      this.#options.onSyncFailure(error as Error);
    }
  }

  /**
   * Each step may fail, and the next try goes on with it. Room is made first, so that there are never too many files; while no
   * new one can be begun, lines wait.
   */
  async #beginNew(): Promise<void> {
    const { path, sync } = this.#options;
    if (sync === "second") await this.#handle.sync();
    if (!this.#isNumbered) await rename(path, await this.#nextName()).catch(unlessMissing);
    this.#isNumbered = true;
    const handle = await open(path, openFlags | constants.O_EXCL, privateMode);
    if (sync === "second") await syncDirectory(dirname(path));
    const old = this.#handle;
    this.#isNumbered = false;
    this.#handle = handle;
    this.#bytes = 0;
    await old.close();
  }

  /** Deletes those for which there is no room beside it. */
  async #nextName(): Promise<string> {
    const { path, filesMax } = this.#options;
    const folder = dirname(path);
    const older = await olderFiles(path);
    // The one that is full now, and the one that is begun.
    const keptMax = filesMax - 2;
    for (const { name } of older.slice(0, Math.max(0, older.length - keptMax))) {
      await unlink(join(folder, name)).catch(unlessMissing);
    }
    const number = (older.at(-1)?.number ?? 0) + 1;
    return `${path}.${String(number).padStart(numberDigits, "0")}`;
  }
}

interface OlderFile {
  readonly name: string;
  readonly number: number;
}

/** The oldest first. */
async function olderFiles(path: string): Promise<OlderFile[]> {
  const prefix = `${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix));
  return names
    .map((name) => ({ name, rest: name.slice(prefix.length) }))
    .filter(({ rest }) => /^\d{6,15}$/.test(rest))
    .map(({ name, rest }) => ({ name, number: Number(rest) }))
    .sort((a, b) => a.number - b.number);
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** New files are on disk under their names only then. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

interface OpenedFile {
  readonly handle: FileHandle;
  readonly bytes: number;
  readonly isAtLineStart: boolean;
  readonly wasTightened: boolean;
}

/** What was there is gone on with, or nothing of it is touched. */
async function openExisting(path: string): Promise<OpenedFile> {
  const handle = await openOwn(path);
  try {
    const stats = await handle.stat();
    assertOwnFile(path, stats);
    const bytes = stats.size;
    if (bytes > 0 && (await characterAt(handle, 0)) !== "{") {
      throw new Error(
        `The audit file ${path} has something else in it; name a file for the audit log alone.`,
      );
    }
    const isAtLineStart = bytes === 0 || (await characterAt(handle, bytes - 1)) === "\n";
    const wasTightened = (stats.mode & othersBits) !== 0;
    if (wasTightened) await handle.chmod(privateMode);
    return { handle, bytes, isAtLineStart, wasTightened };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openOwn(path: string): Promise<FileHandle> {
  try {
    return await open(path, openFlags, privateMode);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ELOOP")
      throw new Error(`The audit file ${path} is a link; the service writes through none.`);
    throw new Error(`The audit file ${path} cannot be opened: ${message}.`);
  }
}

/** Root is no exception, as with the data directory. */
function assertOwnFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new Error(`The audit file ${path} is not a file.`);
  if (stats.nlink > 1) {
    throw new Error(
      `The audit file ${path} has ${stats.nlink} names; what is written under one would change under all.`,
    );
  }
  const own = process.geteuid?.();
  if (own === undefined || stats.uid === own) return;
  throw new Error(
    `The audit file ${path} belongs to user ${stats.uid}, and the service runs as user ${own}. ` +
      "Start it as that user, or name a file of its own.",
  );
}

async function characterAt(handle: FileHandle, position: number): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, position);
  return buffer.toString("latin1", 0, bytesRead);
}
