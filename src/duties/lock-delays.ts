// Ends lock delays when they are due. That a lock is delayed is in the tree; that the time is up is said by a command,
// so that who holds never depends on a clock. Asking twice, or late, does no harm. A delay is measured from when it is
// heard of, by a clock that nobody can set: after a restart, or at another server, it runs anew, in full.

import type { ReadonlyClaimQueue } from "../core/coordination/claim-queue.ts";
import { isLockPath } from "../core/coordination/claims.ts";
import { KeeperError } from "../core/errors.ts";
import { systemContext } from "../core/reader.ts";
import { baseName, parentPath, rootPath } from "../core/tree/path.ts";
import type { Applied } from "../store/replica.ts";
import type { Store } from "../store/store.ts";
import type { Duty } from "./duty.ts";

interface Timer {
  /** Names the delay. */
  readonly untilMs: number;
  readonly lockDelayMs: number;
  readonly begunMs: number;
  cancel: () => void;
}

/** An end the store refused is asked for again after this long. */
const retryMs = 1000;

export class LockDelays implements Duty {
  readonly #store: Store;
  readonly #timers = new Map<string, Timer>();
  #unsubscribe: (() => void) | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  start(): void {
    this.#unsubscribe = this.#store.onApplied((applied) => this.#hear(applied));
    for (const queue of this.#store.reader(systemContext).queues()) this.#follow(queue.path, queue);
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  /** Delays that run. */
  stats(): { readonly delays: number } {
    return { delays: this.#timers.size };
  }

  /** A delay is part of the lock's own znode. */
  #hear(applied: readonly Applied[]): void {
    for (const { txn } of applied) {
      for (const change of txn.changes) {
        if (!("znode" in change) || change.type === "childrenChanged") continue;
        const { path } = change.znode;
        if (!this.#store.access.namespaces.keeps(path, isLockPath)) continue;
        this.#follow(path, this.#store.reader(systemContext).queue(path));
      }
    }
  }

  /** The lock at the path may have gained, changed or lost its delay. */
  #follow(path: string, queue: ReadonlyClaimQueue | undefined): void {
    const timer = this.#timers.get(path);
    const { delay, lockDelayMs } = queue?.settings ?? { delay: null, lockDelayMs: 0 };
    if (timer?.untilMs === delay?.untilMs && timer?.lockDelayMs === lockDelayMs) return;
    timer?.cancel();
    this.#timers.delete(path);
    if (delay === null) return;
    const { untilMs } = delay;
    // Another length moves the end of a delay, not its beginning.
    const begunMs = timer?.untilMs === untilMs ? timer.begunMs : this.#store.clock.monotonicMs();
    this.#begin(path, { untilMs, lockDelayMs, begunMs });
  }

  #begin(path: string, begun: Omit<Timer, "cancel">): void {
    const { untilMs, lockDelayMs, begunMs } = begun;
    const timer: Timer = { ...begun, cancel: () => {} };
    this.#timers.set(path, timer);
    const wait = (ms: number) => {
      timer.cancel = this.#store.clock.setTimer(ms, () => void this.#end(path, untilMs, () => wait(retryMs)));
    };
    wait(Math.max(0, begunMs + lockDelayMs - this.#store.clock.monotonicMs()));
  }

  async #end(path: string, delayUntilMs: number, retry: () => void): Promise<void> {
    try {
      await this.#store.submit({ type: "endLockDelay", ...addressOf(path), delayUntilMs });
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      if (error.code !== "stopping" && this.#timers.get(path)?.untilMs === delayUntilMs) retry();
    }
  }
}

/** How a lock is named, and in which namespace: it is a child of the locks that stand at its top. */
function addressOf(path: string) {
  const root = parentPath(parentPath(path));
  return { name: baseName(path), ...(root !== rootPath && { root }) };
}
