// Decides what a command does, at its place in the log. Every check runs while nothing has changed yet; the first
// that fails is thrown as a KeeperError. The order of checks is part of the contract: the session, then the
// fences, then those of the operation in the order of the tables O1-O5.

import type {
  Check,
  CloseSession,
  Command,
  Create,
  Delete,
  DeleteTree,
  Fence,
  Increment,
  Multi,
  OpenSession,
  Operation,
  SetData,
  Sweep,
  WriteContext,
  ZnodeTag,
} from "./command.ts";
import { failedAt } from "./command-syntax.ts";
import type { Draft } from "./draft.ts";
import { KeeperError } from "./errors.ts";
import { parentPath, rootPath } from "./path.ts";
import { checkQuota, planDeleteQuota, planSetQuota } from "./plan-quota.ts";
import { formatSequence } from "./sequence.ts";
import type { Session } from "./session.ts";
import { statOf } from "./stat.ts";
import type { State } from "./state.ts";
import { causeToSweep } from "./sweep.ts";
import type { OperationResult, Outcomes, Written } from "./txn.ts";
import { emptyData, type Znode } from "./znode.ts";

/** Puts the command's changes into the draft and returns its answer. @throws KeeperError when it is refused. */
export function plan(draft: Draft, state: State, command: Command): Outcomes[keyof Outcomes] {
  switch (command.type) {
    case "openSession":
      return planOpenSession(draft, state, command);
    case "closeSession":
      return planCloseSession(draft, state, command);
    case "sweep":
      return planSweep(draft, command);
    default:
      checkContext(draft, state, command);
      return planWrite(draft, state, command);
  }
}

function planWrite(
  draft: Draft,
  state: State,
  command: Exclude<Command, OpenSession | CloseSession | Sweep>,
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
    case "increment":
      return planIncrement(draft, command);
    case "check":
      return planCheck(draft, command);
    case "multi":
      return planMulti(draft, command);
    case "setQuota":
      return planSetQuota(draft, state, command);
    case "deleteQuota":
      return planDeleteQuota(draft, state, command);
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
    "The session has expired, was closed, or never was; open a new one and take nothing of the old one for granted.",
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

function planCreate(draft: Draft, create: Create, sessionId: string | undefined): Written {
  const parent = parentFor(draft, create);
  const { path, sequence } = nameOf(draft, create, parent);
  const existing = draft.get(path);
  if (existing !== undefined) {
    throw new KeeperError("node_exists", `${path} exists already.`, { path, stat: statOf(existing) });
  }
  if (parent.ephemeralOwner !== null) {
    throw new KeeperError("ephemeral_parent", `${parent.path} is ephemeral and cannot have children.`, {
      path: parent.path,
    });
  }
  checkQuota(draft, path, { count: 1, bytes: create.data.byteLength });
  const owner = create.mode.kind === "ephemeral" ? (sessionId ?? null) : null;
  const znode = draft.create({ path, data: create.data, mode: create.mode, owner, sequence });
  return { path, stat: statOf(znode), created: true };
}

function parentFor(draft: Draft, create: Create): Znode {
  const path = parentPath(create.path);
  if (create.parents === true) makeParents(draft, path);
  const parent = draft.get(path);
  if (parent === undefined) {
    throw new KeeperError(
      "no_node",
      `The parent ${path} does not exist; create it first, or add parents=true.`,
      {
        path,
      },
    );
  }
  return parent;
}

/** Missing ancestors become plain persistent znodes, from the top down. */
function makeParents(draft: Draft, path: string): void {
  const missing: string[] = [];
  for (let ancestor = path; draft.get(ancestor) === undefined; ancestor = parentPath(ancestor)) {
    missing.push(ancestor);
  }
  for (const ancestor of missing.reverse()) createPlain(draft, ancestor, emptyData);
}

function createPlain(draft: Draft, path: string, data: Uint8Array): Written {
  const create: Create = { type: "create", path, data, mode: { kind: "persistent", sequential: false } };
  return planCreate(draft, create, undefined);
}

/** The final name. A number whose name somebody took by hand is skipped, so the create cannot get stuck (D2). */
function nameOf(draft: Draft, create: Create, parent: Znode): { path: string; sequence: number | null } {
  const { mode } = create;
  if (mode.kind === "container" || !mode.sequential) return { path: create.path, sequence: null };
  let sequence = parent.nextSequence;
  while (draft.get(create.path + formatSequence(sequence)) !== undefined) sequence += 1;
  return { path: create.path + formatSequence(sequence), sequence };
}

function planSetData(draft: Draft, set: SetData): Written {
  const znode = draft.get(set.path);
  if (znode === undefined) {
    if (set.create === undefined || expectsVersion(set)) throw noNode(set.path);
    return createPlain(draft, set.path, set.data);
  }
  if (set.create === "only") {
    throw new KeeperError(
      "bad_version",
      `${set.path} exists already, and If-None-Match: * asks that it does not.`,
      {
        path: set.path,
        stat: statOf(znode),
      },
    );
  }
  checkQuota(draft, set.path, { count: 0, bytes: set.data.byteLength - znode.data.byteLength });
  checkVersion(znode, set);
  return { path: set.path, stat: statOf(draft.setData(znode, set.data)), created: false };
}

function noNode(path: string): KeeperError {
  return new KeeperError("no_node", `${path} does not exist.`, { path });
}

interface Expectation {
  readonly version?: number | undefined;
  readonly ifMatch?: readonly ZnodeTag[] | undefined;
}

/** Whoever expects a version speaks of a znode that was there: it is not made anew. */
function expectsVersion({ version, ifMatch }: Expectation): boolean {
  return ifMatch !== undefined || (version !== undefined && version !== -1);
}

/** -1 means any version; every other value, negative ones too, must be equal (section 5). */
function checkVersion(znode: Znode, expected: Expectation): void {
  const { version, ifMatch } = expected;
  if (version !== undefined && version !== -1 && version !== znode.version) {
    throw badVersion(znode, `version ${version}`);
  }
  if (ifMatch?.some((tag) => tag.czxid === znode.czxid && tag.version === znode.version) === false) {
    throw badVersion(
      znode,
      `any of ${ifMatch.map((tag) => `"${tag.czxid}-${tag.version}"`).join(", ") || "the tags"}`,
    );
  }
}

function badVersion(znode: Znode, expected: string): KeeperError {
  return new KeeperError(
    "bad_version",
    `${znode.path} is at version ${znode.version} (created at zxid ${znode.czxid}), not at ${expected}.`,
    { path: znode.path, stat: statOf(znode) },
  );
}

function planDelete(draft: Draft, operation: Delete): { path: string } {
  const { path } = operation;
  const znode = deletable(draft, operation);
  if (znode.numChildren > 0) {
    throw new KeeperError(
      "not_empty",
      `${path} has ${znode.numChildren} ${znode.numChildren === 1 ? "child" : "children"}; delete them first, or add recursive=true.`,
      { path },
    );
  }
  draft.delete(znode);
  return { path };
}

/** Children go before their parents, so every watcher of a part sees that part die in order. */
function planDeleteTree(
  draft: Draft,
  state: State,
  operation: DeleteTree,
): { path: string; deleted: number } {
  deletable(draft, operation);
  const doomed = [...state.tree.subtree(operation.path)].reverse();
  for (const { path } of doomed) draft.delete(draft.get(path) as Znode);
  return { path: operation.path, deleted: doomed.length };
}

function deletable(draft: Draft, operation: Delete | DeleteTree): Znode {
  const { path } = operation;
  if (path === rootPath) throw new KeeperError("reserved_path", "The root cannot be deleted.", { path });
  const znode = draft.get(path);
  if (znode === undefined) throw noNode(path);
  checkVersion(znode, operation);
  return znode;
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

const decimalInteger = /^-?\d{1,16}$/;

function planIncrement(draft: Draft, increment: Increment): OperationResult {
  const znode = draft.get(increment.path);
  if (znode === undefined) throw noNode(increment.path);
  const text = asciiText(znode.data) || "0";
  const value = Number(text) + increment.by;
  if (!decimalInteger.test(text) || !Number.isSafeInteger(Number(text)) || !Number.isSafeInteger(value)) {
    throw new KeeperError(
      "bad_request",
      `${increment.path} must hold a decimal integer that stays within 2^53-1 when ${increment.by} is added.`,
      { path: increment.path },
    );
  }
  const data = asciiBytes(String(value));
  checkQuota(draft, increment.path, { count: 0, bytes: data.byteLength - znode.data.byteLength });
  const changed = draft.setData(znode, data);
  return { op: "increment", path: increment.path, stat: statOf(changed), value: String(value) };
}

/** The start of the value, long enough to tell an integer from what is none. */
function asciiText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 32));
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** M7: a check alone asserts existence; with `exists: false` it asserts absence. */
function planCheck(draft: Draft, check: Check): OperationResult {
  const { path } = check;
  const znode = draft.get(path);
  if (check.exists === false) {
    if (znode !== undefined) throw new KeeperError("node_exists", `${path} exists.`, { path });
    return { op: "check", path };
  }
  if (znode === undefined) throw noNode(path);
  checkVersion(znode, check);
  if (check.czxid !== undefined && check.czxid !== znode.czxid) {
    throw badVersion(znode, `the incarnation created at zxid ${check.czxid}`);
  }
  return { op: "check", path, stat: statOf(znode) };
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

/** All ephemerals go at once (N10), in the order they were created: a set's own order must not decide. */
function planCloseSession(draft: Draft, state: State, close: CloseSession): { ephemerals: string[] } {
  const session = state.session(close.sessionId);
  if (session === undefined) throw sessionExpired();
  const owned = [...state.ephemeralsOf(session.id)].map((path) => draft.get(path) as Znode);
  owned.sort((a, b) => a.id - b.id);
  for (const znode of owned) draft.delete(znode);
  draft.changes.push({ type: "sessionClosed", session });
  draft.cause = close.reason;
  return { ephemerals: owned.map((znode) => znode.path) };
}

/**
 * Everything is looked at again (K9): a znode that was refreshed, has children or was made anew stays, and a second
 * sweep finds nothing to do. That is no refusal: nobody's wish was denied.
 */
function planSweep(draft: Draft, sweep: Sweep): Outcomes["sweep"] {
  const { path, czxid, neverUsedMsMax } = sweep;
  const znode = draft.get(path);
  if (znode?.czxid !== czxid) return { path, cause: null };
  const cause = causeToSweep(znode, draft.timeMs, neverUsedMsMax);
  if (cause !== null) {
    draft.delete(znode);
    draft.cause = cause;
  }
  return { path, cause };
}
