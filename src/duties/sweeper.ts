// Has containers and znodes with a TTL deleted once their time has come. It only looks and asks: each deletion is a
// command in the log, and is decided there. So a sweep that comes late, or twice from two servers, does no harm, and
// nothing here may rely on what it saw still being so.

import { setImmediate } from "node:timers/promises";
import { KeeperError } from "../core/errors.ts";
import { systemContext } from "../core/reader.ts";
import { causeToSweep } from "../core/sweep.ts";
import type { Store } from "../store/store.ts";
import type { Duty } from "./duty.ts";

/** By the names of the settings. */
export interface SweepSettings {
  /** From the start to the first sweep, and from the end of one to the next (K1). */
  readonly sweepIntervalMs: number;
  /** Deletions are spread out: no more are tried in a minute (K6). */
  readonly sweepsPerMinuteMax: number;
  /** A container that never had a child goes after this long; 0 is never (K2). */
  readonly containerNeverUsedMsMax: number;
}

/** Totals count since the start. */
export interface SweeperStats {
  /** Sweeps that came to their end. */
  readonly sweepsTotal: number;
  /** Deletions that were asked for and taken, and those the store refused, which are asked for again. */
  readonly deletionsTotal: number;
  readonly refusedDeletionsTotal: number;
  /** What the sweep that goes on has still to delete. */
  readonly waiting: number;
  /** How long the last sweep took, its pauses included. */
  readonly lastSweepMs: number;
}

/** One incarnation of a znode that could go when it was looked at. */
interface Candidate {
  readonly path: string;
  readonly czxid: number;
}

/** Looked at before requests have their turn again. */
const znodesPerTurn = 1000;
/** A deletion the store refused is asked for again after this long. */
const refusedRetryMs = 1000;
const minuteMs = 60_000;

/** From one start to the next stop. */
type Run = object;

export class Sweeper implements Duty {
  readonly #store: Store;
  readonly #settings: SweepSettings;
  readonly #spacingMs: number;
  #cancelTimer: (() => void) | null = null;
  /** The one that goes on; what an earlier one has under way ends where it is. */
  #run: Run | null = null;
  #sweeps = 0;
  #deletions = 0;
  #refusedDeletions = 0;
  #waiting = 0;
  #lastSweepMs = 0;

  constructor(store: Store, settings: SweepSettings) {
    this.#store = store;
    this.#settings = settings;
    this.#spacingMs = Math.floor(minuteMs / settings.sweepsPerMinuteMax);
  }

  start(): void {
    this.#run = {};
    this.#sweepLater(this.#run);
  }

  stop(): void {
    this.#run = null;
    this.#waiting = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  stats(): SweeperStats {
    return {
      ...{ sweepsTotal: this.#sweeps, deletionsTotal: this.#deletions },
      ...{ refusedDeletionsTotal: this.#refusedDeletions, waiting: this.#waiting },
      lastSweepMs: this.#lastSweepMs,
    };
  }

  #sweepLater(run: Run): void {
    this.#setTimer(run, this.#settings.sweepIntervalMs, () => void this.#sweep(run));
  }

  /** Candidates are found before the first goes: a container that is emptied by this sweep waits for the next (K8). */
  async #sweep(run: Run): Promise<void> {
    const { clock } = this.#store;
    const startedMs = clock.monotonicMs();
    const candidates = await this.#candidates();
    for (const [index, candidate] of candidates.entries()) {
      this.#waiting = candidates.length - index;
      let isTaken = false;
      while (!isTaken) {
        if (this.#run !== run) return;
        isTaken = await this.#attempt(run, candidate);
      }
    }
    this.#waiting = 0;
    this.#sweeps += 1;
    this.#lastSweepMs = clock.monotonicMs() - startedMs;
    this.#sweepLater(run);
  }

  /** The paths are copied: what is made meanwhile has time until the next sweep, so this one comes to an end. */
  async #candidates(): Promise<Candidate[]> {
    const reader = this.#store.reader(systemContext);
    const { containerNeverUsedMsMax } = this.#settings;
    const now = this.#store.now();
    const candidates: Candidate[] = [];
    for (const [index, path] of [...reader.mortals].entries()) {
      if (index % znodesPerTurn === znodesPerTurn - 1) await setImmediate();
      const znode = reader.get(path);
      if (znode === undefined || causeToSweep(znode, now, containerNeverUsedMsMax) === null) continue;
      candidates.push({ path, czxid: znode.czxid });
    }
    return candidates;
  }

  /**
   * Whether the store took the command, told when it is time for the next attempt. A store that takes no writes now,
   * or has too many waiting, is left alone for a while.
   */
  async #attempt(run: Run, candidate: Candidate): Promise<boolean> {
    const { clock } = this.#store;
    const startedMs = clock.monotonicMs();
    const isTaken = await this.#submit(candidate);
    await this.#pause(run, isTaken ? startedMs + this.#spacingMs - clock.monotonicMs() : refusedRetryMs);
    return isTaken;
  }

  async #submit({ path, czxid }: Candidate): Promise<boolean> {
    const neverUsedMsMax = this.#settings.containerNeverUsedMsMax;
    try {
      await this.#store.submit({ type: "sweep", path, czxid, neverUsedMsMax });
      this.#deletions += 1;
      return true;
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      this.#refusedDeletions += 1;
      return false;
    }
  }

  /** One that `stop` cuts off never ends, and what would have come after it does not. */
  #pause(run: Run, ms: number): Promise<void> {
    return new Promise((resolve) => this.#setTimer(run, Math.max(0, ms), resolve));
  }

  #setTimer(run: Run, ms: number, callback: () => void): void {
    if (this.#run === run) this.#cancelTimer = this.#store.clock.setTimer(ms, callback);
  }
}
