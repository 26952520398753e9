// Long work on the event loop, in slices: after each piece it is asked whether others must have a turn. Pieces that
// follow one another at once are one slice, whoever calls for them.

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/** A request that comes meanwhile waits for it, and for whatever else there is. */
const sliceMs = 2;
/** Work that comes sooner than this after other work has kept the event loop all the time. */
const gapMs = 1;

export class Slices {
  readonly #clock: Clock;
  #startedMs = 0;
  #endedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Before the first piece. */
  begin(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#endedMs > gapMs) this.#startedMs = nowMs;
  }

  /** After a piece: null where there is time for more, else what to wait for before the next one. */
  end(): Promise<void> | null {
    this.#endedMs = this.#clock.monotonicMs();
    return this.#endedMs - this.#startedMs < sliceMs ? null : this.#yield();
  }

  async #yield(): Promise<void> {
    await setImmediate();
    this.#startedMs = this.#clock.monotonicMs();
  }
}
