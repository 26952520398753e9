// What must be true of every state, whatever happened to it. Tests call it after each step that matters, and the
// loader after reading the tables.

import { type KeptAcl, openAcl, textOfAcl } from "./acl/acl.ts";
import { isSoundAcl } from "./acl/acl-syntax.ts";
import { deletedLength } from "./bounds.ts";
import { attemptsMax } from "./coordination/attempts.ts";
import { type Claim, type ClaimQueue, claimOf, holdersOf, keyOf } from "./coordination/claim-queue.ts";
import { isQueuePath } from "./coordination/claims.ts";
import { epochsMax } from "./epochs.ts";
import type { Quota } from "./quotas/quota.ts";
import { replySize } from "./replies/replies.ts";
import type { State } from "./state.ts";
import { isMortal } from "./sweep.ts";
import { baseName, joinPath, parentPath, rootPath } from "./tree/path.ts";
import type { Znode } from "./tree/znode.ts";

/** The faults found, as sentences; empty when the state is sound. */
export function checkState(state: State): string[] {
  const faults: string[] = [];
  if (state.tree.get(rootPath) === undefined) faults.push("there is no root");
  let znodeCount = 0;
  for (const znode of state.tree.values()) {
    znodeCount += 1;
    faults.push(...faultsOf(znode, state).map((fault) => `${znode.path}: ${fault}`));
  }
  faults.push(...usageFaults(state));
  if (znodeCount !== [...state.tree.subtree(rootPath)].length)
    faults.push("a znode cannot be reached from the root");
  for (const queue of state.claims.queues()) faults.push(...queueFaults(state, queue));
  for (const root of state.access.namespaces) faults.push(...namespaceFaults(state, root));
  for (const session of state.sessions()) faults.push(...ephemeralFaults(state, session.id));
  for (const quota of state.quotas.from("")) {
    faults.push(...quotaFaults(quota, state).map((fault) => `quota of ${quota.path}: ${fault}`));
  }
  return [
    ...faults,
    ...mortalFaults(state),
    ...replyFaults(state),
    ...livenessFaults(state),
    ...epochFaults(state),
    ...restoreFaults(state),
    ...aclFaults(state),
  ];
}

/** Nobody is touched in no entry, and the register has a term from when somebody had it first. */
function livenessFaults(state: State): string[] {
  const faults: string[] = [];
  for (const { id, touchedAt = 0 } of state.sessions()) {
    if (!Number.isSafeInteger(touchedAt) || touchedAt < 0)
      faults.push(`session ${id}: touched at ${touchedAt}`);
  }
  const { server, term, touchedAt } = state.housekeeper;
  const isSound = term === 0 ? server === "" && touchedAt === 0 : server !== "" && touchedAt >= 0;
  if (!isSound || !Number.isSafeInteger(term)) faults.push(`${server} keeps house in term ${term}`);
  return faults;
}

/** Counted from the start: every znode counts for itself and for all above it. */
function usageFaults({ tree }: State): string[] {
  const usages = new Map<string, { count: number; bytes: number }>();
  for (const { path, data } of tree.values()) {
    for (let at = path; ; at = parentPath(at)) {
      const usage = usages.get(at) ?? { count: 0, bytes: 0 };
      usages.set(at, { count: usage.count + 1, bytes: usage.bytes + data.byteLength });
      if (at === rootPath) break;
    }
  }
  return [...usages].flatMap(([path, { count, bytes }]) => {
    const said = tree.usageOf(path);
    if (said.count === count && said.bytes === bytes) return [];
    return `${path}: holds ${count} znodes and ${bytes} bytes, said to be ${said.count} and ${said.bytes}`;
  });
}

function faultsOf(znode: Znode, state: State): string[] {
  const faults: string[] = [];
  const names = [...state.tree.childNames(znode.path)];
  if (names.length !== znode.numChildren)
    faults.push(`has ${names.length} children, says ${znode.numChildren}`);
  if (names.some((name, index) => index > 0 && (names[index - 1] as string) >= name))
    faults.push("names out of order");
  if (znode.id >= state.nextZnodeId) faults.push(`id ${znode.id} was not given out yet`);
  if (znode.cversion < znode.numChildren) faults.push("more children than were ever created");
  for (const zxid of [znode.czxid, znode.mzxid, znode.pzxid]) {
    if (zxid < znode.czxid || zxid > state.zxid) faults.push(`zxid ${zxid} out of range`);
  }
  if (isMortal(znode) && !state.mortals.has(znode.path)) faults.push("no sweep would look at it");
  if (isMortal(znode) !== (znode.writtenRanMs !== null)) faults.push("its age counts from nowhere");
  if ((znode.writtenRanMs ?? 0) > state.ranMs) faults.push("was written in a time to come");
  if (state.access.namespaces.keeps(znode.path, isQueuePath) && state.claims.queue(znode.path) === undefined)
    faults.push("is a lock or an election, and has no queue");
  return [...faults, ...parentFaults(znode, state), ...ownerFaults(znode, state), ...attemptFaults(znode)];
}

function parentFaults(znode: Znode, state: State): string[] {
  if (znode.path === rootPath) return [];
  const parent = state.tree.get(parentPath(znode.path));
  if (parent === undefined) return ["has no parent"];
  const faults: string[] = [];
  if (parent.id >= znode.id) faults.push("is older than its parent");
  if (parent.ephemeralOwner !== null) faults.push("its parent is ephemeral");
  if (parent.pzxid < znode.czxid) faults.push("its parent's pzxid is before its creation");
  if (znode.sequence !== null && znode.sequence >= parent.nextSequence)
    faults.push("its number can come again");
  if (baseName(znode.path) === "") faults.push("has no name");
  return faults;
}

function ownerFaults(znode: Znode, state: State): string[] {
  if (znode.ephemeralOwner === null) return [];
  if (state.session(znode.ephemeralOwner) === undefined) return ["its session is gone"];
  return state.ephemeralsOf(znode.ephemeralOwner).has(znode.path) ? [] : ["is not listed under its session"];
}

/** Only what goes with a session is a place that requests stand for, and the last of them takes it along. */
function attemptFaults({ attempts, ephemeralOwner }: Znode): string[] {
  if (attempts === null) return [];
  if (ephemeralOwner === null) return ["is no session's, and is for requests"];
  const isSound = attempts.length > 0 && attempts.length <= attemptsMax;
  return isSound ? [] : [`is for ${attempts.length} requests`];
}

/** What is kept twice would be a queue to some and a claim to others. */
function namespaceFaults({ access }: State, root: string): string[] {
  return access.namespaces.keeps(root) ? [`namespace ${root}: is in what recipes keep`] : [];
}

/** A queue says of its lock what its children say, counted from the start. */
function queueFaults({ tree }: State, queue: ClaimQueue): string[] {
  const children = [...tree.childNames(queue.path)].map(
    (name) => tree.get(joinPath(queue.path, name)) as Znode,
  );
  const claims = children.map(claimOf).filter((claim) => claim !== null);
  claims.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const faults: string[] = [];
  const ids = (some: Iterable<Claim>) => [...some].map(({ id }) => id).join(" ");
  if (ids(queue) !== ids(claims)) faults.push(`${queue.path}: queues ${ids(queue)}, has ${ids(claims)}`);
  const holders = holdersOf(claims, queue.settings).length;
  if (queue.heldCount !== holders)
    faults.push(`${queue.path}: ${holders} hold, ${queue.heldCount} are said to`);
  return faults;
}

function ephemeralFaults(state: State, sessionId: string): string[] {
  const faults: string[] = [];
  let bytes = 0;
  for (const path of state.ephemeralsOf(sessionId)) {
    const znode = state.tree.get(path);
    if (znode?.ephemeralOwner === sessionId) bytes += deletedLength(znode, state.access.namespaces);
    else faults.push(`session ${sessionId} lists ${path}, which it does not own`);
  }
  const said = state.ephemeralBytesOf(sessionId);
  if (faults.length === 0 && bytes !== said)
    faults.push(`session ${sessionId} counts ${said} bytes of ${bytes}`);
  return faults;
}

function mortalFaults(state: State): string[] {
  const isListedRightly = (path: string) => {
    const znode = state.tree.get(path);
    return znode !== undefined && isMortal(znode);
  };
  return [...state.mortals]
    .filter((path) => !isListedRightly(path))
    .map((path) => `sweeps would look at ${path}, which stays until it is deleted`);
}

/** Each is of a transaction of its own, in their order. */
function replyFaults({ replies, zxid, ranMs }: State): string[] {
  const faults: string[] = [];
  let [count, size, last] = [0, 0, 0];
  for (const reply of replies) {
    count += 1;
    size += replySize(reply);
    if (reply.ranMs > ranMs) faults.push(`reply at zxid ${reply.zxid}: of a time to come`);
    if (reply.zxid <= last || reply.zxid > zxid) faults.push(`reply at zxid ${reply.zxid}: out of order`);
    last = reply.zxid;
  }
  if (count !== replies.count) faults.push(`${count} replies are in order, ${replies.count} have a key`);
  const shared = [...replies.largestShareFirst()].length;
  if (shared !== replies.count) faults.push(`${shared} replies are in shares, of ${replies.count}`);
  if (size !== replies.size) faults.push(`replies of size ${size} are said to have ${replies.size}`);
  return faults;
}

/** Each begins behind the one before it, and the last one no later than with the next transaction. */
function epochFaults({ epochs, zxid }: State): string[] {
  const faults: string[] = [];
  let last = 0;
  for (const { id, firstZxid } of epochs) {
    if (!/^[0-9a-f]+$/.test(id)) faults.push(`epoch ${id}: is not named in hex digits`);
    if (firstZxid <= last || firstZxid > zxid + 1)
      faults.push(`epoch ${id}: zxid ${firstZxid} is out of order`);
    last = firstZxid;
  }
  if (epochs.count > epochsMax) faults.push(`${epochs.count} epochs are more than ${epochsMax}`);
  return faults;
}

function restoreFaults({ restored, zxid, epochs }: State): string[] {
  if (restored.id === "") return [];
  if (restored.zxid > zxid) return [`restored at zxid ${restored.zxid}, which is yet to come`];
  return epochs.idAt(restored.zxid) === restored.id ? [] : ["its restore began no epoch"];
}

/** Each list once, and only while znodes have it. */
function aclFaults({ acls, tree }: State): string[] {
  const uses = new Map<KeptAcl, number>();
  for (const { acl } of tree.values()) uses.set(acl, (uses.get(acl) ?? 0) + 1);
  const faults: string[] = [];
  const texts = new Set([textOfAcl(openAcl.entries)]);
  for (const acl of acls.values()) {
    const [said, count] = [acls.usesOf(acl.id), uses.get(acl) ?? 0];
    if (count === 0 || said !== count)
      faults.push(`list ${acl.id}: ${count} znodes have it, said to be ${said}`);
    if (texts.has(textOfAcl(acl.entries))) faults.push(`list ${acl.id}: is there twice`);
    texts.add(textOfAcl(acl.entries));
    if (!isSoundAcl(acl.entries)) faults.push(`list ${acl.id}: is not sound`);
    uses.delete(acl);
  }
  uses.delete(openAcl);
  return [...faults, ...[...uses.keys()].map(({ id }) => `list ${id}: is none of those that are kept`)];
}

function quotaFaults(quota: Quota, state: State): string[] {
  const { path, count, bytes } = quota;
  if (path === rootPath || state.tree.get(path) === undefined) return ["is on no znode that can have one"];
  const faults: string[] = [];
  if (state.quotas.governing(parentPath(path)) !== undefined) faults.push("stands below another");
  const usage = state.tree.usageOf(path);
  if (usage.count !== count) faults.push(`counts ${count} znodes of ${usage.count}`);
  if (usage.bytes !== bytes) faults.push(`counts ${bytes} bytes of ${usage.bytes}`);
  return faults;
}
