// Where log lines leave the process. A log that takes nothing (a full disk, a reader that stands still) never holds up
// the service nor its end: lines wait, within a bound, and those beyond it are counted and lost.

import { write, writeSync } from "node:fs";

/** A time in which the log could not be written. */
export interface LogGap {
  /** What kept it from being written, such as `ENOSPC`. */
  readonly cause: string;
  readonly lostLines: number;
}

export interface LogSinkOptions {
  /** One that does not block: a write that waits for a reader would keep the process from ending. */
  readonly descriptor: number;
  /** Called once when all that waited is written again: the lost lines would have stood here. */
  readonly onGap: (gap: LogGap) => void;
  /** Bytes of lines that wait at most. */
  readonly waitingBytesMax?: number;
}

const waitingBytesMaxDefault = 1_048_576;
const chunkBytesMax = 65_536;
const retryMs = 250;
/** A pipe that is full has a reader that may only be slow. */
const retryFullPipeMs = 20;
/** How long the end of the process waits for such a reader. */
const flushMsMax = 1_000;

export class LogSink {
  readonly #descriptor: number;
  readonly #onGap: (gap: LogGap) => void;
  readonly #waitingBytesMax: number;
  #waiting: Buffer[] = [];
  /** With those being written. */
  #waitingBytes = 0;
  #isWriting = false;
  #isGone = false;
  #cause: string | null = null;
  #lostLines = 0;

  constructor({ descriptor, onGap, waitingBytesMax = waitingBytesMaxDefault }: LogSinkOptions) {
    this.#descriptor = descriptor;
    this.#onGap = onGap;
    this.#waitingBytesMax = waitingBytesMax;
  }

  /** Once a line is lost, so are all others until what waits is written: there is one gap, not many. */
  write(line: string): void {
    if (this.#isGone) return;
    const bytes = Buffer.from(line);
    if (this.#lostLines > 0 || this.#waitingBytes + bytes.byteLength > this.#waitingBytesMax) {
      this.#lostLines += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#writeNext();
  }

  /** Writes what waits before the process ends, as far as the log takes it. */
  flushSync(): void {
    const isWriting = this.#isWriting;
    this.#isWriting = true;
    const giveUpMs = performance.now() + flushMsMax;
    while (this.#waiting.length > 0 && this.#writeChunkSync()) {
      if (performance.now() > giveUpMs) break;
    }
    this.#isWriting = isWriting;
  }

  /** False when the log takes nothing. */
  #writeChunkSync(): boolean {
    const chunk = this.#takeChunk();
    try {
      this.#wrote(chunk, writeSync(this.#descriptor, chunk));
      return true;
    } catch (error) {
      this.#waiting.unshift(chunk);
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false;
      sleepSync(retryFullPipeMs);
      return true;
    }
  }

  #writeNext(): void {
    if (this.#isWriting || this.#waiting.length === 0) return;
    this.#isWriting = true;
    const chunk = this.#takeChunk();
    write(this.#descriptor, chunk, (error, bytes) => {
      if (error !== null) this.#failed(chunk, error);
      else {
        this.#isWriting = false;
        this.#wrote(chunk, bytes);
        this.#writeNext();
      }
    });
  }

  #takeChunk(): Buffer {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || bytes < chunkBytesMax)) {
      bytes += (this.#waiting[count] as Buffer).byteLength;
      count += 1;
    }
    return Buffer.concat(this.#waiting.splice(0, count), bytes);
  }

  #wrote(chunk: Buffer, bytes: number): void {
    this.#waitingBytes -= bytes;
    if (bytes < chunk.byteLength) this.#waiting.unshift(chunk.subarray(bytes));
    if (this.#waitingBytes === 0) this.#endGap();
  }

  #endGap(): void {
    const gap = { cause: this.#cause ?? "a slow reader", lostLines: this.#lostLines };
    const isGap = this.#cause !== null || gap.lostLines > 0;
    this.#cause = null;
    this.#lostLines = 0;
    if (isGap) this.#onGap(gap);
  }

  /** A reader that has gone does not come back; anything else may pass. */
  #failed(chunk: Buffer, { code = "" }: NodeJS.ErrnoException): void {
    this.#isGone = code === "EPIPE";
    if (this.#isGone) {
      this.#waiting = [];
      return;
    }
    this.#waiting.unshift(chunk);
    if (code !== "EAGAIN") this.#cause = code;
    setTimeout(() => this.#retry(), code === "EAGAIN" ? retryFullPipeMs : retryMs).unref();
  }

  #retry(): void {
    this.#isWriting = false;
    this.#writeNext();
  }
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
