// How long the service has run, over all its starts: the clock that ages are judged by. It goes on from what the log
// says last, by the monotonic clock, so that setting the time does nothing, and never goes back. Time in which the
// service did not run does not count, nor what passed between its last write and its end: nothing grows old too early.

import type { Clock } from "../clock.ts";
import type { Moment } from "../core/moment.ts";

export class ServiceTime {
  readonly #clock: Clock;
  #ranMs: number;
  #asOfMs: number;

  /** @param ranMs as the log has it so far */
  constructor(clock: Clock, ranMs: number) {
    this.#clock = clock;
    this.#ranMs = ranMs;
    this.#asOfMs = clock.monotonicMs();
  }

  /** When an entry would be ordered now: by the wall clock, and by how long the service has run. */
  now(): Required<Moment> {
    return { timeMs: this.#clock.wallMs(), ranMs: this.nowMs() };
  }

  /** Whole milliseconds. */
  nowMs(): number {
    return Math.floor(this.#ranMs + this.#clock.monotonicMs() - this.#asOfMs);
  }

  /** The log has come to here: what is ahead of the time measured is what others have measured. */
  reach(ranMs: number): void {
    if (ranMs <= this.nowMs()) return;
    this.#ranMs = ranMs;
    this.#asOfMs = this.#clock.monotonicMs();
  }
}
