// The thread that makes one backup: a copy of the database, tables and log, as of one moment. It reads within one
// transaction, page by page, so that whoever writes meanwhile neither waits nor changes what is copied. It takes its time:
// what it writes is synced in small parts, since a disk that is given much at once keeps commits waiting.

import { createHash } from "node:crypto";
import { closeSync, fdatasyncSync, fstatSync, fsyncSync, openSync, readSync, statfsSync } from "node:fs";
import { getPriority, platform, setPriority } from "node:os";
import { dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import Sqlite from "better-sqlite3";
import { type BackupMarker, markAsBackup } from "./backup-marker.ts";
import type { CopyOrder, FromCopier, ToCopier } from "./backup-messages.ts";
import { type Connection, openConnection } from "./connection.ts";

/** Between two of these it looks whether it is to stop, and for room. */
const stepPages = 64;
const syncEveryBytes = 1_048_576;
/** It rests so many times as long as it has worked. */
const restShare = 2;
const restMsMax = 50;
const hashPieceBytes = 262_144;
/** More than the reserve stays free, lest the service becomes read-only the moment a backup is there. */
const slackShare = 1 / 16;

class NoRoomError extends Error {}

/** Where the machine is busy, others come first. */
const niceness = 10;

const port = parentPort as NonNullable<typeof parentPort>;
const order = workerData as CopyOrder;
/** Never woken: waiting on it is standing still. */
const pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const marker = Promise.withResolvers<BackupMarker>();
let isStopped = false;

port.on("message", (message: ToCopier) => {
  if (message.type === "marker") marker.resolve(message.marker);
  else stop();
});

async function make(): Promise<void> {
  try {
    beModest();
    await copy(order.file);
    mark(order.file, await marker.promise);
    if (order.isReadBack) {
      // It knows all of the state, which takes a while to load.
      const { readBack } = await import("./read-back.ts");
      readBack(order.file, assertWanted);
    }
    say({ type: "done", ...finish(order.file) });
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const isForRoom = error instanceof NoRoomError || code === "SQLITE_FULL" || code === "ENOSPC";
    say({ type: "failed", isForRoom, cause: message });
  } finally {
    port.close();
  }
}

/** On Linux a thread has a priority of its own; elsewhere this would be that of the whole process. */
function beModest(): void {
  if (platform() !== "linux") return;
  try {
    setPriority(0, Math.max(niceness, getPriority(0)));
  } catch {
    // A system that does not let us: then it is not modest.
  }
}

function say(message: FromCopier): void {
  port.postMessage(message);
}

function stop(): void {
  isStopped = true;
  marker.reject(new Error("The backup was broken off."));
  // Nobody may be waiting for it yet.
  marker.promise.catch(() => {});
}

function assertWanted(): void {
  if (isStopped) throw new Error("The backup was broken off.");
}

async function copy(file: string): Promise<void> {
  const source = openConnection(order.databaseFile);
  // Closed after SQLite has closed its own: whoever closes a file drops the locks that its process has on it.
  const descriptor = openSync(file, "r+");
  try {
    const { lsn, pageBytes } = fixMoment(source);
    say({ type: "begun", lsn });
    const gently = new Gentle(descriptor);
    await source.backup(file, {
      progress({ totalPages, remainingPages }) {
        assertWanted();
        // Before the first step it is not known yet how much there is.
        assertRoom(file, remainingPages * pageBytes);
        gently.written((totalPages - remainingPages) * pageBytes);
        return stepPages;
      },
    });
    fsyncSync(descriptor);
  } finally {
    source.close();
    closeSync(descriptor);
  }
}

/** From the first read on, all that is read within the transaction is of one moment, and so is what is copied. */
function fixMoment(source: Connection): { lsn: number; pageBytes: number } {
  source.exec("BEGIN");
  const lsn = source.prepare(selectTail).pluck().get() as number;
  const pageBytes = source.pragma("page_size", { simple: true }) as number;
  const pages = source.pragma("page_count", { simple: true }) as number;
  assertRoom(order.file, pages * pageBytes);
  return { lsn, pageBytes };
}

const selectTail = "SELECT max(applied_lsn, coalesce((SELECT max(lsn) FROM log), 0)) FROM meta";

function assertRoom(file: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(dirname(file));
  const reserveBytes = Math.ceil(order.freeBytesMin * (1 + slackShare));
  if (bavail * bsize - neededBytes >= reserveBytes) return;
  throw new NoRoomError(
    `The disk has ${bavail * bsize} bytes left: the backup takes ${neededBytes} more, and ${reserveBytes} stay free for ` +
      "the service (--free-bytes-min).",
  );
}

/** Work in small parts, each with a rest behind it. */
class Gentle {
  readonly #descriptor: number;
  #startedMs = performance.now();
  #syncedBytes = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  written(bytes: number): void {
    if (bytes - this.#syncedBytes >= syncEveryBytes) {
      fdatasyncSync(this.#descriptor);
      this.#syncedBytes = bytes;
    }
    this.rest();
  }

  rest(): void {
    const workedMs = performance.now() - this.#startedMs;
    Atomics.wait(pause, 0, 0, Math.min(restMsMax, workedMs * restShare));
    this.#startedMs = performance.now();
  }
}

/** One file, that can be read without another beside it. */
function mark(file: string, content: BackupMarker): void {
  const made = new Sqlite(file, { fileMustExist: true });
  try {
    made.pragma("journal_mode = MEMORY");
    made.transaction(() => markAsBackup(made, content)).immediate();
  } finally {
    made.close();
  }
}

/** Makes it durable; answers how long it is, and its digest. */
function finish(file: string): { bytes: number; sha256: string } {
  const descriptor = openSync(file, "r+");
  try {
    fsyncSync(descriptor);
    const { size } = fstatSync(descriptor);
    const gently = new Gentle(descriptor);
    const hash = createHash("sha256");
    const piece = Buffer.alloc(hashPieceBytes);
    for (let position = 0; position < size; ) {
      assertWanted();
      const count = readSync(descriptor, piece, 0, piece.byteLength, position);
      if (count === 0) throw new Error(`The backup ended at byte ${position} while it was read.`);
      hash.update(piece.subarray(0, count));
      position += count;
      gently.rest();
    }
    return { bytes: size, sha256: hash.digest("base64") };
  } finally {
    closeSync(descriptor);
  }
}

// What is below its beginning has to be there.
await make();
