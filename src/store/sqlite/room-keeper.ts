// Whether there is room to write: in the file, on the disk, and beside other processes that look at it. Where there is none it
// is said once, what can be given up is given up, and it is looked again until there is some.

import Sqlite from "better-sqlite3";
import type { StoreDatabase } from "./database.ts";
import { type FromWriter, numberIndex } from "./messages.ts";
import {
  hasRoomAgain,
  hasRoomFor,
  historyBytesKept,
  isFull,
  isOrdinary,
  type Room,
  reserveHasRoomFor,
} from "./room.ts";
import type { SqliteSettings } from "./settings.ts";
import type { Space } from "./space.ts";
import { LockedError } from "./transactions.ts";
import type { WalKeeper } from "./wal-keeper.ts";

/** A burst can take much of the disk between two ticks: no more than this, and these shares of what is in reserve. */
const probeEveryBytesMax = 8_388_608;
const probeShareOfReserve = 1 / 16;
const probeShareOfBallast = 1 / 8;

/** As they were when it was last looked for room. */
interface FileSizes {
  readonly fileBytes: number;
  readonly emptyBytes: number;
  readonly walFileBytes: number;
}

interface RoomKeeperParts {
  readonly database: StoreDatabase;
  readonly space: Space;
  readonly wal: WalKeeper;
  readonly numbers: Float64Array;
  readonly settings: SqliteSettings;
  readonly post: (message: FromWriter) => void;
  /** Tries the rows that wait for room; whether none waits any more. */
  readonly writeWaiting: () => boolean;
}

export class RoomKeeper {
  readonly #database: StoreDatabase;
  readonly #space: Space;
  readonly #wal: WalKeeper;
  readonly #numbers: Float64Array;
  readonly #post: (message: FromWriter) => void;
  readonly #writeWaiting: () => boolean;
  readonly #probeEveryBytes: number;
  #bytesTakenAtProbe = 0;
  #shortage: string | null = null;
  /** Bytes of the append for whose sake it was said. */
  #refusedBytes = 0;
  /** Another process holds the lock of the file. */
  #isLocked = false;

  constructor({ database, space, wal, numbers, settings, post, writeWaiting }: RoomKeeperParts) {
    this.#database = database;
    this.#space = space;
    this.#wal = wal;
    this.#numbers = numbers;
    this.#post = post;
    this.#writeWaiting = writeWaiting;
    this.#probeEveryBytes = probeEveryBytesOf(settings);
  }

  /** Why there is no room; null while there is some. */
  get shortage(): string | null {
    return this.#shortage;
  }

  /** Whether so much was taken since it was last looked for room that it is looked for again. */
  get isProbeDue(): boolean {
    return this.#database.bytesTaken - this.#bytesTakenAtProbe >= this.#probeEveryBytes;
  }

  /** Once it was said that there is no room, what still comes makes some, and may use the reserve. */
  fits(bytes: number): boolean {
    return this.#hasRoom((room) =>
      this.#shortage === null ? hasRoomFor(room, bytes) : reserveHasRoomFor(room, bytes),
    );
  }

  /**
   * Log and tables are one file: where it has too little room, entries go that the rows beside them reflect, before
   * anybody asks for it.
   */
  #hasRoom(isEnough: (room: Room) => boolean): boolean {
    const room = this.#database.room();
    if (room === null || isEnough(room)) return true;
    if (!this.inRoom(() => this.#database.dropReflectedEntries())) return false;
    return isEnough(this.#database.room() as Room);
  }

  /** Says so where an append of so many bytes was refused, unless it was so large that this says little of others. */
  refused(bytes: number, cause: string): void {
    const room = this.#database.room();
    if (this.#shortage !== null || room === null || !isOrdinary(room, bytes)) return;
    this.#refusedBytes = bytes;
    this.#say(cause);
  }

  /** False when there was no room, or a lock of another process, and nothing was done; any other error rises. */
  inRoom(work: () => void): boolean {
    try {
      if (this.#isLocked) this.#database.withoutWaiting(work);
      else work();
      return true;
    } catch (error) {
      if (error instanceof LockedError) {
        this.#isLocked = true;
        if (this.#shortage === null) this.#say("Another process has locked the database file for writing.");
        return false;
      }
      if (!(error instanceof Sqlite.SqliteError) || error.code !== "SQLITE_FULL") throw error;
      this.latch("The database is full.");
      return false;
    }
  }

  /**
   * A smaller write may still succeed on a full disk, so it is the room that decides when writing goes on. The
   * ballast's room goes to a checkpoint: a log that starts anew takes deletions without needing more disk.
   */
  latch(cause: string): void {
    this.#space.dropBallast();
    if (this.#shortage !== null) return;
    this.#say(cause);
    this.inRoom(() => this.#wal.finish({ isComplete: true }));
  }

  /** Looks how much room there is, tries what waits for some, and says when there is enough again. */
  probe(): void {
    this.#bytesTakenAtProbe = this.#database.bytesTaken;
    if (this.#isLocked && !this.#isUnlocked()) return;
    const isWritten = this.#writeWaiting();
    if (this.#shortage !== null) {
      this.inRoom(() => this.#wal.giveBack(this.#database.spare().walFileBytes));
    }
    const spare = this.#database.spare();
    const shortage = this.#space.shortage(spare, this.#shortage !== null);
    this.#noteRoom(spare);
    if (this.#shortage === null) {
      if (shortage !== null) this.#say(shortage);
      else if (!this.#takeBallast()) this.#say("The disk has no room for the ballast file.");
      return;
    }
    if (shortage !== null || this.#isDatabaseFull() || !isWritten) return;
    if (!this.#takeBallast()) return;
    // Said again here, since there may have been no room to say it at the start.
    if (this.inRoom(() => this.#database.setCleanShutdown(false))) this.#say(null);
  }

  #noteRoom({ fileBytes, emptyBytes, walFileBytes }: FileSizes): void {
    this.#numbers[numberIndex.databaseBytes] = fileBytes;
    this.#numbers[numberIndex.emptyBytes] = emptyBytes;
    this.#numbers[numberIndex.walFileBytes] = walFileBytes;
    this.#numbers[numberIndex.diskFreeBytes] = this.#space.diskFreeBytes;
    this.#numbers[numberIndex.diskBytes] = this.#space.diskBytes;
  }

  /** Its room may have gone to the write-ahead log, which keeps its length. */
  #takeBallast(): boolean {
    if (this.#space.takeBallast()) return true;
    return this.inRoom(() => this.#database.emptyWal()) && this.#space.takeBallast();
  }

  #isUnlocked(): boolean {
    if (!this.inRoom(() => this.#database.assertMayWrite())) return false;
    this.#isLocked = false;
    return true;
  }

  /** History that was kept while there was room must not be what the service stays read-only for. */
  #isDatabaseFull(): boolean {
    if (this.#hasRoomAgain()) return false;
    this.makeRoom(historyBytesKept);
    return !this.#hasRoomAgain();
  }

  #hasRoomAgain(): boolean {
    return this.#hasRoom((room) => hasRoomAgain(room, this.#refusedBytes));
  }

  /** False where that would be of no use: the file is not what is full. */
  giveUpHistory(): boolean {
    if (!this.isFileFull()) return false;
    this.makeRoom(() => 0);
    return true;
  }

  /** And not only the disk under it. */
  isFileFull(): boolean {
    return !this.#hasRoom((room) => !isFull(room));
  }

  /** What nobody needs goes from the file, and the oldest of the history until so much is left. */
  makeRoom(historyBytesOf: (room: Room) => number): void {
    const room = this.#database.room();
    if (room !== null) this.inRoom(() => this.#database.makeRoom(historyBytesOf(room)));
  }

  #say(shortage: string | null): void {
    const before = this.#shortage;
    this.#shortage = shortage;
    if (shortage === null) this.#refusedBytes = 0;
    if (shortage === null) this.#post({ type: "state", state: { state: "connected" } });
    else if (before === null) this.#post({ type: "state", state: { state: "read_only", cause: shortage } });
  }
}

function probeEveryBytesOf({ freeBytesMin, ballastBytes }: SqliteSettings): number {
  const reserves = [freeBytesMin * probeShareOfReserve, ballastBytes * probeShareOfBallast];
  return Math.min(probeEveryBytesMax, ...reserves.filter((bytes) => bytes > 0));
}
