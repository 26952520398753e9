// etcd as far as its keys go, in memory: what is asked is done at once, and a watch tells nothing. What it says of itself a
// test sets.

import { Code, ConnectError } from "@connectrpc/connect";
import type {
  EtcdCalls,
  EtcdHealthCalls,
  KeyValue,
  MemberStatus,
  Range,
  RangeAnswer,
  Txn,
  TxnAnswer,
  WatchAnswer,
  WatchFrom,
} from "../../src/store/etcd/etcd-calls.ts";

export class EtcdInMemory implements EtcdCalls, EtcdHealthCalls {
  isDown = false;
  member: MemberStatus = { endpoint: "memory", version: "3.5.0", dbSize: 1000n, dbSizeInUse: 500n };
  raised: readonly number[] = [];
  readonly #keys = new Map<string, KeyValue>();
  #revision = 1n;

  async range(range: Range): Promise<RangeAnswer> {
    this.#assertUp();
    return this.#read(range);
  }

  async txn({ compare, success, failure = [] }: Txn): Promise<TxnAnswer> {
    this.#assertUp();
    const succeeded = compare.every(({ key, ...expected }) => {
      const [[name, value]] = Object.entries(expected) as [[keyof KeyValue, bigint]];
      return (this.#keys.get(nameOf(key))?.[name] ?? 0n) === value;
    });
    const steps = succeeded ? success : failure;
    if (steps.some((step) => !("range" in step))) this.#revision += 1n;
    const ranges = steps.flatMap((step) => {
      if ("range" in step) return [this.#read(step.range)];
      if ("put" in step) this.#put(step.put.key, step.put.value);
      else for (const { key } of this.#read(step.deleteRange).kvs) this.#keys.delete(nameOf(key));
      return [];
    });
    return { header: this.#header, succeeded, ranges };
  }

  async remove(key: Uint8Array): Promise<KeyValue | null> {
    this.#assertUp();
    const found = this.#keys.get(nameOf(key)) ?? null;
    this.#keys.delete(nameOf(key));
    this.#revision += 1n;
    return found;
  }

  async compact(): Promise<void> {
    this.#assertUp();
  }

  async isFull(): Promise<boolean> {
    return (await this.alarms()).length > 0;
  }

  async alarms(): Promise<readonly number[]> {
    this.#assertUp();
    return this.raised;
  }

  async status() {
    this.#assertUp();
    return { ...this.member, dbSizeQuota: 0n };
  }

  async statuses(): Promise<readonly MemberStatus[]> {
    return this.isDown ? [] : [this.member];
  }

  async *watch(_: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  get #header() {
    return { clusterId: 1n, revision: this.#revision };
  }

  #assertUp(): void {
    if (this.isDown) throw new ConnectError("nobody is there", Code.Unavailable);
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    const before = this.#keys.get(nameOf(key));
    this.#keys.set(nameOf(key), {
      ...{ key, value, createRevision: before?.createRevision ?? this.#revision },
      ...{ modRevision: this.#revision, version: (before?.version ?? 0n) + 1n },
    });
  }

  #read({ key, rangeEnd, limit = 0n, minModRevision = 0n, sortTarget }: Range): RangeAnswer {
    const [from, to] = [nameOf(key), rangeEnd === undefined ? null : nameOf(rangeEnd)];
    const found = [...this.#keys]
      .filter(([name]) => (to === null ? name === from : name >= from && name < to))
      .map(([, keyValue]) => keyValue)
      .filter(({ modRevision }) => modRevision >= minModRevision);
    if (sortTarget === undefined) found.sort((a, b) => Buffer.compare(a.key, b.key));
    else found.sort((a, b) => Number(a.modRevision - b.modRevision));
    const kvs = limit === 0n ? found : found.slice(0, Number(limit));
    return { header: this.#header, kvs, more: kvs.length < found.length, count: BigInt(found.length) };
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
