// The answers that are kept for requests which may be sent again (D19), by key and in the order they were given.
// Holds what it is given: what is kept, and for how long, is decided in `idempotency.ts`.

import type { Reply } from "./reply.ts";
import { ReplyOrder } from "./reply-order.ts";
import { ReplyShares } from "./reply-shares.ts";

/** What a reply counts for where replies are bounded by size. */
export function replySize({ key, request, outcome }: Reply): number {
  return key.length + request.length + outcome.length;
}

export class Replies {
  readonly #byKey = new Map<string, Reply>();
  /**
   * Where several have one request, the newest, and none once that is forgotten: whoever may be answered from elsewhere is
   * answered by a reply that counts, so another one is kept only when all before it are too old to count.
   */
  readonly #byRequest = new Map<string, Reply>();
  readonly #order = new ReplyOrder((reply) => this.#isKept(reply));
  readonly #shares = new ReplyShares((reply) => this.#isKept(reply));
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

  /** The reply to the request, whoever sent it. */
  ofRequest(request: string): Reply | undefined {
    return this.#byRequest.get(request);
  }

  /** Oldest first. Do not add or delete meanwhile. */
  *[Symbol.iterator](): Generator<Reply> {
    yield* this.#order;
  }

  /** Those of whoever takes the most room first. Do not add or delete meanwhile. */
  largestShareFirst(): Iterable<Reply> {
    return this.#shares;
  }

  /** Adds a reply that is newer than all others, to a key that has none. */
  add(reply: Reply): void {
    this.#byKey.set(reply.key, reply);
    this.#byRequest.set(reply.request, reply);
    this.#order.add(reply);
    this.#shares.add(reply, replySize(reply));
    this.#size += replySize(reply);
  }

  /** Removes a reply that is there. */
  delete(reply: Reply): void {
    this.#byKey.delete(reply.key);
    if (this.#byRequest.get(reply.request)?.zxid === reply.zxid) this.#byRequest.delete(reply.request);
    this.#size -= replySize(reply);
    this.#order.drop();
    this.#shares.delete(reply, replySize(reply));
  }

  #isKept({ key, zxid }: Reply): boolean {
    return this.#byKey.get(key)?.zxid === zxid;
  }
}
