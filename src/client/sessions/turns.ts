// One at a time, in the order they came. The service takes all claims of one session on a lock for one claim: within
// the session it is here that they wait for each other.

import { unlessAborted } from "../calls/signals.ts";

export class Turns {
  /** For each name, what the next in line waits for. */
  readonly #last = new Map<string, Promise<void>>();

  isTaken(name: string): boolean {
    return this.#last.has(name);
  }

  /**
   * @param task may hold up the next in line for something that goes on after it
   * @throws the signal's reason when it aborts before the turn came; the task is then not run
   */
  async run<T>(
    name: string,
    signal: AbortSignal,
    task: (holdUp: (until: Promise<void>) => void) => Promise<T>,
  ): Promise<T> {
    const before = this.#last.get(name);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const last = before === undefined ? done : before.then(() => done);
    this.#last.set(name, last);
    void last.then(() => {
      if (this.#last.get(name) === last) this.#last.delete(name);
    });
    let end = Promise.resolve();
    try {
      if (before !== undefined) await unlessAborted(before, signal);
      return await task((until) => {
        end = until;
      });
    } finally {
      resolve(end);
    }
  }
}
