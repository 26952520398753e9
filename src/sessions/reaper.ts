// The one timer of all sessions. Each tick lets requests that wait in sockets through first and then has expired
// what was due when the tick began. It never holds a stall of the process against a session, and it decides
// nothing: what expires is up to its owner.

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { SessionClock } from "./session-clock.ts";

export interface ReaperOptions {
  readonly tickMs: number;
  /** A tick that comes later than this after its time ends a stall; what exceeds it is given back to everyone. */
  readonly latenessMsMax: number;
  /** Resolves when requests that had reached this host before the call have been seen. */
  readonly yieldToIo: () => Promise<void>;
}

/**
 * Expiry is late by at most one tick of rounding, one tick of waiting for the timer and the lateness that is not
 * yet a stall: 250 ms together.
 */
export const defaultReaperOptions: ReaperOptions = {
  tickMs: 50,
  latenessMsMax: 150,
  yieldToIo: turnEventLoop,
};

export class Reaper {
  readonly #clock: Clock;
  readonly #options: ReaperOptions;
  readonly #expire: (nowMs: number) => void;
  readonly #sessionClock: SessionClock;
  #cancelTimer: (() => void) | null = null;
  #holding = false;
  #stallCount = 0;
  #stalledMs = 0;

  /** @param expire is called with a time by the session clock: everything due by then may go */
  constructor(clock: Clock, options: ReaperOptions, expire: (nowMs: number) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#expire = expire;
    this.#sessionClock = new SessionClock(clock, options.tickMs + options.latenessMsMax);
  }

  /** Time by the session clock. It begins to go on with `start`. */
  nowMs(): number {
    return this.#sessionClock.nowMs();
  }

  /** How often the process stalled, and for how long in all. */
  get stalls(): { readonly count: number; readonly totalMs: number } {
    return { count: this.#stallCount, totalMs: this.#stalledMs };
  }

  start(): void {
    this.#sessionClock.beat();
    this.#setTimer();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #setTimer(): void {
    this.#cancelTimer = this.#clock.setTimer(this.#options.tickMs, () => void this.#tick());
  }

  /** The time is taken before the turns of I/O: a touch that arrives in them counts, a stall in them does not. */
  async #tick(): Promise<void> {
    this.#setTimer();
    this.#holdAfterStall(this.#sessionClock.beat());
    if (this.#holding) return;
    const nowMs = this.nowMs();
    await this.#options.yieldToIo();
    if (this.#cancelTimer !== null) this.#expire(nowMs);
  }

  /**
   * Nothing expires in the tick that ends a stall: connections are accepted one per turn, and a whole tick of turns
   * serves many. The tick after it goes ahead however late it is, lest a process that is always late keeps the
   * dead alive for ever.
   */
  #holdAfterStall(stalledMs: number): void {
    this.#holding = stalledMs > 0 && !this.#holding;
    if (stalledMs === 0) return;
    this.#stallCount += 1;
    this.#stalledMs += stalledMs;
  }
}

/** One turn accepts a connection, the next reads the request from it, the third sees that it was handled. */
const ioTurns = 3;

async function turnEventLoop(): Promise<void> {
  for (let turn = 0; turn < ioTurns; turn += 1) await setImmediate();
}
