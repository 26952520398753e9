// Where log lines leave the process, those of the log as those of the audit. An outlet that takes nothing (a full disk, a
// reader that stands still) never holds up the service nor its end: lines wait, within a bound, and those beyond it are
// counted and lost.

import { write, writeSync } from "node:fs";

/** A time in which the log could not be written. */
export interface LogGap {
  /** What kept it from being written, such as `ENOSPC`. */
  readonly cause: string;
  readonly lostLines: number;
}

/** What takes whole lines in chunks. Of a chunk that it took in part, the rest comes next. */
export interface LogOutlet {
  write(chunk: Buffer, done: (error: NodeJS.ErrnoException | null, bytes: number) => void): void;
  /** How many bytes it took. */
  writeSync(chunk: Buffer): number;
}

/** @param descriptor that does not block: a write that waits for a reader would keep the process from ending */
export function outletTo(descriptor: number): LogOutlet {
  return {
    write: (chunk, done) => write(descriptor, chunk, done),
    writeSync: (chunk) => writeSync(descriptor, chunk),
  };
}

export interface LogSinkOptions {
  readonly outlet: LogOutlet;
  /** Called once when all that waited is written again: the lost lines would have stood here. */
  readonly onGap: (gap: LogGap) => void;
  /** Called each time that something is not taken, with what was lost by then. */
  readonly onTrouble?: (soFar: LogGap) => void;
  /** How long lines are gathered before they are written together: each write costs more than many lines. */
  readonly gatherMs?: number;
  /** What a gap is said to come from when nothing has failed. */
  readonly slowness?: string;
  /** Bytes of lines that wait at most. */
  readonly waitingBytesMax?: number;
}

const waitingBytesMaxDefault = 1_048_576;
const slownessDefault = "a slow reader";
const chunkBytesMax = 65_536;
const retryMs = 250;
/** A pipe that is full has a reader that may only be slow. */
const retryFullPipeMs = 20;
/** How long the end of the process waits for such a reader. */
const flushMsMax = 1_000;

export class LogSink {
  readonly #outlet: LogOutlet;
  readonly #onGap: (gap: LogGap) => void;
  readonly #onTrouble: (soFar: LogGap) => void;
  readonly #gatherMs: number;
  readonly #slowness: string;
  readonly #waitingBytesMax: number;
  #waiting: Buffer[] = [];
  /** With those being written. */
  #waitingBytes = 0;
  #isWriting = false;
  #gathering: NodeJS.Timeout | null = null;
  #isGone = false;
  #cause: string | null = null;
  #lostLines = 0;
  /** Whoever waits for all to be written. */
  #settled: (isWritten: boolean) => void = () => {};

  constructor(options: LogSinkOptions) {
    this.#outlet = options.outlet;
    this.#onGap = options.onGap;
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#gatherMs = options.gatherMs ?? 0;
    this.#slowness = options.slowness ?? slownessDefault;
    this.#waitingBytesMax = options.waitingBytesMax ?? waitingBytesMaxDefault;
  }

  /** Bytes of the lines that wait, with those being written. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Once a line is lost, so are all others until what waits is written: there is one gap, not many. */
  write(line: string): void {
    if (this.#isGone) return;
    const bytes = Buffer.from(line);
    if (this.#lostLines > 0 || this.#waitingBytes + bytes.byteLength > this.#waitingBytesMax) {
      this.#lostLines += 1;
      this.#onTrouble(this.#gap);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#writeSoon();
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

  /** Resolves when nothing waits any more; with false when that is not to be, or takes too long. */
  drain(): Promise<boolean> {
    if (this.#waitingBytes === 0) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), flushMsMax);
    this.#settled = resolve;
    this.#writeNext();
    return promise.finally(() => clearTimeout(timer));
  }

  /** False when the log takes nothing. */
  #writeChunkSync(): boolean {
    const chunk = this.#takeChunk();
    try {
      this.#wrote(chunk, this.#outlet.writeSync(chunk));
      return true;
    } catch (error) {
      this.#waiting.unshift(chunk);
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false;
      sleepSync(retryFullPipeMs);
      return true;
    }
  }

  #writeSoon(): void {
    if (this.#waiting.length === 0) return;
    const isGathered = this.#gatherMs === 0 || this.#waitingBytes >= chunkBytesMax;
    if (isGathered) this.#writeNext();
    else this.#gathering ??= setTimeout(() => this.#writeNext(), this.#gatherMs).unref();
  }

  #writeNext(): void {
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#gathering = null;
    if (this.#isWriting || this.#waiting.length === 0) return;
    this.#isWriting = true;
    const chunk = this.#takeChunk();
    this.#outlet.write(chunk, (error, bytes) => {
      if (error !== null) this.#failed(chunk, error);
      else {
        this.#isWriting = false;
        this.#wrote(chunk, bytes);
        this.#writeSoon();
      }
    });
  }

  #takeChunk(): Buffer {
    let bytes = 0;
    let count = 0;
    for (const line of this.#waiting) {
      if (count > 0 && bytes + line.byteLength > chunkBytesMax) break;
      bytes += line.byteLength;
      count += 1;
    }
    return Buffer.concat(this.#waiting.splice(0, count), bytes);
  }

  #wrote(chunk: Buffer, bytes: number): void {
    this.#waitingBytes -= bytes;
    if (bytes < chunk.byteLength) this.#waiting.unshift(chunk.subarray(bytes));
    if (this.#waitingBytes === 0) this.#endGap();
    // The word of a gap may be one more line.
    if (this.#waitingBytes === 0) this.#settled(true);
  }

  get #gap(): LogGap {
    return { cause: this.#cause ?? this.#slowness, lostLines: this.#lostLines };
  }

  #endGap(): void {
    const gap = this.#gap;
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
      this.#settled(false);
      return;
    }
    this.#waiting.unshift(chunk);
    if (code !== "EAGAIN") {
      this.#cause = code;
      this.#onTrouble(this.#gap);
      this.#settled(false);
    }
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
