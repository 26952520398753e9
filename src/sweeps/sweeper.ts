// Has containers and znodes with a TTL deleted once their time has come. It only looks and asks: each deletion is a
// command in the log, and is decided there. So a sweep that comes late, or twice from two servers, does no harm, and
// nothing here may rely on what it saw still being so.

import { setImmediate } from "node:timers/promises";
import { KeeperError } from "../core/errors.ts";
import { systemContext } from "../core/reader.ts";
import { causeToSweep } from "../core/sweep.ts";
import type { Store } from "../store/store.ts";

/** By the names of the settings. */
export interface SweepSettings {
  /** From the start to the first sweep, and from the end of one to the next (K1). */
  readonly sweepIntervalMs: number;
  /** Deletions are spread out: no more are tried in a minute (K6). */
  readonly sweepsPerMinuteMax: number;
  /** A container that never had a child goes after this long; 0 is never (K2). */
  readonly containerNeverUsedMsMax: number;
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

export class Sweeper {
  readonly #store: Store;
  readonly #settings: SweepSettings;
  readonly #spacingMs: number;
  #cancelTimer: (() => void) | null = null;
  #isStopped = false;

  constructor(store: Store, settings: SweepSettings) {
    this.#store = store;
    this.#settings = settings;
    this.#spacingMs = Math.floor(minuteMs / settings.sweepsPerMinuteMax);
  }

  start(): void {
    this.#setTimer(this.#settings.sweepIntervalMs, () => void this.#sweep());
  }

  /** Nothing is asked for any more; a deletion on its way to the log happens. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Candidates are found before the first goes: a container that is emptied by this sweep waits for the next (K8). */
  async #sweep(): Promise<void> {
    const candidates = await this.#candidates();
    if (this.#isStopped) return;
    for (const candidate of candidates) {
      let isTaken = false;
      while (!isTaken) isTaken = await this.#attempt(candidate);
    }
    this.start();
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
  async #attempt(candidate: Candidate): Promise<boolean> {
    const { clock } = this.#store;
    const startedMs = clock.monotonicMs();
    const isTaken = await this.#submit(candidate);
    await this.#pause(isTaken ? startedMs + this.#spacingMs - clock.monotonicMs() : refusedRetryMs);
    return isTaken;
  }

  async #submit({ path, czxid }: Candidate): Promise<boolean> {
    const neverUsedMsMax = this.#settings.containerNeverUsedMsMax;
    try {
      await this.#store.submit({ type: "sweep", path, czxid, neverUsedMsMax });
      return true;
    } catch (error) {
      if (error instanceof KeeperError) return false;
      throw error;
    }
  }

  /** One that `stop` cuts off never ends, and what would have come after it does not. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#setTimer(Math.max(0, ms), resolve));
  }

  #setTimer(ms: number, callback: () => void): void {
    if (this.#isStopped) return;
    this.#cancelTimer = this.#store.clock.setTimer(ms, callback);
  }
}
