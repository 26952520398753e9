// Room on the disk: how much there is, and a file of no meaning that is given up when there is none, so that
// the deletions which make room can still be logged.

import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { privateFileMode } from "./privacy.ts";
import type { SqliteSettings } from "./settings.ts";

export class Space {
  readonly #directory: string;
  readonly #ballastFile: string;
  readonly #settings: SqliteSettings;

  constructor(ballastFile: string, settings: SqliteSettings) {
    this.#directory = dirname(ballastFile);
    this.#ballastFile = ballastFile;
    this.#settings = settings;
  }

  /** Why the disk has too little room; null when it has enough. */
  shortage(): string | null {
    const { bavail, bsize } = statfsSync(this.#directory);
    const needed = this.#settings.freeBytesMin + (this.#hasBallast() ? 0 : this.#settings.ballastBytes);
    const free = bavail * bsize;
    return free < needed ? `The disk has ${free} bytes left, and ${needed} are wanted.` : null;
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
