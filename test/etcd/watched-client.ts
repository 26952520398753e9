// etcd as a test looks at what is asked of it, and breaks off where it wants.

import type { EtcdCalls, Txn, TxnAnswer } from "../../src/store/etcd/etcd-calls.ts";

export class KilledError extends Error {}

export class WatchedClient implements EtcdCalls {
  readonly #client: EtcdCalls;
  /** Before each call. */
  beforeCall: () => void | Promise<void> = () => {};
  beforeTxn: (txn: Txn) => void | Promise<void> = () => {};
  /** Instead of the answer of a transaction. */
  onTxn: (txn: Txn, answer: TxnAnswer) => TxnAnswer = (_, answer) => answer;
  calls = 0;

  constructor(client: EtcdCalls) {
    this.#client = client;
  }

  /** One whose process ends at its call of this number. */
  static endingAt(call: number, client: EtcdCalls): WatchedClient {
    const watched = new WatchedClient(client);
    watched.beforeCall = () => {
      if (watched.calls >= call) throw new KilledError("killed");
    };
    return watched;
  }

  range(...args: Parameters<EtcdCalls["range"]>) {
    return this.#noted(() => this.#client.range(...args));
  }

  txn(txn: Txn) {
    return this.#noted(async () => {
      await this.beforeTxn(txn);
      return this.onTxn(txn, await this.#client.txn(txn));
    });
  }

  remove(...args: Parameters<EtcdCalls["remove"]>) {
    return this.#noted(() => this.#client.remove(...args));
  }

  compact(revision: bigint) {
    return this.#noted(() => this.#client.compact(revision));
  }

  isFull() {
    return this.#client.isFull();
  }

  status() {
    return this.#client.status();
  }

  watch(...args: Parameters<EtcdCalls["watch"]>) {
    return this.#client.watch(...args);
  }

  async #noted<T>(ask: () => Promise<T>): Promise<T> {
    this.calls += 1;
    await this.beforeCall();
    return await ask();
  }
}
