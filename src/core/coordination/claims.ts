// The queue of every lock and election, of the whole tree and of each namespace, kept up to date as the tree changes. It
// holds nothing the tree does not say: it can be made anew from the znodes at any time, once the namespaces are known,
// in any order that has parents before children.

import type { Namespaces } from "../access/namespaces.ts";
import { baseName, parentPath } from "../tree/path.ts";
import type { Znode } from "../tree/znode.ts";
import { ClaimQueue, claimOf, type QueueKind } from "./claim-queue.ts";
import { parseLockSettings } from "./lock-settings.ts";
import { electionsPath, locksPath } from "./parts.ts";

export function lockPath(name: string): string {
  return `${locksPath}/${name}`;
}

export function electionPath(name: string): string {
  return `${electionsPath}/${name}`;
}

export class Claims {
  readonly #queues = new Map<string, ClaimQueue>();
  readonly #namespaces: Namespaces;
  readonly #counts = { lock: 0, election: 0 };

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  /** Undefined where there is no znode for the lock or election: nobody claims it. */
  queue(path: string): ClaimQueue | undefined {
    return this.#queues.get(path);
  }

  /** The queue the znode stands in; undefined for one that is no claim. */
  queueOf(path: string): ClaimQueue | undefined {
    const queue = this.#queues.get(parentPath(path));
    return queue?.get(baseName(path)) === undefined ? undefined : queue;
  }

  /** How many there are of each kind, with and without claims. */
  get counts(): Readonly<Record<QueueKind, number>> {
    return this.#counts;
  }

  /** Every queue, in no order that may matter. */
  queues(): Iterable<ClaimQueue> {
    return this.#queues.values();
  }

  added(znode: Znode): void {
    const kept = this.#namespaces.keptPath(znode.path);
    if (kept === undefined) return;
    if (isQueuePath(kept)) {
      const kind = isLockPath(kept) ? "lock" : "election";
      this.#queues.set(znode.path, new ClaimQueue(znode.path, kind));
      this.#counts[kind] += 1;
      this.changed(znode);
      return;
    }
    const claim = claimOf(znode);
    if (claim !== null) this.#queues.get(parentPath(znode.path))?.add(claim);
  }

  changed(znode: Znode): void {
    const queue = this.#queues.get(znode.path);
    // An election has no settings: whatever its znode holds, one leads.
    if (queue?.kind === "lock") queue.settings = parseLockSettings(znode.data);
  }

  removed({ path }: Znode): void {
    if (!this.#namespaces.keeps(path) || this.#removeQueue(path)) return;
    const queue = this.#queues.get(parentPath(path));
    const claim = queue?.get(baseName(path));
    if (claim !== undefined) queue?.remove(claim);
  }

  #removeQueue(path: string): boolean {
    const queue = this.#queues.get(path);
    if (queue === undefined) return false;
    this.#counts[queue.kind] -= 1;
    return this.#queues.delete(path);
  }
}

/** The lock or election whose claims or settings a change at the path may move; null for every other path. */
export function queuePathFor(namespaces: Pick<Namespaces, "keptPath">, path: string): string | null {
  const kept = namespaces.keptPath(path);
  if (kept === undefined) return null;
  if (isQueuePath(kept)) return path;
  return isInQueue(kept) ? parentPath(path) : null;
}

/** Whether a znode there would stand in the queue of a lock or election, if it had a number. @param path as recipes name it */
export function isInQueue(path: string): boolean {
  return isQueuePath(parentPath(path));
}

/** Whether a lock or an election is, or would be, at the path. @param path as recipes name it */
export function isQueuePath(path: string): boolean {
  const parent = parentPath(path);
  return parent === locksPath || parent === electionsPath;
}

/** Whether a lock is, or would be, at the path. @param path as recipes name it */
export function isLockPath(path: string): boolean {
  return parentPath(path) === locksPath;
}
