// Between a log and etcd in memory: what is asked is passed on, unless a test has something else in mind.

import type {
  EtcdCalls,
  RangeAnswer,
  Txn,
  TxnAnswer,
  WatchAnswer,
  WatchFrom,
} from "../../src/store/etcd/etcd-calls.ts";
import type { EtcdInMemory } from "../metrics/etcd-in-memory.ts";

export class Between implements EtcdCalls {
  /** What is answered instead; null where it passes. */
  instead: (txn: Txn) => TxnAnswer | null = () => null;
  /** The same for what is read alone. */
  insteadOfRange: () => RangeAnswer | null = () => null;
  /** What is said of an answer that is on its way back. */
  onAnswer: (txn: Txn) => void = () => {};
  /** The same, of what was removed. */
  onRemoved: () => void = () => {};
  /** Ends the watch there is. */
  endWatch: () => void = () => {};
  /** Watches that began. */
  watches = 0;
  readonly #etcd: EtcdInMemory;

  constructor(etcd: EtcdInMemory) {
    this.#etcd = etcd;
  }

  async range(...args: Parameters<EtcdCalls["range"]>) {
    return this.insteadOfRange() ?? (await this.#etcd.range(...args));
  }

  async txn(txn: Txn): Promise<TxnAnswer> {
    const answer = this.instead(txn) ?? (await this.#etcd.txn(txn));
    this.onAnswer(txn);
    return answer;
  }

  async remove(key: Uint8Array) {
    const removed = await this.#etcd.remove(key);
    this.onRemoved();
    return removed;
  }

  compact() {
    return this.#etcd.compact();
  }

  isFull() {
    return this.#etcd.isFull();
  }

  status() {
    return this.#etcd.status();
  }

  async *watch(_: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    this.watches += 1;
    await new Promise<void>((resolve) => {
      this.endWatch = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
