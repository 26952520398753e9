// The Idempotency-Keys of commands that wait or were sent, so that nobody has to look through them for one. Several may have
// the same: sent again, a command waits beside the first.

import type { Pending } from "./command-queue.ts";

export class KeysAsked {
  readonly #counts = new Map<string, number>();

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  /** Of a command that has its place in the line. */
  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** The command as it is to be put in line: with its answer its key is forgotten. */
  forgottenAtTheEnd(pending: Pending, key: string): Pending {
    return {
      ...pending,
      resolve: (commit) => {
        this.#forget(key);
        pending.resolve(commit);
      },
      reject: (error) => {
        this.#forget(key);
        pending.reject(error);
      },
    };
  }

  #forget(key: string): void {
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
