// Locks, elections and barriers as they are lived: who waits for them, and who listens to them.
// Who holds is in the tree and is decided there; nothing here may change it but by a command.

import { claimOf } from "../core/coordination/claim-queue.ts";
import { queuePathFor } from "../core/coordination/claims.ts";
import { KeeperError } from "../core/errors.ts";
import { type Reader, systemContext } from "../core/reader.ts";
import type { Change } from "../core/txn.ts";
import type { Applied } from "../store/replica.ts";
import type { Store } from "../store/store.ts";
import { BarrierPlaces } from "./barrier-places.ts";
import { QueuePlaces } from "./queue-places.ts";

export interface CoordinationLimits {
  /** Requests that wait at once; as many streams of holders may be open. */
  readonly claimWaitersMax: number;
}

/** Who waits, and who listens. */
export interface CoordinationStats {
  /** Requests that were let in to wait, and how many may be. */
  readonly waiters: number;
  readonly waitersMax: number;
  /** Of these, those that wait now for a lock, an election, a barrier. */
  readonly lockWaiters: number;
  readonly electionWaiters: number;
  readonly barrierWaiters: number;
  /** Streams of holders. */
  readonly listeners: number;
}

export class Coordination {
  /** Places in the queues of locks and elections. */
  readonly queues: QueuePlaces;
  readonly barriers: BarrierPlaces;
  readonly #reader: Reader;
  readonly #limits: CoordinationLimits;
  readonly #listeners = new Map<string, Set<() => void>>();
  #listenerCount = 0;
  #waiterCount = 0;
  readonly #unsubscribe: () => void;

  /** @param store as the whole log has it */
  constructor(store: Store, limits: CoordinationLimits) {
    this.#reader = store.reader(systemContext);
    this.#limits = limits;
    this.queues = new QueuePlaces(store);
    this.barriers = new BarrierPlaces(store);
    this.#unsubscribe = store.onApplied((applied) => this.#follow(applied));
  }

  /** It looks at each that waits, of which there are no more than `claimWaitersMax`. */
  stats(): CoordinationStats {
    const { locks: lockWaiters, elections: electionWaiters } = this.queues.waiters();
    return {
      ...{
        waiters: this.#waiterCount,
        waitersMax: this.#limits.claimWaitersMax,
        lockWaiters,
        electionWaiters,
      },
      ...{ barrierWaiters: this.barriers.waiters(), listeners: this.#listenerCount },
    };
  }

  /**
   * Lets in one more request that may wait. Returns what ends it, once.
   * @throws KeeperError `throttled` when too many wait
   */
  readonly admitWaiter = (): (() => void) => {
    if (this.#waiterCount >= this.#limits.claimWaitersMax) throw this.#tooMany("waiting requests");
    this.#waiterCount += 1;
    let isIn = true;
    return () => {
      if (isIn) this.#waiterCount -= 1;
      isIn = false;
    };
  };

  /**
   * Calls back after each change that may have moved who holds. Returns what ends it.
   * @param path of the lock or election in the whole tree
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
    for (const { txn } of applied) {
      for (const change of txn.changes) this.#see(change, touched);
    }
    for (const path of touched) {
      const queue = this.#reader.queue(path);
      this.queues.settle(path, queue);
      for (const listener of this.#listeners.get(path) ?? []) listener();
    }
    this.barriers.follow(applied);
  }

  #see(change: Change, touched: Set<string>): void {
    if (change.type !== "created" && change.type !== "changed" && change.type !== "deleted") return;
    const queuePath = queuePathFor(this.#reader.access.namespaces, change.znode.path);
    if (queuePath === null) return;
    touched.add(queuePath);
    const gone = change.type === "deleted" ? claimOf(change.znode) : null;
    if (gone !== null) this.queues.gone(queuePath, gone);
  }

  /** Every wait ends; whoever waited keeps its place, for the next start. */
  stop(): void {
    this.#unsubscribe();
    this.barriers.stop();
    this.queues.stop();
  }
}
