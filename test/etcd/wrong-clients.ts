// Ways to be wrong about etcd: what the adapter asks or hears is changed so that it comes to what a worse adapter would do.
// The promises must not hold then.

import type { EtcdCalls, Txn, TxnAnswer, WatchAnswer, WatchFrom } from "../../src/store/etcd/etcd-calls.ts";
import { Keys, textOf } from "../../src/store/etcd/keys.ts";

/** All that is asked passes as it is, unless said otherwise. */
class PassingClient implements EtcdCalls {
  protected readonly client: EtcdCalls;
  protected readonly keys: Keys;

  constructor(client: EtcdCalls, prefix: string) {
    this.client = client;
    this.keys = new Keys(prefix);
  }

  range(...args: Parameters<EtcdCalls["range"]>) {
    return this.client.range(...args);
  }

  txn(txn: Txn): Promise<TxnAnswer> {
    return this.client.txn(txn);
  }

  remove(...args: Parameters<EtcdCalls["remove"]>) {
    return this.client.remove(...args);
  }

  compact(revision: bigint) {
    return this.client.compact(revision);
  }

  isFull() {
    return this.client.isFull();
  }

  status() {
    return this.client.status();
  }

  watch(from: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    return this.client.watch(from, signal);
  }
}

/** An append is put on no condition: one that is sent again is done again. */
export class UnconditionalClient extends PassingClient {
  override txn(txn: Txn): Promise<TxnAnswer> {
    const isAppend = txn.success.some((step) => "put" in step && this.keys.entryAt(step.put.key) !== null);
    return super.txn(isAppend ? { ...txn, compare: [] } : txn);
  }
}

/** Where the log ends is read without asking the others: at a member that is behind, by one look. */
export class StaleClient extends PassingClient {
  readonly #question: string;
  #before: TxnAnswer | null = null;

  constructor(client: EtcdCalls, prefix: string) {
    super(client, prefix);
    this.#question = textOf(this.keys.question);
  }

  override async txn(txn: Txn): Promise<TxnAnswer> {
    const isTail = txn.success.some((step) => "put" in step && textOf(step.put.key) === this.#question);
    if (!isTail) return await super.txn(txn);
    const answer = await super.txn(txn);
    const shown = this.#before ?? answer;
    this.#before = answer;
    return shown;
  }
}

/** Whoever hears takes each entry for the next one, as if a watch told of all: no gap is ever seen. */
export class TrustingClient extends PassingClient {
  override async *watch(from: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    let version: bigint | null = null;
    const counted = (event: WatchAnswer["events"][number]) => {
      if (this.keys.entryAt(event.kv.key) !== null) return event;
      version = version === null ? event.kv.version : version + 1n;
      return { ...event, kv: { ...event.kv, version } };
    };
    for await (const answer of super.watch(from, signal))
      yield { ...answer, events: answer.events.map(counted) };
  }
}
