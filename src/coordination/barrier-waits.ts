// Who waits at barriers: to enter until the barrier opens, to leave until everybody has left. Exactly those are answered
// who waited for what happened. It is told from the changes in their order, not from what is there after them: a
// barrier may fill and empty before anybody looks.

import { barrierAt, isBarrierPath, readyPath } from "../core/coordination/barriers.ts";
import { parentPath } from "../core/tree/path.ts";
import type { Change } from "../core/txn.ts";
import type { Applied, Store } from "../store/store.ts";
import { WaitGroups } from "./wait-groups.ts";

/** How a wait to enter ends; `stopping` says nothing of the participant, which stays in. */
export type EnterEnd = "open" | "gone" | "stopping";
export type LeaveEnd = "over" | "stopping";

export interface BarrierWait<End> {
  readonly end: Promise<End>;
  /** Waits no longer. Says whether nobody else waited for the same. */
  leave(): boolean;
}

export class BarrierWaits {
  readonly #store: Store;
  /** By barrier and participant. */
  readonly #entering = new WaitGroups<EnterEnd>();
  /** By barrier and round. */
  readonly #leaving = new WaitGroups<LeaveEnd>();
  readonly #unsubscribe: () => void;

  constructor(store: Store) {
    this.#store = store;
    this.#unsubscribe = store.onApplied((applied) => this.#follow(applied));
  }

  /** Requests that wait now. */
  get count(): number {
    return this.#entering.count + this.#leaving.count;
  }

  /** Waits until the barrier opens with the participant in. */
  untilOpen(participantPath: string): BarrierWait<EnterEnd> {
    return this.#entering.wait(parentPath(participantPath), participantPath);
  }

  /** Whether a request waits for that already. */
  isEntering(participantPath: string): boolean {
    return this.#entering.has(parentPath(participantPath), participantPath);
  }

  /** Waits until all have left the round. */
  untilOver(barrierPath: string, round: number): BarrierWait<LeaveEnd> {
    return this.#leaving.wait(barrierPath, String(round));
  }

  #follow(applied: readonly Applied[]): void {
    const touched = new Set<string>();
    for (const { txn } of applied) {
      for (const change of txn.changes) this.#see(change, touched);
    }
    for (const path of touched) this.#endRounds(path);
  }

  #see(change: Change, touched: Set<string>): void {
    if (change.type !== "created" && change.type !== "deleted") return;
    const { path } = change.znode;
    const barrier = parentPath(path);
    if (!isBarrierPath(barrier)) return;
    touched.add(barrier);
    const isMark = path === readyPath(barrier);
    if (change.type === "created" && isMark) this.#entering.answerAll(barrier, "open");
    if (change.type === "deleted" && !isMark) this.#entering.answer(barrier, path, "gone");
  }

  /** A mark that was made anew is of another round: whatever came in between, the one waited for is over. */
  #endRounds(path: string): void {
    const waitedFor = this.#leaving.keys(path);
    if (waitedFor.length === 0) return;
    const round = String(barrierAt(this.#store.state.tree, path).round);
    for (const key of waitedFor) if (key !== round) this.#leaving.answer(path, key, "over");
  }

  /** Every wait ends; who is in stays in. */
  stop(): void {
    this.#unsubscribe();
    this.#entering.stop("stopping");
    this.#leaving.stop("stopping");
  }
}
