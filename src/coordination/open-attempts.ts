// The requests of this server that have asked for a place and are not over: each may still give up what it asked for. It
// decides nothing; it only tells what need not be written down.

import { randomBytes } from "node:crypto";

export class OpenAttempts {
  /** Begins the id of each: what another server, or this one before it started, has named begins otherwise. */
  readonly #prefix = `${randomBytes(6).toString("hex")}-`;
  readonly #open = new Set<string>();
  #count = 0;

  /** Names one more. */
  begin(): string {
    this.#count += 1;
    const attempt = this.#prefix + this.#count.toString(36);
    this.#open.add(attempt);
    return attempt;
  }

  /** It was answered, or has given up: it never will again. */
  end(attempt: string): void {
    this.#open.delete(attempt);
  }

  /** Whether it is known of all of them. */
  areOver(attempts: readonly string[]): boolean {
    return attempts.every((attempt) => attempt.startsWith(this.#prefix) && !this.#open.has(attempt));
  }
}
