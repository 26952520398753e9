// Requests that may be sent again without being done again (D19): the answer is kept in the transaction that does
// what was asked, and found by whoever asks again. What is kept, and what is forgotten for it, follows from the log
// alone: the bounds come inside the command, and the time is that of its entry.

import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { ageMs, type Moment } from "../moment.ts";
import type { State } from "../state.ts";
import type { Idempotency } from "../write-context.ts";
import { replySize } from "./replies.ts";
import type { Reply } from "./reply.ts";

/** Replies beyond a bound that one transaction forgets, whatever it adds: a day's worth at once would be a pause. */
const forgottenAtOnce = 100;

/**
 * The reply kept for this key; undefined when there is none, or none that still counts.
 * @throws KeeperError `idempotency_key_reused` when it was kept for another request
 */
export function keptReply({ replies }: State, asked: Idempotency, now: Moment): Reply | undefined {
  const counts = (reply: Reply | undefined) =>
    reply !== undefined && !isExpired(reply, now, asked.ageMsMax) ? reply : undefined;
  const own = counts(replies.get(asked.key));
  if (own === undefined) return counts(replyElsewhere(replies, asked));
  if (own.request === asked.request) return own;
  throw new KeeperError(
    "idempotency_key_reused",
    "This Idempotency-Key was used for another request; choose a new key for each request.",
  );
}

/** Kept for the very same request, under the key of another sender, or of a version that did not tell them apart. */
function replyElsewhere(
  replies: State["replies"],
  { request, elsewhere, unscoped }: Idempotency,
): Reply | undefined {
  const same = elsewhere === true ? replies.ofRequest(request) : undefined;
  if (same !== undefined || unscoped === undefined) return same;
  const older = replies.get(unscoped.key);
  return older?.request === unscoped.request ? older : undefined;
}

function isExpired(reply: Reply, now: Moment, ageMsMax: number): boolean {
  return ageMs(reply, now) >= ageMsMax;
}

/** Puts the answer into the draft, beside what it is the answer to, and drops those that are over the bounds. */
export function keepReply(draft: Draft, state: State, asked: Idempotency, outcome: object): void {
  const { zxid, timeMs, ranMs, moment } = draft;
  const { key, request, scope = "" } = asked;
  const reply: Reply = { key, request, scope, zxid, timeMs, ranMs, outcome: JSON.stringify(outcome) };
  const room = new Room(reply, state, asked);
  // A reply that still stands under the key has expired.
  const expired = state.replies.get(key);
  if (expired !== undefined) room.clear(expired);
  const forgotten = asked.scope === undefined ? inOrder : byShare;
  for (const old of forgotten(room, state, (kept) => isExpired(kept, moment, asked.ageMsMax))) room.free(old);
  for (const old of room.forgotten) draft.changes.push({ type: "replyForgotten", reply: old });
  draft.changes.push({ type: "replyKept", reply });
}

type IsOld = (reply: Reply) => boolean;

/** As versions did that had one pool for all: the oldest go, whosever they are. */
function* inOrder(room: Room, { replies }: State, isOld: IsOld): Generator<Reply> {
  for (const old of replies) {
    if (room.forgotten.has(old)) continue;
    if ((!room.isOver && !isOld(old)) || room.hasFreedEnough) return;
    yield old;
  }
}

/** What is too old goes, and then, while a bound is passed, the oldest of whoever has the most. */
function* byShare(room: Room, { replies }: State, isOld: IsOld): Generator<Reply> {
  for (const old of replies) {
    if (room.forgotten.has(old)) continue;
    if (!isOld(old) || room.hasFreedEnough) break;
    yield old;
  }
  for (const old of replies.largestShareFirst()) {
    if (!room.isOver || room.hasFreedEnough) return;
    if (!room.forgotten.has(old)) yield old;
  }
}

/**
 * The room for replies with a new one among them. At least as much as comes is given up, and more than one, so that what
 * is over a bound that was lowered shrinks.
 */
class Room {
  readonly forgotten = new Set<Reply>();
  readonly #asked: Idempotency;
  readonly #sizeAdded: number;
  #count: number;
  #size: number;
  #countFreed = 0;
  #sizeFreed = 0;

  constructor(added: Reply, { replies }: State, asked: Idempotency) {
    this.#asked = asked;
    this.#sizeAdded = replySize(added);
    this.#count = replies.count + 1;
    this.#size = replies.size + this.#sizeAdded;
  }

  get isOver(): boolean {
    return this.#count > this.#asked.keysMax || this.#size > this.#asked.bytesMax;
  }

  get hasFreedEnough(): boolean {
    return this.#countFreed >= forgottenAtOnce && this.#sizeFreed >= this.#sizeAdded;
  }

  /** Takes one out that makes way in any case. */
  clear(reply: Reply): void {
    this.forgotten.add(reply);
    this.#count -= 1;
    this.#size -= replySize(reply);
  }

  free(reply: Reply): void {
    this.clear(reply);
    this.#countFreed += 1;
    this.#sizeFreed += replySize(reply);
  }
}
