// The client's clock in tests: a timer fires when the test says so, and a test waits for a timer to be set instead
// of for time to pass.

import type { ClientClock } from "../../src/client/clock.ts";

export interface Timer {
  readonly ms: number;
  /** The time is up. */
  readonly fire: () => void;
}

interface Waiting {
  readonly isWanted: (ms: number) => boolean;
  readonly resolve: (timer: Timer) => void;
}

export class ManualClock implements ClientClock {
  /** Timers that are set and neither fired nor cancelled. */
  readonly timers = new Set<Timer>();
  readonly #waiting = new Set<Waiting>();

  setTimer(ms: number, callback: () => void): () => void {
    const timer: Timer = {
      ms,
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
