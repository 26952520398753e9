// The queue of every lock and election, kept up to date as the tree changes. It holds nothing the tree does not say:
// it can be made anew from the znodes at any time, in any order that has parents before children.

import { baseName, parentPath } from "../tree/path.ts";
import type { Znode } from "../tree/znode.ts";
import { ClaimQueue, claimOf } from "./claim-queue.ts";
import { parseLockSettings } from "./lock-settings.ts";

export const locksPath = "/locks";
export const electionsPath = "/elections";

export function lockPath(name: string): string {
  return `${locksPath}/${name}`;
}

export function electionPath(name: string): string {
  return `${electionsPath}/${name}`;
}

export class Claims {
  readonly #queues = new Map<string, ClaimQueue>();

  /** Undefined where there is no znode for the lock or election: nobody claims it. */
  queue(path: string): ClaimQueue | undefined {
    return this.#queues.get(path);
  }

  /** The queue the znode stands in; undefined for one that is no claim. */
  queueOf(path: string): ClaimQueue | undefined {
    const queue = this.#queues.get(parentPath(path));
    return queue?.get(baseName(path)) === undefined ? undefined : queue;
  }

  /** Every queue, in no order that may matter. */
  queues(): Iterable<ClaimQueue> {
    return this.#queues.values();
  }

  added(znode: Znode): void {
    if (!isBelowRoots(znode.path)) return;
    if (isQueuePath(znode.path)) {
      this.#queues.set(znode.path, new ClaimQueue(znode.path));
      this.changed(znode);
      return;
    }
    const claim = claimOf(znode);
    if (claim !== null) this.#queues.get(parentPath(znode.path))?.add(claim);
  }

  changed(znode: Znode): void {
    if (!isLockPath(znode.path)) return;
    const queue = this.#queues.get(znode.path) as ClaimQueue;
    queue.settings = parseLockSettings(znode.data);
  }

  removed({ path }: Znode): void {
    if (!isBelowRoots(path) || this.#queues.delete(path)) return;
    const queue = this.#queues.get(parentPath(path));
    const claim = queue?.get(baseName(path));
    if (claim !== undefined) queue?.remove(claim);
  }
}

/** Of a lock or an election. */
export function isElectionPath(path: string): boolean {
  return parentPath(path) === electionsPath;
}

/** The lock or election whose claims or settings a change at the path may move; null for every other path. */
export function queuePathFor(path: string): string | null {
  if (!isBelowRoots(path)) return null;
  if (isQueuePath(path)) return path;
  const parent = parentPath(path);
  return isQueuePath(parent) ? parent : null;
}

/** Whether a znode there would stand in the queue of a lock or election, if it had a number. */
export function isInQueue(path: string): boolean {
  return isBelowRoots(path) && isQueuePath(parentPath(path));
}

function isBelowRoots(path: string): boolean {
  return path.startsWith(`${locksPath}/`) || path.startsWith(`${electionsPath}/`);
}

function isQueuePath(path: string): boolean {
  const parent = parentPath(path);
  return parent === locksPath || parent === electionsPath;
}

/** An election has no settings: whatever its znode holds, one leads. */
/** Whether a lock is, or would be, at the path. */
export function isLockPath(path: string): boolean {
  return parentPath(path) === locksPath;
}
