// Whose kept replies take how much of the room there is: by client, and within a client by the session it acts for.
// Where room is needed, the largest share gives it up, so that nobody's keys are another's loss.

import { SortedNames } from "../tree/sorted-names.ts";
import type { Reply } from "./reply.ts";
import { ReplyOrder } from "./reply-order.ts";

/** What a reply counts for besides its size: where replies are bounded by number, small ones take room as well. */
const usagePerReply = 512;

export class ReplyShares {
  readonly #clients = new Ranked<Ranked<ReplyOrder>>();
  readonly #isKept: (reply: Reply) => boolean;

  constructor(isKept: (reply: Reply) => boolean) {
    this.#isKept = isKept;
  }

  add(reply: Reply, size: number): void {
    const [client, session] = namesIn(reply);
    const usage = size + usagePerReply;
    const sessions = this.#clients.grow(client, usage, () => new Ranked());
    sessions.grow(session, usage, () => new ReplyOrder(this.#isKept)).add(reply);
  }

  /** Removes one that is kept no longer. */
  delete(reply: Reply, size: number): void {
    const [client, session] = namesIn(reply);
    const usage = size + usagePerReply;
    const sessions = this.#clients.shrink(client, usage);
    sessions.shrink(session, usage).drop();
  }

  /** All of them: those of the largest share first, and in it the oldest. Do not add or delete meanwhile. */
  *[Symbol.iterator](): Generator<Reply> {
    for (const sessions of this.#clients) for (const order of sessions) yield* order;
  }
}

/** A scope is `client` or `client/session`; replies of versions that had none are one client's. */
function namesIn({ scope }: Reply): [client: string, session: string] {
  const slash = scope.indexOf("/");
  return slash === -1 ? [scope, ""] : [scope.slice(0, slash), scope.slice(slash + 1)];
}

interface Share<Value> {
  readonly value: Value;
  readonly usage: number;
}

/** Shares by name, the largest first; those of one size by name. One that is used no longer is none. */
class Ranked<Value> {
  readonly #shares = new Map<string, Share<Value>>();
  readonly #ranks = new SortedNames();

  *[Symbol.iterator](): Generator<Value> {
    for (const rank of this.#ranks) yield (this.#shares.get(rank.slice(rankDigits)) as Share<Value>).value;
  }

  grow(name: string, by: number, make: () => Value): Value {
    const { value, usage } = this.#shares.get(name) ?? { value: make(), usage: 0 };
    this.#move(name, { value, usage }, usage + by);
    return value;
  }

  shrink(name: string, by: number): Value {
    const share = this.#shares.get(name) as Share<Value>;
    this.#move(name, share, share.usage - by);
    return share.value;
  }

  #move(name: string, { value, usage: before }: Share<Value>, usage: number): void {
    if (before > 0) this.#ranks.delete(rankOf(before) + name);
    if (usage > 0) {
      this.#ranks.add(rankOf(usage) + name);
      this.#shares.set(name, { value, usage });
    } else this.#shares.delete(name);
  }
}

const rankDigits = 16;

/** Sorts the greater before the smaller. */
function rankOf(usage: number): string {
  return String(Number.MAX_SAFE_INTEGER - usage).padStart(rankDigits, "0");
}
