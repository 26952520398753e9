// Decides what a command does, at its place in the log. Every check runs while nothing has changed yet; the first
// that fails is thrown as a KeeperError. The order of checks is part of the contract: who asks and whether they may, kept
// replies (`execute.ts`), the session, the fences, and then those of the operation in the order of the tables O1-O5.

import { Ask } from "./access/ask.ts";
import {
  openPermits,
  openSystemPermits,
  type Permits,
  systemPermits,
  unauthenticated,
} from "./access/permits.ts";
import { keptOut } from "./acl/list-gate.ts";
import type { Command } from "./command.ts";
import { authoriseCommand, rowOf } from "./commands.ts";
import type { Draft } from "./draft.ts";
import { isUnknownPast, stampText } from "./epochs.ts";
import { KeeperError } from "./errors.ts";
import { isBeforeRestore } from "./restored.ts";
import { isOwnedBy, sessionExpired } from "./session.ts";
import type { State } from "./state.ts";
import type { Znode } from "./tree/znode.ts";
import type { Outcomes } from "./txn.ts";
import type { Asked, Fence, WriteContext } from "./write-context.ts";

/**
 * What whoever asks for the command may do. A command without a principal is of nobody in particular: allowed where access
 * control is off, and nowhere else, so that one which was forgotten is no right.
 * @throws KeeperError `unauthenticated`
 */
export function permitsFor(state: State, command: Command, timeMs: number): Permits {
  const { access } = state;
  const { principal } = command as Asked;
  const isOfSystem = principal === "system" || rowOf(command).actor === "system";
  if (!access.isOn) return isOfSystem ? openSystemPermits : openPermits;
  if (isOfSystem) return systemPermits;
  if (principal === undefined) throw unauthenticated();
  return access.permitsOf(principal, timeMs);
}

/** By the paths that the command names alone. @throws KeeperError `forbidden` */
export function authorise(command: Command, permits: Permits): void {
  if (permits === openPermits || permits === openSystemPermits || permits === systemPermits) return;
  authoriseCommand(command, new Ask(permits));
}

/** Puts the command's changes into the draft and returns its answer. @throws KeeperError when it is refused. */
export function plan(draft: Draft, state: State, command: Command): Outcomes[keyof Outcomes] {
  const row = rowOf(command);
  if (row.hasContext) checkContext(draft, state, command as WriteContext);
  return row.decide(draft, state, command);
}

/** Session validity precedes everything else (E6, N9); a fence is checked in the same transaction as the write. */
function checkContext(draft: Draft, state: State, context: WriteContext): void {
  if (context.sessionId !== undefined) {
    const session = state.session(context.sessionId);
    if (session === undefined || !isOwnedBy(session, draft.permits)) throw sessionExpired();
  }
  for (const fence of context.fences ?? []) checkFence(draft, state, fence);
}

/** Of two znodes made at one zxid in two pasts of the store, a fence with its epoch is for one. */
function checkFence(draft: Draft, state: State, { path, czxid, epoch }: Fence): void {
  const znode = draft.get(path);
  // Also of what a recipe does: the fence is that of whoever asks.
  if (znode !== undefined && !draft.lists.mayRead(znode.acl)) throw keptOut(path, "read");
  const stamp = { zxid: czxid, epoch };
  const isBefore = isBeforeRestore(state.restored, czxid);
  if (znode?.czxid === czxid && !isBefore && state.epochs.has(stamp) && mayKnow(draft, state, znode)) return;
  const isUnknown = isUnknownPast(state, stamp);
  const reason = isUnknown ? ofUnknownPast : isBefore ? ofBefore(state) : foundInstead(draft, path, znode);
  throw new KeeperError(
    "fence_stale",
    `The fence ${path}@${stampText(stamp)} does not hold: ${reason}. Stop acting as its owner.`,
    { path, ...(isUnknown && { unknownPast: true }) },
  );
}

const ofUnknownPast = "it is of a past that this store does not have";

/** Also where its znode is there: it may have been given up, and taken by another, in the time that is lost. */
function ofBefore({ restored }: State): string {
  return `it is from before the store was restored, at zxid ${restored.zxid}`;
}

/** Whoever may not read it is told of their own place alone: a fence that was guessed holds no more than one of nothing. */
function mayKnow(draft: Draft, state: State, { path, ephemeralOwner }: Znode): boolean {
  if (draft.mayRead(path)) return true;
  const session = ephemeralOwner === null ? undefined : state.session(ephemeralOwner);
  return session !== undefined && isOwnedBy(session, draft.permits);
}

function foundInstead(draft: Draft, path: string, znode: Znode | undefined): string {
  if (!draft.mayRead(path)) return "the znode is gone, or is none of yours";
  return znode === undefined ? "the znode is gone" : `the znode was created again at zxid ${znode.czxid}`;
}
