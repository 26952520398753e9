// Time as sessions live it: the monotonic clock, except that it stands still while the process does. Silence during
// a pause, a blocked event loop or a slow boot is the server's own and counts against nobody. It never runs faster
// than the monotonic clock, so no session expires early.

import type { Clock } from "../clock.ts";

export class SessionClock {
  readonly #clock: Clock;
  readonly #stepMsMax: number;
  #beatMs = 0;
  #beatAtMonotonicMs: number;

  /** @param stepMsMax how far time goes on without a beat: a longer silence of the process is a stall */
  constructor(clock: Clock, stepMsMax: number) {
    this.#clock = clock;
    this.#stepMsMax = stepMsMax;
    this.#beatAtMonotonicMs = clock.monotonicMs();
  }

  /** Whoever reads first after a stall, a request or the timer, reads the same time. */
  nowMs(): number {
    return this.#beatMs + Math.min(this.#clock.monotonicMs() - this.#beatAtMonotonicMs, this.#stepMsMax);
  }

  /** States that the process runs, and lets time go on. Returns the milliseconds that were not counted. */
  beat(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const elapsedMs = monotonicMs - this.#beatAtMonotonicMs;
    this.#beatMs += Math.min(elapsedMs, this.#stepMsMax);
    this.#beatAtMonotonicMs = monotonicMs;
    return Math.max(0, elapsedMs - this.#stepMsMax);
  }
}
