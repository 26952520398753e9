// Replies in the order they were given. A map alone would do, but finding its oldest entry takes longer the more
// entries before it have gone.

import type { Reply } from "./reply.ts";

/** Forgotten places that are not worth moving all others for. */
const gapMax = 1024;

export class ReplyOrder {
  /** A reply that was forgotten out of turn keeps its place until that comes to the front. */
  #replies: Reply[] = [];
  readonly #isKept: (reply: Reply) => boolean;
  #front = 0;
  /** Forgotten places behind the front: one old reply that is kept must not hold all that went after it. */
  #goneBehind = 0;

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

  /** One of them is kept no longer. */
  drop(): void {
    this.#goneBehind += 1;
    while (this.#front < this.#replies.length && !this.#isKept(this.#replies[this.#front] as Reply)) {
      this.#front += 1;
      this.#goneBehind -= 1;
    }
    const goneCount = this.#front + this.#goneBehind;
    if (goneCount <= gapMax || goneCount * 2 < this.#replies.length) return;
    this.#replies = this.#replies.filter(this.#isKept);
    this.#front = 0;
    this.#goneBehind = 0;
  }

  /** Places taken, those of forgotten replies included. */
  get length(): number {
    return this.#replies.length;
  }
}
