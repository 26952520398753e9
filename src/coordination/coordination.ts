// Locks, elections and barriers as they are lived: who waits for them, who listens to them, and when a delay is over.
// Who holds is in the tree and is decided there; nothing here may change it but by a command.

import { type Claim, claimOf } from "../core/coordination/claim-queue.ts";
import { queuePathFor } from "../core/coordination/claims.ts";
import { KeeperError } from "../core/errors.ts";
import type { Txn } from "../core/txn.ts";
import type { Applied, Store } from "../store/store.ts";
import { BarrierWaits } from "./barrier-waits.ts";
import { LockDelays } from "./lock-delays.ts";
import { type Wait, Waiting } from "./waiting.ts";

export interface CoordinationLimits {
  /** Requests that wait at once; as many streams of holders may be open. */
  readonly claimWaitersMax: number;
}

/** Where a claim stands. */
export interface Place {
  readonly claim: Claim;
  readonly isHeld: boolean;
  /** Among those who wait, 1 is next; 0 for one who holds. */
  readonly position: number;
}

export class Coordination {
  readonly #store: Store;
  readonly #limits: CoordinationLimits;
  /** Who waits at barriers. */
  readonly barriers: BarrierWaits;
  readonly #waiting = new Waiting();
  readonly #delays: LockDelays;
  readonly #listeners = new Map<string, Set<() => void>>();
  #listenerCount = 0;
  #waiterCount = 0;
  /**
   * The places that requests have made and their sessions were not told of yet, as `path@czxid`. Whoever of the session
   * waits for one last tells of it, or gives it up; who looks for anybody else changes nothing.
   */
  readonly untold = new Set<string>();
  readonly #unsubscribe: () => void;

  /** @param store as the whole log has it */
  constructor(store: Store, limits: CoordinationLimits) {
    this.#store = store;
    this.#limits = limits;
    this.barriers = new BarrierWaits(store);
    this.#delays = new LockDelays(store);
    this.#unsubscribe = store.onApplied((applied) => this.#follow(applied));
  }

  /** Undefined when there is no such claim. @param path of the lock or election */
  place(path: string, id: string): Place | undefined {
    const queue = this.#store.state.claims.queue(path);
    const claim = queue?.get(id);
    if (queue === undefined || claim === undefined) return undefined;
    return { claim, isHeld: queue.isHeld(claim), position: Math.max(0, queue.positionOf(claim)) };
  }

  /** Waits until the claim holds or is gone. @param isOwner whether for the claim's own session */
  wait(path: string, claim: Claim, isOwner: boolean): Wait {
    return this.#waiting.wait(path, claim, isOwner);
  }

  /** Whether a request of the claim's own session waits for it. */
  isWaitedFor(path: string, claim: Claim): boolean {
    return this.#waiting.isWaitedFor(path, claim);
  }

  /**
   * Lets in one more request that may wait: before it does anything, since who is refused must have done nothing.
   * Returns what ends it, once.
   * @throws KeeperError `throttled` when too many wait
   */
  admitWaiter(): () => void {
    if (this.#waiterCount >= this.#limits.claimWaitersMax) throw this.#tooMany("waiting requests");
    this.#waiterCount += 1;
    let isIn = true;
    return () => {
      if (isIn) this.#waiterCount -= 1;
      isIn = false;
    };
  }

  /**
   * Calls back after each change that may have moved who holds. Returns what ends it.
   * @throws KeeperError `throttled` when too many listen
   */
  observe(path: string, listener: () => void): () => void {
    if (this.#listenerCount >= this.#limits.claimWaitersMax) throw this.#tooMany("streams of holders");
    const listeners = this.#listeners.get(path) ?? new Set();
    this.#listeners.set(path, listeners.add(listener));
    this.#listenerCount += 1;
    return () => {
      if (!listeners.delete(listener)) return;
      this.#listenerCount -= 1;
      if (listeners.size === 0) this.#listeners.delete(path);
    };
  }

  #tooMany(what: string): KeeperError {
    const { claimWaitersMax } = this.#limits;
    return new KeeperError("throttled", `The server has ${claimWaitersMax} ${what} and takes no more now.`, {
      limit: "claimWaitersMax",
      limitValue: claimWaitersMax,
      retryAfterSeconds: 5,
    });
  }

  #follow(applied: readonly Applied[]): void {
    const touched = new Set<string>();
    for (const { txn } of applied) this.#collect(txn, touched);
    for (const path of touched) {
      const queue = this.#store.state.claims.queue(path);
      this.#waiting.settle(path, queue);
      this.#delays.follow(path, queue);
      for (const listener of this.#listeners.get(path) ?? []) listener();
    }
  }

  #collect({ changes }: Txn, touched: Set<string>): void {
    for (const change of changes) {
      if (!("znode" in change) || change.type === "childrenChanged") continue;
      if (change.type === "deleted") this.untold.delete(`${change.znode.path}@${change.znode.czxid}`);
      const queuePath = queuePathFor(change.znode.path);
      if (queuePath === null) continue;
      touched.add(queuePath);
      const gone = change.type === "deleted" ? claimOf(change.znode) : null;
      if (gone !== null) this.#waiting.gone(queuePath, gone);
    }
  }

  /** Every wait ends; the claims keep their places, for the next start. */
  stop(): void {
    this.#unsubscribe();
    this.#delays.stop();
    this.barriers.stop();
    this.#waiting.stop();
  }
}
