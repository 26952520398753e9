// Decides what servers tell each other of who is alive. None of it is a transaction: it has no zxid, and no watcher hears
// of it.

import type { ClaimHousekeeping, TouchSessions } from "./command.ts";
import type { Draft } from "./draft.ts";
import type { State } from "./state.ts";
import type { Outcomes } from "./txn.ts";

/** Those that are there are touched as of this entry. Those that are not have ended before it, for good. */
export function planTouchSessions(
  draft: Draft,
  state: State,
  { sessionIds }: TouchSessions,
): Outcomes["touchSessions"] {
  const gone: string[] = [];
  const seen = new Set<string>();
  for (const id of sessionIds) {
    if (seen.has(id)) continue;
    seen.add(id);
    const before = state.session(id);
    if (before === undefined) gone.push(id);
    else draft.notes.push({ type: "sessionTouched", session: { ...before, touchedAt: draft.lsn }, before });
  }
  return { gone };
}

/**
 * The register changes hands only from the term that was named: of two who ask, the first in the log gets it. Whoever has
 * it says so again in the same way, which is what the others measure its silence by.
 */
export function planClaimHousekeeping(
  draft: Draft,
  state: State,
  { server, ifTerm }: ClaimHousekeeping,
): Outcomes["claimHousekeeping"] {
  const before = state.housekeeper;
  if (before.term !== ifTerm || server === "") return { housekeeper: before, isClaimed: false };
  const term = before.server === server ? ifTerm : ifTerm + 1;
  const housekeeper = { server, term, touchedAt: draft.lsn };
  draft.notes.push({ type: "housekeeperChanged", housekeeper, before });
  return { housekeeper, isClaimed: true };
}
