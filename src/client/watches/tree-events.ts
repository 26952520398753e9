// From events to a tree, and back from two trees to the events that lie between them. Pure; it keeps nothing.

import { parentPath, rootPath } from "../../core/tree/path.ts";
import type { Tree } from "../../core/tree/tree.ts";
import type { WatchedZnode, ZnodeEvent } from "./messages.ts";

/**
 * Does to the tree what one transaction did to the server's.
 * @throws Error when the events do not fit: the tree then was not what the server had before them
 */
export function applyEvents(tree: Tree<WatchedZnode>, zxid: number, events: readonly ZnodeEvent[]): void {
  for (const { type, ...znode } of events) {
    const isThere = tree.get(znode.path) !== undefined;
    if (isThere !== (type !== "created")) throw new Error(`${znode.path} cannot be ${type} in this copy`);
    if (type === "changed") tree.replace(znode);
    else {
      if (type === "created") tree.add(znode);
      else tree.remove(znode.path);
      countChild(tree, znode.path, { zxid, difference: type === "created" ? 1 : -1 });
    }
  }
}

interface ChildChange {
  readonly zxid: number;
  readonly difference: 1 | -1;
}

/** A parent's stat moves with its children (S3, S7), and no event says so. */
function countChild(tree: Tree<WatchedZnode>, path: string, { zxid, difference }: ChildChange): void {
  const parent = tree.get(parentPath(path));
  if (parent === undefined || path === rootPath) return;
  const { cversion, numChildren } = parent.stat;
  const counted = { pzxid: zxid, cversion: cversion + 1, numChildren: numChildren + difference };
  tree.replace({ ...parent, stat: { ...parent.stat, ...counted } });
}

/** What would turn one into the other: deletions first, children before parents; then the rest in path order. */
export function differenceOf(before: Iterable<WatchedZnode>, after: Iterable<WatchedZnode>): ZnodeEvent[] {
  const old = new Map<string, WatchedZnode>();
  for (const znode of before) old.set(znode.path, znode);
  const events: ZnodeEvent[] = [];
  for (const znode of after) {
    const previous = old.get(znode.path);
    if (previous === undefined || !isSameIncarnation(previous, znode)) {
      events.push({ type: "created", ...znode });
      continue;
    }
    old.delete(znode.path);
    if (isChanged(previous, znode)) events.push({ type: "changed", ...znode });
  }
  const deleted = [...old.values()]
    .reverse()
    .map(({ path, stat }) => ({ type: "deleted", path, stat }) as const);
  return [...deleted, ...events];
}

function isSameIncarnation(before: WatchedZnode, after: WatchedZnode): boolean {
  return before.stat.czxid === after.stat.czxid && before.stat.ephemeralOwner === after.stat.ephemeralOwner;
}

/** The data is compared as well: another store may have come to the same numbers by another way. */
function isChanged(before: WatchedZnode, after: WatchedZnode): boolean {
  if (before.stat.mzxid !== after.stat.mzxid || before.stat.version !== after.stat.version) return true;
  return before.data !== undefined && after.data !== undefined && !before.data.equals(after.data);
}
