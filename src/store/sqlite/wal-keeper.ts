// Keeps the write-ahead log short. The long part of a checkpoint runs on a thread of its own; the writer only
// does the rest of it between two batches, so that the log can start anew.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { StoreDatabase } from "./database.ts";
import { numberIndex } from "./messages.ts";
import type { SqliteSettings } from "./settings.ts";

export type CheckpointRequest = "checkpoint" | "close";

export interface CheckpointDone {
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly tookMs: number;
}

/** How long the writer is quiet before the log is emptied, and how little in it is left alone. */
const idleMs = 1_000;
const trivialBytes = 262_144;
/** Asking for the log's length costs more than writing a row: not after each of a thousand small batches. */
const measureEveryBytes = 131_072;

export class WalKeeper {
  readonly #database: StoreDatabase;
  readonly #settings: SqliteSettings;
  readonly #numbers: Float64Array;
  readonly #worker: Worker;
  #isRunning = false;
  #lastBatchMs = 0;
  #bytesTakenAtMeasure = 0;

  /** @param onDone called when the thread is done, with what went wrong if anything did */
  constructor(
    database: StoreDatabase,
    settings: SqliteSettings & { readonly databaseFile: string; readonly numbers: Float64Array },
    onDone: (error: CheckpointDone["error"]) => void,
  ) {
    this.#database = database;
    this.#settings = settings;
    this.#numbers = settings.numbers;
    this.#worker = new Worker(new URL("./checkpointer.ts", import.meta.url), {
      workerData: settings.databaseFile,
    });
    this.#worker.on("message", ({ error, tookMs }: CheckpointDone) => {
      this.#isRunning = false;
      this.#numbers[numberIndex.lastCheckpointMs] = tookMs;
      onDone(error);
    });
  }

  /** After each batch: begins a checkpoint when the log is long, and brakes when it is far too long. */
  afterBatch(): void {
    this.#lastBatchMs = performance.now();
    if (this.#database.bytesTaken - this.#bytesTakenAtMeasure < measureEveryBytes) return;
    const walBytes = this.#measure();
    if (walBytes >= this.#settings.walBytesMax) this.#truncate();
    else if (walBytes >= this.#settings.checkpointBytes && !this.#isRunning) {
      this.#isRunning = true;
      this.#worker.postMessage("checkpoint" satisfies CheckpointRequest);
    }
  }

  /** The short rest of a checkpoint: what was written while the thread worked. */
  finish(): void {
    this.#database.checkpoint("PASSIVE");
    this.#measure();
  }

  /**
   * Now and then: empties the log while nobody waits. The file keeps its length: where it is written over, a commit need
   * not make it longer, which a sync pays for.
   */
  tick(): void {
    if (this.#isRunning || performance.now() - this.#lastBatchMs < idleMs) return;
    if (this.#measure() >= trivialBytes) this.finish();
  }

  /** Lets a checkpoint under way end. */
  async close(): Promise<void> {
    const exit = once(this.#worker, "exit");
    this.#worker.postMessage("close" satisfies CheckpointRequest);
    await exit;
  }

  #truncate(): void {
    const started = performance.now();
    this.#database.checkpoint("TRUNCATE");
    this.#numbers[numberIndex.lastCheckpointMs] = performance.now() - started;
    this.#measure();
  }

  #measure(): number {
    const walBytes = this.#database.walBytes();
    this.#bytesTakenAtMeasure = this.#database.bytesTaken;
    this.#numbers[numberIndex.walBytes] = walBytes;
    return walBytes;
  }
}
