// Room on the disk: how much there is, and a file of no meaning that is given up when there is none, so that
// the deletions which make room can still be logged. The file shrinks late, if at all: its empty pages are room as well.

import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import Sqlite from "better-sqlite3";
import { privateFileMode } from "../../own-directory.ts";
import type { SqliteSettings } from "./settings.ts";

/** A start takes some room: SQLite's index of its log, and what an upgrade or the end of a log writes. */
const startBytes = 1_048_576;

/** On a disk that is full a start could not even open the file. Deletions need what is left of that room less than it does. */
export function giveUpBallastIfFull(ballastFile: string): void {
  const { bavail, bsize } = statfsSync(dirname(ballastFile));
  if (bavail * bsize < startBytes) rmSync(ballastFile, { force: true });
}

/** What a start says that finds no room even so, whatever SQLite was about to write. */
export function asFullDisk(error: unknown, directory: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize >= startBytes) return error;
  return new Error(`The disk of ${directory} is full; make room on it, then start again.`, { cause: error });
}

/** Room within the files we have already. */
export interface Spare {
  /** Pages of the database that hold nothing. */
  readonly emptyBytes: number;
  /** What the database will grow by when its write-ahead log is moved into it. */
  readonly growthBytes: number;
  /** Length of the write-ahead log's file, which is written over from its beginning. */
  readonly walFileBytes: number;
  /** Bytes of entries that the tables do not reflect yet. */
  readonly unreflectedBytes: number;
}

/** More than is wanted must be there before the service writes again, lest it come and go. */
const slackShare = 1 / 16;

export class Space {
  readonly #directory: string;
  readonly #ballastFile: string;
  readonly #settings: SqliteSettings;
  #diskBytes = 0;
  #diskFreeBytes = 0;

  constructor(ballastFile: string, settings: SqliteSettings) {
    this.#directory = dirname(ballastFile);
    this.#ballastFile = ballastFile;
    this.#settings = settings;
  }

  /** How large the disk was at the last look. */
  get diskBytes(): number {
    return this.#diskBytes;
  }

  /** What the disk had left at the last look. */
  get diskFreeBytes(): number {
    return this.#diskFreeBytes;
  }

  /** Why there is too little room; null when there is enough, or once more when there was too little. */
  shortage(spare: Spare, isShort: boolean): string | null {
    const { bavail, blocks, bsize } = statfsSync(this.#directory);
    this.#diskBytes = blocks * bsize;
    this.#diskFreeBytes = bavail * bsize;
    const settings = this.#settings;
    const slackBytes = isShort ? settings.freeBytesMin * slackShare : 0;
    const neededBytes = slackBytes + (this.#hasBallast() ? 0 : settings.ballastBytes);
    return shortageOf({ diskBytes: this.#diskFreeBytes, ...spare }, { ...settings, neededBytes });
  }

  /** Makes the ballast if it is not there; false when there is no room for it. */
  takeBallast(): boolean {
    if (this.#hasBallast()) return true;
    try {
      // What is there is too small: another, never written into what bears its name.
      this.dropBallast();
      const content = Buffer.alloc(this.#settings.ballastBytes);
      writeFileSync(this.#ballastFile, content, { flag: "wx", mode: privateFileMode });
      return true;
    } catch {
      this.dropBallast();
      return false;
    }
  }

  dropBallast(): void {
    rmSync(this.#ballastFile, { force: true });
  }

  #hasBallast(): boolean {
    const size = statSync(this.#ballastFile, { throwIfNoEntry: false })?.size ?? 0;
    return size >= this.#settings.ballastBytes;
  }
}

/** A log that is checkpointed at one length grows meanwhile. */
const walGrowth = 2;
/** An entry becomes a row and what watchers are told of it. */
const unreflectedGrowth = 2;

/** Whatever is written goes through the write-ahead log first: however many pages are empty, the log needs room. */
export function shortageOf(
  room: Spare & { readonly diskBytes: number },
  settings: Pick<SqliteSettings, "freeBytesMin" | "checkpointBytes" | "walBytesMax"> & {
    readonly neededBytes: number;
  },
): string | null {
  const { diskBytes, emptyBytes, walFileBytes } = room;
  const { freeBytesMin, checkpointBytes, walBytesMax, neededBytes } = settings;
  const growthBytes = room.growthBytes + room.unreflectedBytes * unreflectedGrowth;
  const loggableBytes = diskBytes - growthBytes + Math.min(walFileBytes, walBytesMax);
  const freeBytes = loggableBytes + emptyBytes;
  const wantedBytes = freeBytesMin + neededBytes;
  if (freeBytes < wantedBytes) {
    return `The disk and the empty pages of the file have room for ${freeBytes} bytes, and ${wantedBytes} are wanted.`;
  }
  const loggedBytes = Math.min(freeBytesMin, checkpointBytes * walGrowth) + neededBytes;
  if (loggableBytes < loggedBytes) {
    return `The disk has room for ${loggableBytes} bytes of log, and ${loggedBytes} are wanted.`;
  }
  // A log that cannot be moved into the file for want of room cannot start anew either, and takes no deletion.
  if (growthBytes === 0 || diskBytes >= growthBytes + checkpointBytes) return null;
  return `The disk has ${diskBytes} bytes left, and the file may grow by ${growthBytes} that are in its log.`;
}
