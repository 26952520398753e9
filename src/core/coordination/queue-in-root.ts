// A queue as it is shown to somebody who is confined to a part of the tree: its paths are those that they name.

import { inRoot } from "../access/root-paths.ts";
import { rootPath } from "../tree/path.ts";
import type { Claim, ClaimMode, ReadonlyClaimQueue } from "./claim-queue.ts";

/** The queue itself to whoever is not confined. Undefined where there is none, or none that they can name. */
export function queueShown(
  queue: ReadonlyClaimQueue | undefined,
  root: string,
): ReadonlyClaimQueue | undefined {
  if (queue === undefined || root === rootPath) return queue;
  const path = inRoot(root, queue.path);
  return path === undefined ? undefined : new QueueInRoot(queue, path);
}

class QueueInRoot implements ReadonlyClaimQueue {
  readonly path: string;
  readonly #queue: ReadonlyClaimQueue;

  constructor(queue: ReadonlyClaimQueue, path: string) {
    this.#queue = queue;
    this.path = path;
  }

  get kind() {
    return this.#queue.kind;
  }

  get settings() {
    return this.#queue.settings;
  }

  get size(): number {
    return this.#queue.size;
  }

  get heldCount(): number {
    return this.#queue.heldCount;
  }

  get waitingCount(): number {
    return this.#queue.waitingCount;
  }

  wouldHold(mode: ClaimMode, rules = this.settings): boolean {
    return this.#queue.wouldHold(mode, rules);
  }

  get(id: string): Claim | undefined {
    return this.#shown(this.#queue.get(id));
  }

  withKey(key: string): Claim | undefined {
    return this.#shown(this.#queue.withKey(key));
  }

  isHeld(claim: Claim): boolean {
    return this.#queue.isHeld(claim);
  }

  positionOf(claim: Claim): number {
    return this.#queue.positionOf(claim);
  }

  holders(limit?: number): Claim[] {
    return this.#queue.holders(limit).map((claim) => this.#shown(claim));
  }

  *[Symbol.iterator](): Generator<Claim> {
    for (const claim of this.#queue) yield this.#shown(claim);
  }

  #shown<C extends Claim | undefined>(claim: C): C {
    return claim && { ...claim, path: `${this.path}/${claim.id}` };
  }
}
