// Keeps the log in etcd short: when it is long enough, a snapshot is taken of this server's tables and put where all servers
// find it; then entries go that it covers, and what etcd remembers of them. It is the duty of the server that keeps house.
// That two believe they are it does no harm; and what one left undone the next does first.

import { rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { KeeperError } from "../../core/errors.ts";
import type { CommitLog } from "../commit-log.ts";
import { placeOfBackup } from "../sqlite/snapshot-file.ts";
import type { EtcdCalls } from "./etcd-calls.ts";
import { isCompacted } from "./etcd-errors.ts";
import type { Snapshot } from "./manifest.ts";
import { patiently } from "./patience.ts";
import type { Snapshots } from "./snapshots.ts";
import { SupersededError } from "./superseded-error.ts";

/** Whether this service has etcd's history compacted, or somebody else who uses it as well. */
type Compaction = "own" | "external";

export interface SnapshotLimits {
  /** How often it is looked whether one is due. */
  readonly lookEveryMs: number;
  /** Before what failed is tried again. */
  readonly retryMs: number;
  /** One is due when the log has more bytes than this, and than the last one has: so at most as much again is written. */
  readonly logBytesMin: number;
  /** However large the last one is. etcd has a quota of 2 GiB unless told otherwise. */
  readonly logBytesMax: number;
  /** One is due, too, when the log has more entries: a start asks for the names of all of them. */
  readonly entriesMax: number;
  /** While etcd's room is short: one is due when the log has more bytes than this. A snapshot takes room, too. */
  readonly tightBytes: number;
}

const usualSnapshotLimits: SnapshotLimits = {
  lookEveryMs: 10_000,
  retryMs: 60_000,
  logBytesMin: 67_108_864,
  logBytesMax: 536_870_912,
  entriesMax: 100_000,
  tightBytes: 16_777_216,
};

interface SnapshotDutyParts {
  readonly log: Pick<CommitLog, "usage" | "trim">;
  readonly snapshots: Snapshots;
  readonly client: Pick<EtcdCalls, "compact">;
  /** Makes a backup of the tables in a file and reads it back. */
  readonly takeInto: (file: string, signal: AbortSignal) => Promise<unknown>;
  /** Where one is made; nothing is left there. */
  readonly file: string;
  readonly clock: Clock;
  readonly compaction: Compaction;
  readonly limits?: Partial<SnapshotLimits>;
  /** Whether etcd's room gets short: then less of a log is worth a snapshot. */
  readonly isTight?: () => boolean;
  readonly onTaken: (snapshot: Snapshot) => void;
  readonly onFailed: (reason: string) => void;
}

export interface SnapshotStats {
  readonly taken: number;
  readonly failures: number;
  /** Why the last attempt failed; null when it did not. */
  readonly lastFailure: string | null;
  /** When this server took its last one, by the wall clock; 0 where it has taken none. */
  readonly takenAtMs: number;
  /** Of the latest snapshot that was seen, whoever took it; 0 where there is none. */
  readonly lsn: number;
  readonly bytes: number;
}

/** A backup that is under way for somebody else ends soon. */
const busyRetryMs = 10_000;

export class SnapshotDuty {
  readonly #parts: SnapshotDutyParts;
  readonly #limits: SnapshotLimits;
  #stopping: AbortController | null = null;
  #cancelTimer = () => {};
  /** What a stop has broken off may take a moment to end. */
  #looking: Promise<void> = Promise.resolve();
  /** Up to here the log was trimmed. */
  #trimmedLsn = 0;
  #stats: SnapshotStats = { taken: 0, failures: 0, lastFailure: null, takenAtMs: 0, lsn: 0, bytes: 0 };

  constructor(parts: SnapshotDutyParts) {
    this.#parts = parts;
    this.#limits = { ...usualSnapshotLimits, ...parts.limits };
  }

  stats(): SnapshotStats {
    return this.#stats;
  }

  start(): void {
    this.stop();
    const stopping = new AbortController();
    this.#stopping = stopping;
    this.#lookAfter(this.#limits.lookEveryMs, stopping.signal);
  }

  stop(): void {
    this.#cancelTimer();
    this.#stopping?.abort(new Error("the duty was laid down"));
    this.#stopping = null;
  }

  #lookAfter(ms: number, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#cancelTimer = this.#parts.clock.setTimer(ms, () => {
      this.#looking = this.#looking.then(async () => this.#lookAfter(await this.#look(signal), signal));
    });
  }

  /** Answers when to look again. */
  async #look(signal: AbortSignal): Promise<number> {
    try {
      signal.throwIfAborted();
      await this.#doWhatIsDue(signal);
      this.#stats = { ...this.#stats, lastFailure: null };
      return this.#limits.lookEveryMs;
    } catch (error) {
      if (error instanceof SupersededError) this.#stats = { ...this.#stats, lastFailure: null };
      if (signal.aborted || error instanceof SupersededError) return this.#limits.lookEveryMs;
      if (error instanceof KeeperError && error.code === "throttled") return busyRetryMs;
      const lastFailure = error instanceof Error ? error.message : String(error);
      this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastFailure };
      this.#parts.onFailed(lastFailure);
      return this.#isTight ? this.#limits.lookEveryMs : this.#limits.retryMs;
    }
  }

  get #isTight(): boolean {
    return this.#parts.isTight?.() ?? false;
  }

  async #doWhatIsDue(signal: AbortSignal): Promise<void> {
    const { log, snapshots } = this.#parts;
    const latest = await snapshots.latest();
    // Somebody may have put it there and come no further.
    if (latest !== null) await this.#tidy(latest);
    signal.throwIfAborted();
    const { bytes, entries } = await log.usage();
    const { logBytesMin, logBytesMax, entriesMax, tightBytes } = this.#limits;
    const usualMax = Math.min(Math.max(logBytesMin, latest?.bytes ?? 0), logBytesMax);
    const isTight = this.#isTight;
    const bytesMax = isTight ? Math.min(usualMax, tightBytes) : usualMax;
    if (bytes <= bytesMax && entries <= entriesMax) {
      // What was overwritten and removed may be all that takes the room.
      if (isTight && this.#parts.compaction === "own") await this.#compact();
      return;
    }
    const snapshot = await this.#take(latest, signal);
    const takenAtMs = this.#parts.clock.wallMs();
    this.#stats = { ...this.#stats, taken: this.#stats.taken + 1, takenAtMs };
    this.#parts.onTaken(snapshot);
    await this.#tidy(snapshot);
  }

  async #take(latest: Snapshot | null, signal: AbortSignal): Promise<Snapshot> {
    const { takeInto, file, snapshots } = this.#parts;
    signal.throwIfAborted();
    rmSync(file, { force: true });
    try {
      await takeInto(file, signal);
      const content = await open(file, "r");
      try {
        const { lsn, entryName: behind, zxid, digest, machineVersion } = placeOfBackup(file);
        if (latest !== null && lsn <= latest.lsn)
          throw new Error(`the rows of this server end at entry ${lsn}, which the last snapshot has already`);
        const bytes = await lengthOf(content);
        return await snapshots.put(content, { lsn, zxid, digest, machineVersion, bytes }, signal, { behind });
      } finally {
        await content.close();
      }
    } finally {
      rmSync(file, { force: true });
    }
  }

  /** What the snapshot makes needless goes. Doing it again does no harm. */
  async #tidy(snapshot: Snapshot): Promise<void> {
    const { log, snapshots, compaction } = this.#parts;
    const { lsn, bytes } = snapshot;
    this.#stats = { ...this.#stats, lsn, bytes };
    if (this.#trimmedLsn >= lsn) return;
    // The last entry that it covers stays: a server whose rows end there sees by it that it is of this past.
    await log.trim(lsn - 1, snapshot);
    await snapshots.prune(snapshot);
    if (compaction === "own") await this.#compact();
    this.#trimmedLsn = lsn;
  }

  /**
   * Up to now and not only to when the snapshot came: so the room of what went since is free at once. Nobody reads what was:
   * entries and pieces are there until they are removed, and who listens and is late reads them.
   */
  async #compact(): Promise<void> {
    const { client, snapshots } = this.#parts;
    const revision = await snapshots.revision();
    try {
      await patiently(() => client.compact(revision));
    } catch (error) {
      // Somebody else has done it.
      if (!isCompacted(error)) throw error;
    }
  }
}

async function lengthOf(file: FileHandle): Promise<number> {
  return (await file.stat()).size;
}
