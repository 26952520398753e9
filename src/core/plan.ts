// Decides what a command does, at its place in the log. Every check runs while nothing has changed yet; the first
// that fails is thrown as a KeeperError. The order of checks is part of the contract: the session, then the
// fences, then those of the operation in the order of the tables O1-O5.

import type { Command } from "./command.ts";
import { rowOf } from "./commands.ts";
import type { Draft } from "./draft.ts";
import { isUnknownPast, stampText } from "./epochs.ts";
import { KeeperError } from "./errors.ts";
import { sessionExpired } from "./session.ts";
import type { State } from "./state.ts";
import type { Outcomes } from "./txn.ts";
import type { Fence, WriteContext } from "./write-context.ts";

/** Puts the command's changes into the draft and returns its answer. @throws KeeperError when it is refused. */
export function plan(draft: Draft, state: State, command: Command): Outcomes[keyof Outcomes] {
  const row = rowOf(command);
  if (row.hasContext) checkContext(draft, state, command as WriteContext);
  return row.decide(draft, state, command);
}

/** Session validity precedes everything else (E6, N9); a fence is checked in the same transaction as the write. */
function checkContext(draft: Draft, state: State, context: WriteContext): void {
  if (context.sessionId !== undefined && state.session(context.sessionId) === undefined)
    throw sessionExpired();
  for (const fence of context.fences ?? []) checkFence(draft, state, fence);
}

/** Of two znodes made at one zxid in two pasts of the store, a fence with its epoch is for one. */
function checkFence(draft: Draft, state: State, { path, czxid, epoch }: Fence): void {
  const znode = draft.get(path);
  const stamp = { zxid: czxid, epoch };
  if (znode?.czxid === czxid && state.epochs.has(stamp)) return;
  const isUnknown = isUnknownPast(state, stamp);
  const found = znode === undefined ? "is gone" : `was created again at zxid ${znode.czxid}`;
  const reason = isUnknown ? "it is of a past that this store does not have" : `the znode ${found}`;
  throw new KeeperError(
    "fence_stale",
    `The fence ${path}@${stampText(stamp)} does not hold: ${reason}. Stop acting as its owner.`,
    { path, ...(isUnknown && { unknownPast: true }) },
  );
}
