// The client's clock in tests: time passes and timers fire when the test says so, and a test waits for a timer to be
// set instead of for time to pass.

import type { ClientClock, Instant } from "../../src/client/calls/clock.ts";

export interface Timer {
  readonly ms: number;
  readonly dueMs: number;
  /** The time is up. */
  readonly fire: () => void;
}

interface Waiting {
  readonly isWanted: (ms: number) => boolean;
  readonly resolve: (timer: Timer) => void;
}

export class ManualClock implements ClientClock {
  #now: Instant = { monotonicMs: 0, wallMs: 1_700_000_000_000, bootMs: 0 };
  /** Timers that are set and neither fired nor cancelled. */
  readonly timers = new Set<Timer>();
  readonly #waiting = new Set<Waiting>();

  now(): Instant {
    return this.#now;
  }

  /** Time passes on the clocks that are named, and no timer fires: the machine sleeps, or somebody sets the time. */
  move(clocks: Partial<Instant>): void {
    const { monotonicMs = 0, wallMs = 0, bootMs = 0 } = clocks;
    this.#now = {
      monotonicMs: this.#now.monotonicMs + monotonicMs,
      wallMs: this.#now.wallMs + wallMs,
      bootMs: this.#now.bootMs + bootMs,
    };
  }

  /** The process stands still: time passes on every clock, and no timer fires. */
  pause(ms: number): void {
    this.move({ monotonicMs: ms, wallMs: ms, bootMs: ms });
  }

  /** Time passes, and each timer that is due on the way fires at its time. */
  advance(ms: number): void {
    const endMs = this.#now.monotonicMs + ms;
    for (let timer = this.#due(endMs); timer !== undefined; timer = this.#due(endMs)) {
      this.pause(Math.max(0, timer.dueMs - this.#now.monotonicMs));
      timer.fire();
    }
    this.pause(endMs - this.#now.monotonicMs);
  }

  #due(untilMs: number): Timer | undefined {
    const due = [...this.timers].filter(({ dueMs }) => dueMs <= untilMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }

  setTimer(ms: number, callback: () => void): () => void {
    const timer: Timer = {
      ms,
      dueMs: this.#now.monotonicMs + ms,
      fire: () => {
        this.timers.delete(timer);
        callback();
      },
    };
    this.timers.add(timer);
    for (const waiting of this.#waiting) {
      if (!waiting.isWanted(ms)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(timer);
    }
    return () => this.timers.delete(timer);
  }

  /** A timer of the wanted length: one that is set, or the next that will be. */
  async timer(isWanted: (ms: number) => boolean): Promise<Timer> {
    for (const timer of this.timers) {
      if (isWanted(timer.ms)) return timer;
    }
    return await new Promise((resolve) => this.#waiting.add({ isWanted, resolve }));
  }
}
