// Work that many may want done at once, one piece in each turn of the event loop: so whatever else there is to do waits
// for one piece of it, and not for one of everybody's.

import { setImmediate as nextTurn } from "node:timers/promises";

export class Turns {
  readonly #waiting: (() => void)[] = [];

  /** The work is done later, in the order in which it was asked for. It does not throw. */
  take(work: () => void): void {
    this.#waiting.push(work);
    if (this.#waiting.length === 1) setImmediate(() => this.#next());
  }

  #next(): void {
    this.#waiting[0]?.();
    this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(() => this.#next());
  }
}

const shortLength = 100;

/** Before a second piece of work on as many things as `length`: where they are many, others have a turn between. */
export async function turnBetween(length: number): Promise<void> {
  if (length > shortLength) await nextTurn();
}
