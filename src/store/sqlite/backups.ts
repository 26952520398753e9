// Backups of the SQLite file: one at a time, each made on a thread of its own and marked with the moment it is of. Which
// zxid that is only the event loop knows: the thread says up to which entry of the log it copies, and it is told.

import { randomUUID } from "node:crypto";
import { closeSync, openSync, unlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { KeeperError } from "../../core/errors.ts";
import { privateFileMode } from "../../own-directory.ts";
import type { BackupFacts, BackupSource, BackupStats, TakenBackup } from "../backup-source.ts";
import type { Lsn } from "../commit-log.ts";
import type { Store } from "../store.ts";
import type { CopyOrder, FromCopier, ToCopier } from "./backup-messages.ts";
import { removeCopy } from "./data-directory.ts";

interface BackupsParts {
  readonly store: Pick<Store, "place" | "onPlace" | "clock">;
  readonly databaseFile: string;
  /** Where one is made that is read at once. */
  readonly backupFile: string;
  readonly freeBytesMin: number;
  readonly version: string;
}

interface Wanted extends Pick<CopyOrder, "file" | "isReadBack"> {
  readonly signal: AbortSignal;
}

/** Entries done between asking for a copy and its beginning: a thread has started by then. */
const placesMax = 1_000_000;

export class Backups implements BackupSource {
  readonly #parts: BackupsParts;
  #isTaken = false;
  #worker: Worker | null = null;
  #isClosed = false;
  #stats = { taken: 0, failures: 0, lastBackupMs: 0, lastBackupBytes: 0, lastTookMs: 0 };

  constructor(parts: BackupsParts) {
    this.#parts = parts;
  }

  stats(): BackupStats {
    return { ...this.#stats, isRunning: this.#isTaken };
  }

  async take(signal: AbortSignal): Promise<TakenBackup> {
    const { backupFile: file } = this.#parts;
    const facts = await this.#alone({ file, signal, isReadBack: false });
    try {
      const content = await open(file, "r");
      // Without a name from here on: whatever becomes of the reader or of this process, nothing is left of it.
      unlinkSync(file);
      return { ...facts, content, release: this.#releaseOf(() => content.close()) };
    } catch (error) {
      removeCopy(file);
      this.#isTaken = false;
      throw error;
    }
  }

  /**
   * Makes one in a file of its own, which must not be there yet, and reads it back. @throws KeeperError as `take` does;
   * Error when it is not what was written. Nothing is left of it then
   */
  async takeInto(file: string, signal: AbortSignal): Promise<BackupFacts> {
    const facts = await this.#alone({ file, signal, isReadBack: true });
    this.#isTaken = false;
    return facts;
  }

  /** Breaks off the one under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    if (worker === null) return;
    const exit = new Promise((resolve) => worker.once("exit", resolve));
    worker.postMessage({ type: "stop" } satisfies ToCopier);
    await exit;
  }

  #releaseOf(close: () => Promise<void>): () => Promise<void> {
    let isReleased = false;
    return async () => {
      if (isReleased) return;
      isReleased = true;
      await close();
      this.#isTaken = false;
    };
  }

  async #alone(wanted: Wanted): Promise<BackupFacts> {
    if (this.#isClosed) throw isClosing();
    if (this.#isTaken) throw anotherIsTaken();
    this.#isTaken = true;
    const startedMs = this.#parts.store.clock.monotonicMs();
    try {
      const facts = await this.#copyTo(wanted);
      const lastTookMs = this.#parts.store.clock.monotonicMs() - startedMs;
      const { takenAtMs: lastBackupMs, bytes: lastBackupBytes } = facts;
      this.#stats = { ...this.#stats, lastBackupMs, lastBackupBytes, lastTookMs };
      this.#stats.taken += 1;
      return facts;
    } catch (error) {
      if (!wanted.signal.aborted) this.#stats.failures += 1;
      this.#isTaken = false;
      throw error;
    }
  }

  async #copyTo({ file, signal, isReadBack }: Wanted): Promise<BackupFacts> {
    signal.throwIfAborted();
    const { databaseFile, freeBytesMin, store } = this.#parts;
    closeSync(openSync(file, "wx", privateFileMode));
    const places = new Places(store);
    const order: CopyOrder = { databaseFile, file, freeBytesMin, isReadBack };
    const worker = new Worker(new URL("./backup-thread.ts", import.meta.url), { workerData: order });
    this.#worker = worker;
    const onAbort = () => worker.postMessage({ type: "stop" } satisfies ToCopier);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await this.#made(worker, places);
    } catch (error) {
      removeCopy(file);
      if (this.#isClosed) throw isClosing();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      places.forget();
      this.#worker = null;
    }
  }

  /** Resolves, or rejects, when the thread has ended: nobody writes to the file any more. */
  async #made(worker: Worker, places: Places): Promise<BackupFacts> {
    const { store, version } = this.#parts;
    const moment = { id: randomUUID(), takenAtMs: store.clock.wallMs(), zxid: 0 };
    let last: FromCopier | null = null;
    let fault: unknown;
    worker.on("message", (message: FromCopier) => {
      last = message;
      if (message.type !== "begun") return;
      const mark = (zxid: number) => {
        moment.zxid = zxid;
        const marker = { ...moment, version, lsn: message.lsn };
        worker.postMessage({ type: "marker", marker } satisfies ToCopier);
      };
      places.zxidAt(message.lsn).then(mark, (error: unknown) => {
        fault = error;
        worker.postMessage({ type: "stop" } satisfies ToCopier);
      });
    });
    worker.once("error", (error) => {
      fault = error;
    });
    await new Promise((resolve) => worker.once("exit", resolve));
    const end = last as FromCopier | null;
    if (fault !== undefined) throw fault;
    if (end?.type === "done") return { ...moment, bytes: end.bytes, sha256: end.sha256 };
    throw failed(end);
  }
}

function failed(end: FromCopier | null): Error {
  if (end?.type !== "failed") return new Error("The thread that makes the backup ended by itself.");
  return end.isForRoom
    ? new KeeperError("no_room", `${end.cause} No backup was taken.`)
    : new Error(end.cause);
}

function isClosing(): KeeperError {
  return new KeeperError("stopping", "The server is shutting down; no backup was taken.");
}

function anotherIsTaken(): KeeperError {
  const message =
    "Another backup is being taken, and one is taken at a time; nothing was done. Try again later.";
  return new KeeperError("throttled", message, { retryAfterSeconds: 10 });
}

/** Where the state stood behind each entry since this was made. */
class Places {
  readonly #zxids = new Map<Lsn, number>();
  readonly #stopListening: () => void;
  #waiting: { readonly lsn: Lsn; readonly resolve: (zxid: number) => void } | null = null;
  readonly #overflow = Promise.withResolvers<never>();

  constructor(store: Pick<Store, "place" | "onPlace">) {
    this.#zxids.set(store.place.lsn, store.place.zxid);
    this.#overflow.promise.catch(() => {});
    this.#stopListening = store.onPlace(({ lsn, zxid }) => this.#note(lsn, zxid));
  }

  /** Resolves once the entry is done. */
  async zxidAt(lsn: Lsn): Promise<number> {
    const zxid = this.#zxids.get(lsn);
    if (zxid !== undefined) {
      this.forget();
      return zxid;
    }
    const reached = Promise.withResolvers<number>();
    this.#zxids.clear();
    this.#waiting = { lsn, resolve: reached.resolve };
    return await Promise.race([reached.promise, this.#overflow.promise]);
  }

  forget(): void {
    this.#stopListening();
    this.#zxids.clear();
  }

  #note(lsn: Lsn, zxid: number): void {
    if (this.#waiting !== null) {
      if (lsn !== this.#waiting.lsn) return;
      this.#waiting.resolve(zxid);
      this.forget();
    } else if (this.#zxids.size < placesMax) this.#zxids.set(lsn, zxid);
    else this.#overflow.reject(new Error("The copy did not begin in time."));
  }
}
