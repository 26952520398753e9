// Decides candidacies. Whoever stands longest leads; a candidate is an ephemeral sequential child like any claim.

import type { Draft } from "../draft.ts";
import { planSetData } from "../plan-znodes.ts";
import { claimPrefixes } from "./claim-queue.ts";
import { electionPath } from "./claims.ts";
import type { ChangeCandidate, Claimed, StandForElection } from "./coordination-command.ts";
import { claimedOf, claimOfSession, foundClaim, newClaim, ownClaim } from "./plan-claims.ts";

/** A session that stands already keeps its place and its value: `changeCandidate` changes a value. */
export function planStand(draft: Draft, stand: StandForElection): Claimed {
  const { sessionId, attempt } = stand;
  const path = electionPath(stand.name);
  const queue = draft.queue(path);
  const own = queue === undefined ? undefined : ownClaim(draft, queue, sessionId);
  if (own !== undefined) return foundClaim(draft, own, attempt);
  const prefix = `${path}/${claimPrefixes.candidate}`;
  return newClaim(draft, { prefix, data: stand.value, sessionId, attempt });
}

export function planChangeCandidate(draft: Draft, command: ChangeCandidate): Claimed {
  const { name, id, value, sessionId } = command;
  const claim = claimOfSession(draft, { path: electionPath(name), id }, sessionId);
  planSetData(draft, { type: "setData", path: claim.path, data: value });
  return claimedOf(claim);
}
