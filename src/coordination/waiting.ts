// Who waits for a claim to hold. A request is answered when its own claim holds, or is gone, and is left alone by
// everything else: what a release costs is what it grants, however many stand in line.

import { type Claim, type ClaimQueue, keyOf } from "../core/coordination/claim-queue.ts";
import { SortedNames } from "../core/tree/sorted-names.ts";

/** How a wait ends: `stopping` says nothing of the claim, which keeps its place. */
export type WaitEnd = "held" | "gone" | "stopping";

export interface Wait {
  readonly end: Promise<WaitEnd>;
  /** Waits no longer. Says whether its owner waited for the claim in no other request. */
  leave(): boolean;
}

interface Waiter {
  readonly settle: (end: WaitEnd) => void;
  /** Whether it acts for the claim's own session: whoever else looks keeps no place and gives none up. */
  readonly isOwner: boolean;
  /** Known once it waits no longer. */
  wasAlone: boolean | null;
}

/** Those who wait for one claim. */
class Group {
  readonly waiters = new Set<Waiter>();
  #ownerCount = 0;

  add(waiter: Waiter): void {
    this.waiters.add(waiter);
    if (waiter.isOwner) this.#ownerCount += 1;
  }

  delete(waiter: Waiter): void {
    this.waiters.delete(waiter);
    if (waiter.isOwner) this.#ownerCount -= 1;
  }

  get hasOwner(): boolean {
    return this.#ownerCount > 0;
  }

  isAlone({ isOwner }: Waiter): boolean {
    return this.#ownerCount === (isOwner ? 1 : 0);
  }
}

interface Line {
  /** The claims waited for, each as its `keyOf`. */
  readonly order: SortedNames;
  readonly groups: Map<string, Group>;
}

export class Waiting {
  readonly #lines = new Map<string, Line>();
  #count = 0;

  /** Requests that wait now. */
  get count(): number {
    return this.#count;
  }

  /** @param path of the claim's lock or election */
  wait(path: string, claim: Claim, isOwner: boolean): Wait {
    const { promise: end, resolve } = Promise.withResolvers<WaitEnd>();
    const key = keyOf(claim);
    const waiter: Waiter = { settle: resolve, isOwner, wasAlone: null };
    this.#add(path, key, waiter);
    return { end, leave: () => this.#leave(path, key, waiter) };
  }

  /** Whether a request of the claim's own session waits for it. */
  isWaitedFor(path: string, claim: Claim): boolean {
    return this.#lines.get(path)?.groups.get(keyOf(claim))?.hasOwner === true;
  }

  #add(path: string, key: string, waiter: Waiter): void {
    const line = this.#lines.get(path) ?? { order: new SortedNames(), groups: new Map() };
    this.#lines.set(path, line);
    const group = line.groups.get(key) ?? new Group();
    if (group.waiters.size === 0) {
      line.order.add(key);
      line.groups.set(key, group);
    }
    group.add(waiter);
    this.#count += 1;
  }

  #leave(path: string, key: string, waiter: Waiter): boolean {
    if (waiter.wasAlone !== null) return waiter.wasAlone;
    const line = this.#lines.get(path) as Line;
    const group = line.groups.get(key) as Group;
    waiter.wasAlone = group.isAlone(waiter);
    group.delete(waiter);
    this.#count -= 1;
    if (group.waiters.size === 0) this.#dropClaim(path, line, key);
    return waiter.wasAlone;
  }

  #dropClaim(path: string, line: Line, key: string): void {
    line.order.delete(key);
    line.groups.delete(key);
    if (line.order.size === 0) this.#lines.delete(path);
  }

  /** The claim is no more. */
  gone(path: string, claim: Claim): void {
    const key = keyOf(claim);
    const line = this.#lines.get(path);
    if (line?.groups.has(key) === true) this.#answer(path, line, key, "gone");
  }

  /** The queue has changed: answers those who hold now, first come first. */
  settle(path: string, queue: ClaimQueue | undefined): void {
    const line = this.#lines.get(path);
    if (line === undefined || queue === undefined) return;
    for (let [key] = line.order; key !== undefined; [key] = line.order) {
      const claim = queue.withKey(key);
      if (claim === undefined || !queue.isHeld(claim)) return;
      this.#answer(path, line, key, "held");
    }
  }

  #answer(path: string, line: Line, key: string, end: WaitEnd): void {
    const group = line.groups.get(key) as Group;
    this.#dropClaim(path, line, key);
    this.#count -= group.waiters.size;
    for (const waiter of group.waiters) {
      waiter.wasAlone = group.isAlone(waiter);
      waiter.settle(end);
    }
  }

  /** Ends every wait. */
  stop(): void {
    for (const [path, line] of this.#lines) {
      for (const key of line.groups.keys()) this.#answer(path, line, key, "stopping");
    }
  }
}
