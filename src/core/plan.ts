// Decides what a command does, at its place in the log. Every check runs while nothing has changed yet; the first
// that fails is thrown as a KeeperError. The order of checks is part of the contract: the session, then the
// fences, then those of the operation in the order of the tables O1-O5.

import type {
  CloseSession,
  Command,
  Fence,
  Multi,
  OpenSession,
  Operation,
  Sweep,
  WriteContext,
} from "./command.ts";
import { failedAt } from "./command-syntax.ts";
import type { EndLockDelay } from "./coordination/coordination-command.ts";
import { planEndLockDelay, planLockDelays } from "./coordination/lock-delay.ts";
import { planRoundsLeft } from "./coordination/plan-barriers.ts";
import { planKeepPlace } from "./coordination/plan-claims.ts";
import { planClaimCommand } from "./coordination/plan-coordination.ts";
import { planServiceCommand } from "./coordination/plan-services.ts";
import type { Draft } from "./draft.ts";
import { KeeperError } from "./errors.ts";
import { planImport } from "./plan-import.ts";
import {
  planCheck,
  planCreate,
  planDelete,
  planDeletePart,
  planDeleteTree,
  planIncrement,
  planSetData,
} from "./plan-znodes.ts";
import { planDeleteQuota, planSetQuota } from "./quotas/plan-quota.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";
import { causeToSweep } from "./sweep.ts";
import type { Znode } from "./tree/znode.ts";
import type { OperationResult, Outcomes } from "./txn.ts";

/** Puts the command's changes into the draft and returns its answer. @throws KeeperError when it is refused. */
export function plan(draft: Draft, state: State, command: Command): Outcomes[keyof Outcomes] {
  switch (command.type) {
    case "openSession":
      return planOpenSession(draft, state, command);
    case "closeSession":
      return planCloseSession(draft, state, command);
    case "sweep":
      return planSweep(draft, command);
    case "endLockDelay":
      return planEndLockDelay(draft, command);
    default:
      checkContext(draft, state, command);
      return planWrite(draft, state, command);
  }
}

function planWrite(
  draft: Draft,
  state: State,
  command: Exclude<Command, OpenSession | CloseSession | Sweep | EndLockDelay>,
) {
  switch (command.type) {
    case "create":
      return planCreate(draft, command, command.sessionId);
    case "setData":
      return planSetData(draft, command);
    case "delete":
      return planDelete(draft, command);
    case "deleteTree":
      return planDeleteTree(draft, state, command);
    case "deletePart":
      return planDeletePart(draft, state, command);
    case "increment":
      return planIncrement(draft, command);
    case "check":
      return planCheck(draft, command);
    case "multi":
      return planMulti(draft, command);
    case "setQuota":
      return planSetQuota(draft, state, command);
    case "import":
      return planImport(draft, command);
    case "deleteQuota":
      return planDeleteQuota(draft, state, command);
    case "registerInstance":
    case "changeInstance":
    case "deregisterInstance":
      return planServiceCommand(draft, command);
    case "keepPlace":
      return planKeepPlace(draft, command);
    default:
      return planClaimCommand(draft, state, command);
  }
}

/** Session validity precedes everything else (E6, N9); a fence is checked in the same transaction as the write. */
function checkContext(draft: Draft, state: State, context: WriteContext): void {
  if (context.sessionId !== undefined && state.session(context.sessionId) === undefined)
    throw sessionExpired();
  for (const fence of context.fences ?? []) checkFence(draft, fence);
}

/** One sentence for every way a session can be gone: they cannot be told apart (N5). */
export function sessionExpired(): KeeperError {
  return new KeeperError(
    "session_expired",
    "The session has expired, was closed, or never was; open a new one; its ephemerals, locks and candidacies are gone.",
  );
}

function checkFence(draft: Draft, fence: Fence): void {
  const znode = draft.get(fence.path);
  if (znode?.czxid === fence.czxid) return;
  const found = znode === undefined ? "is gone" : `was created again at zxid ${znode.czxid}`;
  throw new KeeperError(
    "fence_stale",
    `The fence ${fence.path}@${fence.czxid} does not hold: the znode ${found}. Stop acting as its owner.`,
    { path: fence.path },
  );
}

function planMulti(draft: Draft, multi: Multi): { results: OperationResult[] } {
  const results = multi.operations.map((operation, index) => {
    try {
      return planOperation(draft, operation, multi.sessionId);
    } catch (error) {
      throw failedAt(index, multi.operations.length, error);
    }
  });
  return { results };
}

function planOperation(draft: Draft, operation: Operation, sessionId: string | undefined): OperationResult {
  switch (operation.type) {
    case "create": {
      const { path, stat } = planCreate(draft, operation, sessionId);
      return { op: "create", path, stat };
    }
    case "setData": {
      const { path, stat } = planSetData(draft, operation);
      return { op: "set", path, stat };
    }
    case "delete":
      return { op: "delete", path: planDelete(draft, operation).path };
    case "increment":
      return planIncrement(draft, operation);
    case "check":
      return planCheck(draft, operation);
  }
}

function planOpenSession(draft: Draft, state: State, open: OpenSession): Outcomes["openSession"] {
  if (state.session(open.sessionId) !== undefined) {
    throw new KeeperError("bad_request", `Session ${open.sessionId} exists already.`);
  }
  const session: Session = {
    id: open.sessionId,
    tokenHash: open.tokenHash,
    timeoutMs: open.timeoutMs,
    name: open.name,
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
function planCloseSession(draft: Draft, state: State, close: CloseSession): Outcomes["closeSession"] {
  const session = state.session(close.sessionId);
  if (session === undefined) throw sessionExpired();
  const owned = [...state.ephemeralsOf(session.id)].map((path) => draft.get(path) as Znode);
  owned.sort((a, b) => a.id - b.id);
  const going = draft.endsAtOnce(owned);
  for (const znode of going) draft.delete(znode);
  if (close.reason === "session_expired") planLockDelays(draft, state, going);
  planRoundsLeft(draft, going);
  draft.cause = close.reason;
  const ephemerals = going.map((znode) => znode.path);
  if (going.length < owned.length) return { ephemerals, remaining: owned.length - going.length };
  draft.changes.push({ type: "sessionClosed", session });
  return { ephemerals };
}

/**
 * Everything is looked at again (K9): a znode that was refreshed, has children or was made anew stays, and a second
 * sweep finds nothing to do. That is no refusal: nobody's wish was denied.
 */
function planSweep(draft: Draft, sweep: Sweep): Outcomes["sweep"] {
  const { path, czxid, neverUsedMsMax } = sweep;
  const znode = draft.get(path);
  if (znode?.czxid !== czxid) return { path, cause: null };
  const cause = causeToSweep(znode, draft.moment, neverUsedMsMax);
  if (cause !== null) {
    draft.delete(znode);
    draft.cause = cause;
  }
  return { path, cause };
}
