// Double barriers: who is in one, and whether it is open. The whole truth is the tree. A participant is a child of the
// barrier's znode, and the child `ready` is the mark that the barrier has been full: it outlives whoever leaves at once,
// so that nobody who was in misses the opening. A round ends when the last participant has gone.

import { joinPath, parentPath } from "../tree/path.ts";
import type { Znode } from "../tree/znode.ts";
import { barriersPath } from "./parts.ts";

/** The mark's name is that of ZooKeeper's recipe, whose clients wait for it. */
export const readyName = "ready";

export interface Barrier {
  readonly path: string;
  /** How many must be in for it to open; null where that is not said. */
  readonly count: number | null;
  /** Children but the mark, whoever made them. */
  readonly participantCount: number;
  /** The open round, as the czxid of its mark; null while the barrier fills. */
  readonly round: number | null;
}

export function barrierPath(name: string): string {
  return joinPath(barriersPath, name);
}

/** Whether a barrier is, or would be, at the path. @param path as recipes name it */
export function isBarrierPath(path: string): boolean {
  return path.startsWith(barriersPath) && parentPath(path) === barriersPath;
}

/** Whether a znode there is a participant or a mark, or below one. @param path as recipes name it */
export function isInBarrier(path: string): boolean {
  return path.startsWith(`${barriersPath}/`) && !isBarrierPath(path);
}

export function readyPath(barrier: string): string {
  return joinPath(barrier, readyName);
}

/** A mark that is left with nobody in is of a round that is over. @param tree the state's, or a draft's */
export function barrierAt(tree: { get(path: string): Znode | undefined }, path: string): Barrier {
  const znode = tree.get(path);
  if (znode === undefined) return { path, count: null, participantCount: 0, round: null };
  const mark = tree.get(readyPath(path));
  const participantCount = znode.numChildren - (mark === undefined ? 0 : 1);
  const round = mark === undefined || participantCount === 0 ? null : mark.czxid;
  return { path, count: countIn(znode.data), participantCount, round };
}

/** Longer data was not written by a barrier. */
const countBytesMax = 1024;

/** What cannot be read counts as not said. */
function countIn(data: Uint8Array): number | null {
  if (data.byteLength === 0 || data.byteLength > countBytesMax) return null;
  try {
    const { count } = Object(JSON.parse(new TextDecoder().decode(data)));
    return Number.isSafeInteger(count) && count >= 1 ? count : null;
  } catch {
    return null;
  }
}

export function formatCount(count: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ count }));
}
