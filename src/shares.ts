// What one client may have at once of what all share: streams, waits, sessions. It counts them by whose they are and
// refuses what is beyond a client's share, however much is left. Whose something is, others say.

import { KeeperError } from "./core/errors.ts";

export interface ShareBound {
  /** The setting. */
  readonly limit: string;
  readonly limitValue: number;
  /** What is counted, as in "One client has at most 100 of these". */
  readonly what: string;
}

const retryAfterSeconds = 5;

export class Shares {
  readonly #bound: ShareBound;
  /** Of those who have any. */
  readonly #counts = new Map<string, number>();

  constructor(bound: ShareBound) {
    this.#bound = bound;
  }

  /**
   * One more for the holder. Returns what gives it back; harmless when repeated.
   * @throws KeeperError `throttled` when it has its share already
   */
  take(holder: string): () => void {
    if (!this.hasRoom(holder)) throw this.#tooMany();
    this.#counts.set(holder, (this.#counts.get(holder) ?? 0) + 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#giveBack(holder);
      isTaken = false;
    };
  }

  /** What the holder of most has; it looks at each who has any. */
  get largest(): number {
    let largest = 0;
    for (const count of this.#counts.values()) largest = Math.max(largest, count);
    return largest;
  }

  hasRoom(holder: string): boolean {
    return (this.#counts.get(holder) ?? 0) < this.#bound.limitValue;
  }

  #giveBack(holder: string): void {
    const left = (this.#counts.get(holder) as number) - 1;
    if (left === 0) this.#counts.delete(holder);
    else this.#counts.set(holder, left);
  }

  #tooMany(): KeeperError {
    const { limit, limitValue, what } = this.#bound;
    const message = `One client has at most ${limitValue} ${what} at once, and this would be one more; nothing was done.`;
    return new KeeperError("throttled", message, { limit, limitValue, retryAfterSeconds });
  }
}
