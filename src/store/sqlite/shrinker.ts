// Gives the disk back what the file does not need: its empty pages, in slices so short that a write that comes meanwhile
// does not notice, and only while there is little else to write. Some stay, so that the file need not grow for each write.

import type { StoreDatabase } from "./database.ts";
import { LockedError } from "./transactions.ts";

type ShrinkableFile = Pick<StoreDatabase, "bytesTaken" | "emptyPages" | "giveBack" | "walLength">;

/** Empty pages that stay: so many, and this share of the file. */
const pagesKeptMin = 1_024;
const shareKept = 1 / 8;
/** Whoever writes more than this between two looks is not idle. */
const idleBytesMax = 262_144;
/** Slices between two looks, and the pages of one; one that takes longer than its time makes the next ones shorter. */
const slicesMax = 16;
const slicePagesMax = 64;
const slicePagesMin = 8;
const sliceMs = 3;

export class Shrinker {
  readonly #file: ShrinkableFile;
  readonly #walBytesMax: number;
  #slicesLeft = 0;
  #slicePages = slicePagesMax;
  #bytesTakenAtLook = 0;

  /** @param options.checkpointBytes while the write-ahead log is as long as that, nothing is added to it */
  constructor(file: ShrinkableFile, { checkpointBytes }: { readonly checkpointBytes: number }) {
    this.#file = file;
    this.#walBytesMax = checkpointBytes;
  }

  /** Now and then: whether there is anything to give back, and whether this is the time. */
  look(): void {
    const { bytesTaken } = this.#file;
    const isIdle = bytesTaken - this.#bytesTakenAtLook < idleBytesMax;
    this.#bytesTakenAtLook = bytesTaken;
    this.#slicesLeft = isIdle && this.#excess() > 0 ? slicesMax : 0;
  }

  /** One slice; false when there is none to come before the next look. */
  step(): boolean {
    if (this.#slicesLeft === 0) return false;
    const pages = Math.min(this.#slicePages, this.#excess());
    // Somebody who reads the file keeps its log: what is moved would make that longer.
    if (pages === 0 || this.#file.walLength().unemptiedBytes >= this.#walBytesMax) {
      this.stop();
      return false;
    }
    if (!this.#giveBack(pages)) {
      this.stop();
      return false;
    }
    this.#slicesLeft -= 1;
    return this.#slicesLeft > 0;
  }

  /** False when another process has locked the file. */
  #giveBack(pages: number): boolean {
    const started = performance.now();
    try {
      this.#file.giveBack(pages);
    } catch (error) {
      if (error instanceof LockedError) return false;
      throw error;
    }
    // What it moved itself is no sign of others.
    this.#bytesTakenAtLook = this.#file.bytesTaken;
    const isLong = performance.now() - started > sliceMs;
    this.#slicePages = isLong
      ? Math.max(slicePagesMin, this.#slicePages >> 1)
      : Math.min(slicePagesMax, this.#slicePages << 1);
    return true;
  }

  stop(): void {
    this.#slicesLeft = 0;
  }

  /** Pages that may go; none in a file that was made before files gave any back. */
  #excess(): number {
    const { empty, all, canGo } = this.#file.emptyPages();
    return canGo ? Math.max(0, empty - Math.max(pagesKeptMin, Math.floor(all * shareKept))) : 0;
  }
}
