// Keeps the write-ahead log short. The long part of a checkpoint runs on a thread of its own, which is there from the
// first such checkpoint on; the writer only does the rest of it between two batches, so that the log can start anew.
// While somebody reads the file the log cannot be emptied: then it grows, which is said, and nobody waits.

import { Worker } from "node:worker_threads";
import type { StoreDatabase, WalLength } from "./database.ts";
import { numberIndex, type WalBlockage } from "./messages.ts";
import type { SqliteSettings } from "./settings.ts";

export type CheckpointRequest = "checkpoint" | "close";

export interface CheckpointDone {
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Whether all that was in the log when it began is in the file: nobody was in the way. */
  readonly isComplete: boolean;
  readonly tookMs: number;
}

interface Listeners {
  /** Called when the thread is done, with what went wrong if anything did. */
  readonly onDone: (done: CheckpointDone) => void;
  /** Called once when a reader is in the way of a log that is too long, and once when that is over. */
  readonly onBlockage: (blockage: WalBlockage) => void;
}

/** How long the writer is quiet before the log is emptied, and how little in it is left alone. */
const idleMs = 1_000;
const trivialBytes = 262_144;
/** Asking for the log's length costs more than writing a row: not after each of a thousand small batches. */
const measureEveryBytes = 131_072;
/** Who looks into the file for a moment is not spoken of. */
const sayAfterMs = 1_000;
/** Between two checkpoints of which the first did not get through, doubled each time. */
const retryMsMin = 250;
const retryMsMax = 4_000;
/** What the writer gives the thread after each measure, where it outruns it. */
const brakeMs = 5;

export class WalKeeper {
  readonly #database: StoreDatabase;
  readonly #settings: SqliteSettings;
  readonly #databaseFile: string;
  readonly #numbers: Float64Array;
  readonly #listeners: Listeners;
  #worker: Worker | null = null;
  /** Never woken: waiting on it is standing still. */
  readonly #pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #isRunning = false;
  #lastBatchMs = 0;
  #bytesTakenAtMeasure = 0;
  #retryMs = 0;
  #lastAttemptMs = 0;
  /** Checkpoints in a row that left the log longer than it may be, and when the first of them ended. */
  #vainAttempts = 0;
  #vainSinceMs = 0;
  #isBlocked = false;
  #longestBytes = 0;

  constructor(
    database: StoreDatabase,
    settings: SqliteSettings & { readonly databaseFile: string; readonly numbers: Float64Array },
    listeners: Listeners,
  ) {
    this.#database = database;
    this.#settings = settings;
    this.#numbers = settings.numbers;
    this.#databaseFile = settings.databaseFile;
    this.#listeners = listeners;
  }

  /** After each batch: begins a checkpoint when the log is long. */
  afterBatch(): void {
    this.#lastBatchMs = performance.now();
    this.afterStep();
  }

  /** After what nobody waits for. */
  afterStep(): void {
    if (this.#database.bytesTaken - this.#bytesTakenAtMeasure < measureEveryBytes) return;
    const { unemptiedBytes } = this.#measure();
    if (unemptiedBytes >= this.#settings.checkpointBytes) this.#begin();
    if (unemptiedBytes >= this.#settings.walBytesMax) this.#brake();
  }

  /** A writer that outruns the thread would make the log ever longer. Where a reader is why, waiting would not help. */
  #brake(): void {
    if (!this.#isRunning || this.#vainAttempts > 0) return;
    Atomics.wait(this.#pause, 0, 0, brakeMs);
  }

  /**
   * The rest of a checkpoint: what was written while the thread worked. It is long only where the writer outruns the
   * disk, which then holds it up. Where somebody else was in the way the writer leaves all of it to the thread.
   */
  finish({ isComplete }: Pick<CheckpointDone, "isComplete">): void {
    if (isComplete) this.#database.checkpoint();
    this.#judge(this.#measure(), isComplete);
  }

  /**
   * Now and then: empties the log while nobody waits. The file keeps its length: where it is written over, a commit need
   * not make it longer, which a sync pays for. Only one that a reader made long is cut.
   */
  tick(): void {
    if (this.#isRunning) return;
    const { unemptiedBytes, unmovedBytes } = this.#measure();
    if (unmovedBytes >= this.#settings.checkpointBytes) this.#begin();
    else if (performance.now() - this.#lastBatchMs < idleMs) return;
    else if (unemptiedBytes >= trivialBytes) this.finish({ isComplete: true });
    else if (this.#isBlocked) this.#cut();
  }

  /** Where there is no room: a file that is longer than the log may be keeps room from others. */
  giveBack(walFileBytes: number): void {
    if (walFileBytes > this.#settings.walBytesMax) this.#cut();
  }

  /** Lets a checkpoint under way end. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    const { promise, resolve } = Promise.withResolvers<number>();
    worker.once("exit", resolve);
    worker.postMessage("close" satisfies CheckpointRequest);
    await promise;
  }

  #begin(): void {
    if (this.#isRunning || performance.now() - this.#lastAttemptMs < this.#retryMs) return;
    this.#isRunning = true;
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage("checkpoint" satisfies CheckpointRequest);
  }

  /** One that cannot begin, since somebody has locked the file, is tried again with the next checkpoint. */
  #startWorker(): Worker {
    const worker = new Worker(new URL("./checkpointer.ts", import.meta.url), {
      workerData: this.#databaseFile,
    });
    worker.on("error", (error: Error & { readonly code?: string }) => {
      this.#worker = null;
      const { code = "", message } = error;
      this.#done({ error: { code, message }, isComplete: false, tookMs: 0 });
    });
    return worker.on("message", (done: CheckpointDone) => this.#done(done));
  }

  #done(done: CheckpointDone): void {
    this.#isRunning = false;
    this.#count(done);
    this.#listeners.onDone(done);
  }

  #count({ tookMs }: CheckpointDone): void {
    const numbers = this.#numbers;
    numbers[numberIndex.lastCheckpointMs] = tookMs;
    (numbers[numberIndex.checkpointMsTotal] as number) += tookMs;
    (numbers[numberIndex.checkpointsTotal] as number) += 1;
  }

  /**
   * A log that is too long even after a checkpoint: either somebody reads a state from before its end, or the last
   * one, which keeps the log from starting anew with the next write.
   */
  #judge({ logBytes }: WalLength, isComplete: boolean): void {
    const isOutOfTheWay = isComplete && this.#vainAttempts === 0;
    this.#lastAttemptMs = performance.now();
    this.#retryMs = isOutOfTheWay ? 0 : Math.min(retryMsMax, Math.max(retryMsMin, 2 * this.#retryMs));
    if (logBytes < this.#settings.walBytesMax) return;
    if (this.#vainAttempts === 0) this.#vainSinceMs = this.#lastAttemptMs;
    this.#vainAttempts += 1;
    if (this.#isBlocked || (isComplete && this.#vainAttempts < 2) || this.#blockedMs() < sayAfterMs) return;
    this.#isBlocked = true;
    this.#listeners.onBlockage({ walBytes: logBytes, forMs: this.#blockedMs(), isOver: false });
  }

  #cut(): void {
    this.#database.emptyWal();
    this.#measure();
  }

  #measure(): WalLength {
    const length = this.#database.walLength();
    this.#bytesTakenAtMeasure = this.#database.bytesTaken;
    this.#longestBytes = Math.max(this.#longestBytes, length.logBytes);
    if (length.logBytes < this.#settings.walBytesMax) this.#startedAnew();
    this.#numbers[numberIndex.walBytes] = length.unemptiedBytes;
    this.#numbers[numberIndex.walBlockedMs] = this.#isBlocked ? this.#blockedMs() : 0;
    return length;
  }

  #startedAnew(): void {
    this.#vainAttempts = 0;
    if (this.#isBlocked) {
      this.#isBlocked = false;
      this.#retryMs = 0;
      this.#listeners.onBlockage({ walBytes: this.#longestBytes, forMs: this.#blockedMs(), isOver: true });
    }
    this.#longestBytes = 0;
  }

  #blockedMs(): number {
    return performance.now() - this.#vainSinceMs;
  }
}
