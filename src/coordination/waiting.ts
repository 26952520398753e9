// Who waits for a claim to hold. A request is answered when its own claim holds, or is gone, and is left alone by
// everything else: what a release costs is what it grants, however many stand in line.

import { type Claim, type ClaimQueue, keyOf } from "../core/claim-queue.ts";
import { SortedNames } from "../core/sorted-names.ts";

/** How a wait ends: `stopping` says nothing of the claim, which keeps its place. */
export type WaitEnd = "held" | "gone" | "stopping";

export interface Wait {
  readonly end: Promise<WaitEnd>;
  /** Waits no longer. Says whether nobody else waited for the same claim. */
  leave(): boolean;
}

interface Waiter {
  readonly settle: (end: WaitEnd) => void;
  /** Known once it waits no longer. */
  wasAlone: boolean | null;
}

interface Line {
  /** The claims waited for, each as its `keyOf`. */
  readonly order: SortedNames;
  readonly waiters: Map<string, Set<Waiter>>;
}

export class Waiting {
  readonly #lines = new Map<string, Line>();
  #count = 0;

  /** Requests that wait now. */
  get count(): number {
    return this.#count;
  }

  /** @param path of the claim's lock or election */
  wait(path: string, claim: Claim): Wait {
    const { promise: end, resolve } = Promise.withResolvers<WaitEnd>();
    const key = keyOf(claim);
    const waiter: Waiter = { settle: resolve, wasAlone: null };
    this.#add(path, key, waiter);
    return { end, leave: () => this.#leave(path, key, waiter) };
  }

  #add(path: string, key: string, waiter: Waiter): void {
    const line = this.#lines.get(path) ?? { order: new SortedNames(), waiters: new Map() };
    this.#lines.set(path, line);
    const waiters = line.waiters.get(key);
    if (waiters === undefined) {
      line.order.add(key);
      line.waiters.set(key, new Set([waiter]));
    } else waiters.add(waiter);
    this.#count += 1;
  }

  #leave(path: string, key: string, waiter: Waiter): boolean {
    if (waiter.wasAlone !== null) return waiter.wasAlone;
    const line = this.#lines.get(path) as Line;
    const waiters = line.waiters.get(key) as Set<Waiter>;
    waiter.wasAlone = waiters.size === 1;
    waiters.delete(waiter);
    this.#count -= 1;
    if (waiter.wasAlone) this.#dropClaim(path, line, key);
    return waiter.wasAlone;
  }

  #dropClaim(path: string, line: Line, key: string): void {
    line.order.delete(key);
    line.waiters.delete(key);
    if (line.order.size === 0) this.#lines.delete(path);
  }

  /** The claim is no more. */
  gone(path: string, claim: Claim): void {
    const key = keyOf(claim);
    const line = this.#lines.get(path);
    if (line?.waiters.has(key) === true) this.#answer(path, line, key, "gone");
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
    const waiters = line.waiters.get(key) as Set<Waiter>;
    this.#dropClaim(path, line, key);
    this.#count -= waiters.size;
    for (const waiter of waiters) {
      waiter.wasAlone = waiters.size === 1;
      waiter.settle(end);
    }
  }

  /** Ends every wait. */
  stop(): void {
    for (const [path, line] of this.#lines) {
      for (const key of line.waiters.keys()) this.#answer(path, line, key, "stopping");
    }
  }
}
