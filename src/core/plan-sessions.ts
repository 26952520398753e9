// Decides on the beginning and the end of sessions. What is built on the tree has its say when a session ends, and is
// not known here by name.

import type { CloseSession, OpenSession } from "./command.ts";
import { recipes } from "./coordination/recipes.ts";
import type { Draft } from "./draft.ts";
import { KeeperError } from "./errors.ts";
import { isOwnedBy, type Session, sessionExpired } from "./session.ts";
import type { State } from "./state.ts";
import type { Znode } from "./tree/znode.ts";
import type { Outcomes } from "./txn.ts";

export function planOpenSession(draft: Draft, state: State, open: OpenSession): Outcomes["openSession"] {
  if (state.session(open.sessionId) !== undefined) {
    throw new KeeperError("bad_request", `Session ${open.sessionId} exists already.`);
  }
  const session: Session = {
    id: open.sessionId,
    tokenHash: open.tokenHash,
    timeoutMs: open.timeoutMs,
    name: open.name,
    ...(draft.permits.owner !== null && { owner: draft.permits.owner }),
    openedZxid: draft.zxid,
    openedAtMs: draft.timeMs,
  };
  draft.changes.push({ type: "sessionOpened", session });
  return open.tokenNonce === undefined ? { session } : { session, tokenNonce: open.tokenNonce };
}

/**
 * All ephemerals go at once (N10), in the order they were created: a set's own order must not decide. A session that owns
 * more than the bounds allow is one of an older server, or from before a bound was lowered: of those as many go as may,
 * and it stays open for the rest.
 */
export function planCloseSession(draft: Draft, state: State, close: CloseSession): Outcomes["closeSession"] {
  const session = state.session(close.sessionId);
  if (session === undefined || !isOwnedBy(session, draft.permits)) throw sessionExpired();
  const { ifTouchedAt } = close;
  if (ifTouchedAt !== undefined && ifTouchedAt !== (session.touchedAt ?? 0)) {
    return { ephemerals: [], isTouched: true };
  }
  const owned = [...state.ephemeralsOf(session.id)].map((path) => draft.get(path) as Znode);
  owned.sort((a, b) => a.id - b.id);
  const going = draft.endsAtOnce(owned);
  for (const znode of going) draft.delete(znode);
  for (const { sessionEnded } of recipes) sessionEnded?.(draft, state, { reason: close.reason, lost: going });
  draft.cause = close.reason;
  draft.endedSessionId = session.id;
  const ephemerals = going.map((znode) => znode.path);
  if (going.length < owned.length) return { ephemerals, remaining: owned.length - going.length };
  draft.changes.push({ type: "sessionClosed", session });
  return { ephemerals };
}
