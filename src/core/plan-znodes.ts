// What becomes of a znode that is asked to be made, set, deleted, counted up or looked at: the tables O1-O5. Every check
// runs while nothing has changed yet; the first that fails is thrown as a KeeperError.

import type { Permission } from "./acl/acl.ts";
import type { Check, Create, Delete, DeletePart, DeleteTree, Increment, SetData } from "./command.ts";
import type { Draft, NewZnode } from "./draft.ts";
import { stampText } from "./epochs.ts";
import { type ErrorDetails, KeeperError } from "./errors.ts";
import { checkQuota } from "./quotas/plan-quota.ts";
import { nextNumberOf } from "./restored.ts";
import { decimalBytes, decimalIn } from "./tree/decimal.ts";
import { parentPath, rootPath } from "./tree/path.ts";
import { formatSequence, sequenceMax, stepAfter } from "./tree/sequence.ts";
import { statOf } from "./tree/stat.ts";
import { emptyData, type Znode } from "./tree/znode.ts";
import type { DeletedPart, OperationResult, Written } from "./txn.ts";
import type { ZnodeTag } from "./write-context.ts";

export function planCreate(draft: Draft, create: Create, sessionId: string | undefined): Written {
  const parent = parentFor(draft, create);
  draft.requireOf(parent, "create");
  const { path, sequence } = nameOf(draft, create, parent);
  // How far numbers have come is not for whoever may not create there.
  draft.require(path, "create", create.path);
  const existing = draft.get(path);
  if (existing !== undefined) {
    throw new KeeperError("node_exists", `${path} exists already.`, { path, ...draft.statFor(existing) });
  }
  const owner = create.mode.kind === "ephemeral" ? (sessionId ?? null) : null;
  const { data, mode, acl } = create;
  const znode = createZnode(draft, { path, data, mode, owner, sequence, acl });
  return { path, stat: statOf(znode), created: true };
}

/** Makes a znode that is not there, under a parent that is, if that may have it. */
export function createZnode(draft: Draft, added: NewZnode): Znode {
  const parent = draft.get(parentPath(added.path)) as Znode;
  if (parent.ephemeralOwner !== null) {
    throw new KeeperError("ephemeral_parent", `${parent.path} is ephemeral and cannot have children.`, {
      path: parent.path,
    });
  }
  checkQuota(draft, added.path, { count: 1, bytes: added.data.byteLength });
  return draft.create(added);
}

function parentFor(draft: Draft, create: Create): Znode {
  const path = parentPath(create.path);
  if (create.parents === true) makeParents(draft, path);
  const parent = draft.get(path);
  if (parent === undefined) {
    throw new KeeperError("no_node", `The parent ${path} does not exist; create it first.`, { path });
  }
  return parent;
}

/** Missing ancestors become plain persistent znodes, from the top down. */
export function makeParents(draft: Draft, path: string): void {
  const missing: string[] = [];
  for (let ancestor = path; draft.get(ancestor) === undefined; ancestor = parentPath(ancestor)) {
    // Whoever is confined to a part of the tree does not make that part.
    if (ancestor === rootPath) throw noNode(rootPath);
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
  let sequence = nextNumberOf(parent, draft.restored);
  for (let takenCount = 1; sequence <= sequenceMax; takenCount += 1) {
    const path = create.path + formatSequence(sequence);
    if (draft.get(path) === undefined) return { path, sequence };
    sequence += draft.isBounded ? stepAfter(takenCount) : 1;
  }
  throw new KeeperError(
    "bad_request",
    `${parent.path} has no numbers left for its children: the last is ${sequenceMax}. Use another parent, or make this one anew.`,
    { path: parent.path, limit: "sequenceMax", limitValue: sequenceMax },
  );
}

export function planSetData(draft: Draft, set: SetData): Written {
  const znode = draft.get(set.path);
  if (znode === undefined) {
    if (set.create === undefined || expectsVersion(set)) throw noNode(set.path);
    draft.require(set.path, "create");
    return createPlain(draft, set.path, set.data);
  }
  if (set.create === "only") {
    requireOfParent(draft, set.path, "create");
    throw new KeeperError(
      "bad_version",
      `${set.path} exists already, and If-None-Match: * asks that it does not.`,
      {
        path: set.path,
        ...draft.statFor(znode),
      },
    );
  }
  draft.require(set.path, "write");
  draft.requireOf(znode, "write");
  checkQuota(draft, set.path, { count: 0, bytes: set.data.byteLength - znode.data.byteLength });
  checkVersion(draft, znode, set);
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
function checkVersion(draft: Draft, znode: Znode, expected: Expectation): void {
  const { version, ifMatch } = expected;
  if (version !== undefined && version !== -1 && version !== znode.version) {
    throw badVersion(draft, znode, `version ${version}`);
  }
  if (ifMatch?.some((tag) => isTagOf(draft, znode, tag)) === false) {
    throw badVersion(draft, znode, `any of ${ifMatch.map(tagText).join(", ") || "the tags"}`, {
      ...(ifMatch.some((tag) => isOfUnknownPast(draft, tag)) && { unknownPast: true }),
    });
  }
}

/** Two pasts may have given one version of one incarnation two values: then the epochs that wrote them differ. */
function isTagOf({ epochs }: Draft, znode: Znode, { czxid, version, epoch }: ZnodeTag): boolean {
  if (czxid !== znode.czxid || version !== znode.version) return false;
  return epochs.has({ zxid: znode.mzxid, epoch });
}

function isOfUnknownPast({ epochs, zxid }: Draft, { czxid, epoch }: ZnodeTag): boolean {
  return czxid >= zxid || (epoch !== undefined && !epochs.reaches(epoch, czxid));
}

function tagText({ czxid, version, epoch }: ZnodeTag): string {
  return `"${czxid}-${stampText({ zxid: version, epoch })}"`;
}

function badVersion(draft: Draft, znode: Znode, expected: string, details: ErrorDetails = {}): KeeperError {
  const ofAnotherPast = details.unknownPast
    ? ", some of which are of a past that this store does not have"
    : "";
  const { path, version, czxid } = znode;
  const found = draft.mayTell(znode) ? `version ${version} (created at zxid ${czxid})` : "another version";
  return new KeeperError("bad_version", `${path} is at ${found}, not at ${expected}${ofAnotherPast}.`, {
    ...{ path, ...details },
    ...draft.statFor(znode),
  });
}

export function planDelete(draft: Draft, operation: Delete): { path: string } {
  const { path } = operation;
  const znode = deletable(draft, operation);
  if (znode.numChildren > 0) {
    throw new KeeperError("not_empty", `${path} has ${childrenOf(draft, znode)}; delete them first.`, {
      path,
    });
  }
  draft.delete(znode);
  return { path };
}

function childrenOf(draft: Draft, znode: Znode): string {
  const { numChildren } = znode;
  if (!draft.mayTell(znode)) return "children";
  return numChildren === 1 ? "1 child" : `${numChildren} children`;
}

/** Children go before their parents, so every watcher of a part sees that part die in order. */
export function planDeleteTree(draft: Draft, operation: DeleteTree): { path: string; deleted: number } {
  deletable(draft, operation);
  const { count } = draft.usageOf(operation.path);
  // Known before anybody has to wait for a walk.
  draft.assertMayChange(count);
  if (draft.hasLists) requireOfParentsBelow(draft, operation.path);
  const doomed = [...draft.subtree(operation.path)].reverse();
  for (const { path } of doomed) draft.delete(draft.get(path) as Znode);
  return { path: operation.path, deleted: count };
}

/** A part that comes late finds its subtree gone, or another one in its place, and takes nothing. */
export function planDeletePart(draft: Draft, part: DeletePart): DeletedPart {
  const { path, czxid: expected, znodesMax, bytesMax } = part;
  if (expected !== undefined && draft.get(path)?.czxid !== expected)
    return { czxid: expected, deleted: 0, remaining: 0 };
  const { czxid } = deletable(draft, part);
  const { count } = draft.usageOf(path);
  let [deleted, bytes] = [0, 0];
  for (const leaf of draft.leavesFirst(path)) {
    bytes += draft.deletedLength(leaf);
    if (deleted > 0 && (deleted === znodesMax || bytes > bytesMax)) break;
    requireOfParentBelow(draft, path, leaf);
    draft.delete(draft.get(leaf.path) as Znode);
    deleted += 1;
  }
  return { czxid, deleted, remaining: count - deleted };
}

/** Which znode below it is that keeps them is for those to know who may read its parent. */
function requireOfParentsBelow(draft: Draft, path: string): void {
  for (const znode of draft.subtree(path))
    if (znode.numChildren > 0 && !draft.isLet(znode, "delete")) throw keptOutBelow(path);
}

/** A part is refused at the first znode that may not go. */
function requireOfParentBelow(draft: Draft, path: string, leaf: Znode): void {
  if (leaf.path === path || !draft.hasLists) return;
  if (!draft.isLet(draft.get(parentPath(leaf.path)) as Znode, "delete")) throw keptOutBelow(path);
}

function keptOutBelow(path: string): KeeperError {
  return new KeeperError(
    "forbidden",
    `An access control list at or below ${path} does not give you the permission \`delete\`, which all there with children take.`,
    { path },
  );
}

/** Before the znode is looked for, so that who may not learns nothing of it (O2). */
function requireOfParent(draft: Draft, path: string, permission: Permission): void {
  if (path === rootPath) return;
  const parent = draft.get(parentPath(path));
  if (parent !== undefined) draft.requireOf(parent, permission);
}

function deletable(draft: Draft, operation: Delete | DeleteTree | DeletePart): Znode {
  const { path } = operation;
  if (path === rootPath) throw new KeeperError("reserved_path", "The root cannot be deleted.", { path });
  requireOfParent(draft, path, "delete");
  const znode = draft.get(path);
  if (znode === undefined) throw noNode(path);
  checkVersion(draft, znode, operation);
  return znode;
}

export function planIncrement(draft: Draft, increment: Increment): OperationResult {
  const znode = draft.get(increment.path);
  if (znode === undefined) throw noNode(increment.path);
  draft.requireOf(znode, "write", "read");
  const value = (decimalIn(znode.data) ?? Number.NaN) + increment.by;
  if (!Number.isSafeInteger(value)) {
    throw new KeeperError(
      "bad_request",
      `${increment.path} must hold a decimal integer that stays within 2^53-1 when ${increment.by} is added.`,
      { path: increment.path },
    );
  }
  const data = decimalBytes(value);
  checkQuota(draft, increment.path, { count: 0, bytes: data.byteLength - znode.data.byteLength });
  const changed = draft.setData(znode, data);
  return { op: "increment", path: increment.path, stat: statOf(changed), value: String(value) };
}

/** M7: a check alone asserts existence; with `exists: false` it asserts absence. */
export function planCheck(draft: Draft, check: Check): OperationResult {
  const { path } = check;
  const znode = draft.get(path);
  if (znode !== undefined) draft.requireOf(znode, "read");
  if (check.exists === false) {
    if (znode !== undefined) throw new KeeperError("node_exists", `${path} exists.`, { path });
    return { op: "check", path };
  }
  if (znode === undefined) throw noNode(path);
  checkVersion(draft, znode, check);
  if (check.czxid !== undefined && check.czxid !== znode.czxid) {
    throw badVersion(draft, znode, `the incarnation created at zxid ${check.czxid}`);
  }
  return { op: "check", path, ...draft.statFor(znode) };
}
