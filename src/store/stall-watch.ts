// Notices that the log has not answered for long: a disk that hangs, or one that is far too slow. It only looks; who
// waits goes on waiting, since the write may still be done.

import type { Clock } from "../clock.ts";
import type { Store } from "./store.ts";

export interface Stall {
  /** How long the oldest write has waited for the log, or had at its longest. */
  readonly waitedMs: number;
  readonly isOver: boolean;
}

const lookEveryMs = 1_000;

export class StallWatch {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #appendMsMax: number;
  readonly #onStall: (stall: Stall) => void;
  #longestMs = 0;
  #cancel: () => void;

  /** @param onStall called once when a write waits for longer than `appendMsMax`, and once when none does any more */
  constructor(store: Store, appendMsMax: number, onStall: (stall: Stall) => void) {
    this.#store = store;
    this.#clock = store.clock;
    this.#appendMsMax = appendMsMax;
    this.#onStall = onStall;
    this.#cancel = this.#clock.setTimer(lookEveryMs, () => this.#look());
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    this.#cancel = this.#clock.setTimer(lookEveryMs, () => this.#look());
    const waitedMs = this.#store.oldestAppendMs;
    const wasStalled = this.#longestMs > 0;
    if (waitedMs > this.#appendMsMax) {
      this.#longestMs = Math.max(this.#longestMs, waitedMs);
      if (!wasStalled) this.#onStall({ waitedMs, isOver: false });
    } else if (wasStalled) {
      this.#onStall({ waitedMs: this.#longestMs, isOver: true });
      this.#longestMs = 0;
    }
  }
}
