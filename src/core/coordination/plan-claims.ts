// What claims on locks and candidates of elections have in common: how they are made, found and given up.

import type { Create } from "../command.ts";
import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { planCreate, planDelete } from "../plan-znodes.ts";
import { baseName } from "../tree/path.ts";
import { noteAttempt, withdrawAttempt } from "./attempts.ts";
import { type Claim, type ReadonlyClaimQueue, wasGivenOut } from "./claim-queue.ts";
import type { Claimed, KeepPlace } from "./coordination-command.ts";
import type { Released } from "./released.ts";

interface NewClaim {
  /** The whole path but the number. */
  readonly prefix: string;
  readonly data: Uint8Array;
  readonly sessionId: string | undefined;
  readonly attempt: string | undefined;
}

/** Whatever is true of a create is true of a claim. */
export function newClaim(draft: Draft, { prefix, data, sessionId, attempt }: NewClaim): Claimed {
  const mode = { kind: "ephemeral", sequential: true } as const;
  const create: Create = { type: "create", path: prefix, data, mode, parents: true };
  const { path, stat } = planCreate(draft, create, sessionId);
  noteAttempt(draft, path, attempt);
  return { id: baseName(path), path, fence: stat.czxid, made: true };
}

/** The session's own claim, asked for once more. */
export function foundClaim(draft: Draft, claim: Claim, attempt: string | undefined): Claimed {
  noteAttempt(draft, claim.path, attempt);
  return claimedOf(claim);
}

export function claimedOf({ id, path, fence }: Claim): Claimed {
  return { id, path, fence, made: false };
}

/** The first claim of the session in the queue, whoever made it: through the shorter of two lists. */
export function ownClaim(
  draft: Draft,
  queue: ReadonlyClaimQueue,
  sessionId: string | undefined,
): Claim | undefined {
  if (sessionId === undefined) return undefined;
  if (queue.size <= draft.ephemeralCountOf(sessionId)) {
    for (const claim of queue) if (claim.owner === sessionId) return claim;
    return undefined;
  }
  let first: Claim | undefined;
  for (const path of draft.ephemeralsOf(sessionId)) {
    const claim = queue.get(baseName(path));
    if (claim?.path !== path) continue;
    if (first === undefined || claim.sequence < first.sequence) first = claim;
  }
  return first;
}

export interface ClaimAddress {
  /** Of the lock or election. */
  readonly path: string;
  readonly id: string;
}

/** @throws KeeperError `no_claim`, or `not_holder` when it is another session's, for those who may read whose */
export function claimOfSession(
  draft: Draft,
  { path, id }: ClaimAddress,
  sessionId: string | undefined,
): Claim {
  const claim = draft.queue(path)?.get(id);
  if (claim === undefined) throw noClaim(path, id);
  if (claim.owner === sessionId) return claim;
  throw draft.mayRead(claim.path) ? notHolder(claim) : noClaim(path, id);
}

export interface Release extends ClaimAddress {
  readonly sessionId?: string;
  readonly force?: boolean;
  readonly ifAttempt?: string;
}

/**
 * What is gone already needs no release; what never was is a slip. To those who may not read the queue another's claim is
 * as one that is gone.
 */
export function planRelease(draft: Draft, release: Release): Released {
  const { path, id, sessionId, force, ifAttempt } = release;
  const claim = draft.queue(path)?.get(id);
  if (claim === undefined) {
    const { sequenceFloor } = draft.restored;
    const nextSequence = draft.get(path)?.nextSequence ?? 0;
    // Below the floor it may have been, in the time that a restore has lost.
    if (wasGivenOut(id, Math.max(nextSequence, sequenceFloor))) return {};
    throw noClaim(path, id);
  }
  if (force !== true && claim.owner !== sessionId) {
    if (!draft.mayRead(claim.path)) return {};
    throw notHolder(claim);
  }
  if (ifAttempt !== undefined && !withdrawAttempt(draft, claim.path, ifAttempt)) return {};
  planDelete(draft, { type: "delete", path: claim.path });
  return { owner: claim.owner };
}

/** Harmless when repeated, and where the place is another's by now. */
export function planKeepPlace(draft: Draft, { path, czxid, sessionId }: KeepPlace): { path: string } {
  const znode = draft.get(path);
  const isOwn = znode?.czxid === czxid && znode.ephemeralOwner === sessionId;
  if (isOwn && znode.attempts !== null) draft.setAttempts(znode, null);
  return { path };
}

export function noClaim(path: string, id: string): KeeperError {
  return new KeeperError("no_claim", `${path} has no claim ${id}: it was released, or its session ended.`, {
    path,
  });
}

function notHolder({ id, path, owner }: Claim): KeeperError {
  const whose = owner === null ? "no session" : `session ${owner}`;
  return new KeeperError("not_holder", `The claim ${id} belongs to ${whose}; nothing was done.`, {
    path,
  });
}
