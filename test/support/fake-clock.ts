// A clock that moves only when a test says so. Timers due on the way fire in order, each at its own time.

import type { Clock } from "../../src/clock.ts";
import { settle } from "./under-way.ts";

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  readonly #timers = new Set<Timer>();

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  setTimer(ms: number, callback: () => void): () => void {
    const timer = { dueMs: this.#monotonicMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Time passes: every timer due until then fires at its time, and what it sets in motion is waited for. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#moveTo(timer.dueMs);
      this.#timers.delete(timer);
      timer.callback();
      await settle();
    }
    this.#moveTo(endMs);
    await settle();
  }

  /** The process does nothing for a while: time passes and only then do late timers fire. */
  async stall(ms: number): Promise<void> {
    this.#moveTo(this.#monotonicMs + ms);
    await this.advance(0);
  }

  /** Somebody sets the wall clock; the monotonic one does not notice. */
  jumpWallClock(ms: number): void {
    this.#wallMs += ms;
  }

  /** Whether a timer is set that fires between so long and so long from now. */
  hasTimerIn(minMs: number, maxMs: number): boolean {
    const leftMs = [...this.#timers].map(({ dueMs }) => dueMs - this.#monotonicMs);
    return leftMs.some((ms) => ms >= minMs && ms <= maxMs);
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }

  #moveTo(monotonicMs: number): void {
    const passed = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += passed;
    this.#wallMs += passed;
  }
}
