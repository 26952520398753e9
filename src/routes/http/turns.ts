// Work that many may want done at once, one piece in each turn of the event loop: so whatever else there is to do waits
// for one piece of it, and not for one of everybody's; and who connects meanwhile comes first. Clients have their pieces
// done by turns, however many pieces each of them waits for.

import { setImmediate as nextTurn } from "node:timers/promises";
import { GivenUpTurns } from "./arrivals.ts";

export class Turns {
  /** What is wanted by each client that waits; whose turn it is stands first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #givenUp = new GivenUpTurns();
  #isScheduled = false;

  /** The work is done later; that of one client in the order in which it was asked for. It does not throw. */
  take(client: string, work: () => void): void {
    const others = this.#waiting.get(client);
    if (others === undefined) this.#waiting.set(client, [work]);
    else others.push(work);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#isScheduled = false;
    if (this.#givenUp.mustWait) {
      this.#schedule();
      return;
    }
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [client, works] = first;
    const work = works.shift();
    this.#waiting.delete(client);
    if (works.length > 0) this.#waiting.set(client, works);
    this.#schedule();
    work?.();
  }
}

const shortLength = 100;

/** Before a second piece of work on as many things as `length`: where they are many, others have a turn between. */
export async function turnBetween(length: number): Promise<void> {
  if (length > shortLength) await nextTurn();
}
