// Replies in the order they were given. A map alone would do, but finding its oldest entry takes longer the more
// entries before it have gone.

import type { Reply } from "./replies.ts";

/** Forgotten places at the front that are not worth moving all others for. */
const gapMax = 1024;

export class ReplyOrder {
  /** A reply that was forgotten out of turn keeps its place until that comes to the front. */
  readonly #replies: Reply[] = [];
  readonly #isKept: (reply: Reply) => boolean;
  #front = 0;

  constructor(isKept: (reply: Reply) => boolean) {
    this.#isKept = isKept;
  }

  /** Oldest first. Do not add or drop meanwhile. */
  *[Symbol.iterator](): Generator<Reply> {
    for (let index = this.#front; index < this.#replies.length; index += 1) {
      const reply = this.#replies[index] as Reply;
      if (this.#isKept(reply)) yield reply;
    }
  }

  /** Adds one that is newer than all others. */
  add(reply: Reply): void {
    this.#replies.push(reply);
  }

  /** Some are kept no longer. */
  drop(): void {
    while (this.#front < this.#replies.length && !this.#isKept(this.#replies[this.#front] as Reply)) {
      this.#front += 1;
    }
    if (this.#front <= gapMax || this.#front * 2 < this.#replies.length) return;
    this.#replies.splice(0, this.#front);
    this.#front = 0;
  }
}
