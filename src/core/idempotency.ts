// Requests that may be sent again without being done again (D19): the answer is kept in the transaction that does
// what was asked, and found by whoever asks again. What is kept, and what is forgotten for it, follows from the log
// alone: the bounds come inside the command, and the time is that of its entry.

import type { Command, Idempotency } from "./command.ts";
import type { Draft } from "./draft.ts";
import { KeeperError } from "./errors.ts";
import { ageMs, type Moment } from "./moment.ts";
import { type Reply, replySize } from "./replies.ts";
import type { State } from "./state.ts";

/** Replies beyond a bound that one transaction forgets, whatever it adds: a day's worth at once would be a pause. */
const forgottenAtOnce = 100;

/** The key a command came with, if any; what nobody asked for has none. */
export function idempotencyOf(command: Command): Idempotency | undefined {
  switch (command.type) {
    case "closeSession":
    case "sweep":
    case "endLockDelay":
      return undefined;
    default:
      return command.idempotency;
  }
}

/**
 * The reply kept for this key; undefined when there is none, or none that still counts.
 * @throws KeeperError `idempotency_key_reused` when it was kept for another request
 */
export function keptReply(state: State, asked: Idempotency, now: Moment): Reply | undefined {
  const reply = state.replies.get(asked.key);
  if (reply === undefined || isExpired(reply, now, asked.ageMsMax)) return undefined;
  if (reply.request === asked.request) return reply;
  throw new KeeperError(
    "idempotency_key_reused",
    "This Idempotency-Key was used for another request; choose a new key for each request.",
  );
}

function isExpired(reply: Reply, now: Moment, ageMsMax: number): boolean {
  return ageMs(reply, now) >= ageMsMax;
}

/** Puts the answer into the draft, beside what it is the answer to, and drops those that are over the bounds. */
export function keepReply(draft: Draft, state: State, asked: Idempotency, outcome: object): void {
  const { zxid, timeMs, ranMs, moment } = draft;
  const { key, request } = asked;
  const reply: Reply = { key, request, zxid, timeMs, ranMs, outcome: JSON.stringify(outcome) };
  for (const old of forgottenFor(reply, state, asked, moment)) {
    draft.changes.push({ type: "replyForgotten", reply: old });
  }
  draft.changes.push({ type: "replyKept", reply });
}

/**
 * The replies that go, oldest first: while a bound is passed, at least as much as comes, and more than one, so that
 * what is over a bound that was lowered shrinks. A reply that still stands under the key has expired and goes too.
 */
function* forgottenFor(reply: Reply, { replies }: State, asked: Idempotency, now: Moment): Generator<Reply> {
  const sizeAdded = replySize(reply);
  let [count, size] = [replies.count + 1, replies.size + sizeAdded];
  const expired = replies.get(reply.key);
  if (expired !== undefined) {
    count -= 1;
    size -= replySize(expired);
    yield expired;
  }
  let [countFreed, sizeFreed] = [0, 0];
  for (const old of replies) {
    if (old === expired) continue;
    const isOver = count - countFreed > asked.keysMax || size - sizeFreed > asked.bytesMax;
    if (!isOver && !isExpired(old, now, asked.ageMsMax)) return;
    if (countFreed >= forgottenAtOnce && sizeFreed >= sizeAdded) return;
    countFreed += 1;
    sizeFreed += replySize(old);
    yield old;
  }
}
