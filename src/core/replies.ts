// The answers that are kept for requests which may be sent again (D19), by key and in the order they were given.
// Holds what it is given: what is kept, and for how long, is decided in `idempotency.ts`.

/** What became of a request that named itself, for whoever sends it again. */
export interface Reply {
  /** SHA-256 of the key, hex: a key may be as secret as what its answer says, and is not kept itself. */
  readonly key: string;
  /** SHA-256 of what was asked, hex. */
  readonly request: string;
  /** The transaction that did what was asked and kept this reply. */
  readonly zxid: number;
  readonly timeMs: number;
  /** How long the service had run by then. */
  readonly ranMs: number;
  /** What the command answered, as JSON: it is kept long and read seldom. */
  readonly outcome: string;
}

/** What a reply counts for where replies are bounded by size. */
export function replySize({ key, request, outcome }: Reply): number {
  return key.length + request.length + outcome.length;
}

/** Forgotten places at the front of the order that are not worth moving all others for. */
const gapMax = 1024;

/** A map alone would do, but finding its oldest entry takes longer the more entries before it have gone. */
export class Replies {
  readonly #byKey = new Map<string, Reply>();
  /** Oldest first. A reply that was forgotten out of turn keeps its place until that comes to the front. */
  readonly #order: Reply[] = [];
  #front = 0;
  #size = 0;

  get count(): number {
    return this.#byKey.size;
  }

  /** The sum of the replies' sizes. */
  get size(): number {
    return this.#size;
  }

  get(key: string): Reply | undefined {
    return this.#byKey.get(key);
  }

  /** Oldest first. Do not add or delete meanwhile. */
  *[Symbol.iterator](): Generator<Reply> {
    for (let index = this.#front; index < this.#order.length; index += 1) {
      const reply = this.#order[index] as Reply;
      if (this.#isKept(reply)) yield reply;
    }
  }

  /** Adds a reply that is newer than all others, to a key that has none. */
  add(reply: Reply): void {
    this.#byKey.set(reply.key, reply);
    this.#order.push(reply);
    this.#size += replySize(reply);
  }

  /** Removes a reply that is there. */
  delete(reply: Reply): void {
    this.#byKey.delete(reply.key);
    this.#size -= replySize(reply);
    while (this.#front < this.#order.length && !this.#isKept(this.#order[this.#front] as Reply)) {
      this.#front += 1;
    }
    if (this.#front <= gapMax || this.#front * 2 < this.#order.length) return;
    this.#order.splice(0, this.#front);
    this.#front = 0;
  }

  #isKept({ key, zxid }: Reply): boolean {
    return this.#byKey.get(key)?.zxid === zxid;
  }
}
