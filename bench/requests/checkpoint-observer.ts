// Sees from outside whether checkpoints run: with a write-ahead log, nothing but a checkpoint writes the database
// file itself. It reads the file's times only and never opens it.

import { statSync } from "node:fs";

const sampleMs = 20;

export class CheckpointObserver {
  readonly #file: string;
  readonly #timer: NodeJS.Timeout;
  #lastWriteMs: number;
  #wasWritten = false;
  #runs = 0;

  constructor(databaseFile: string) {
    this.#file = databaseFile;
    this.#lastWriteMs = this.#writeMs();
    this.#timer = setInterval(() => this.#sample(), sampleMs);
  }

  /** Ends the observation. How often the file began to be written: checkpoints close to each other count as one. */
  stop(): number {
    clearInterval(this.#timer);
    this.#sample();
    return this.#runs;
  }

  #sample(): void {
    const writeMs = this.#writeMs();
    const isWritten = writeMs !== this.#lastWriteMs;
    if (isWritten && !this.#wasWritten) this.#runs += 1;
    this.#lastWriteMs = writeMs;
    this.#wasWritten = isWritten;
  }

  #writeMs(): number {
    return statSync(this.#file).mtimeMs;
  }
}
