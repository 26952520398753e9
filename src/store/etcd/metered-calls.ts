// The calls to etcd as they are counted: how many there were, how many failed, and how many bytes were put there.

import type {
  EtcdCalls,
  EtcdHealthCalls,
  KeyValue,
  MemberStatus,
  OwnStatus,
  Range,
  RangeAnswer,
  Txn,
  TxnAnswer,
  WatchAnswer,
  WatchFrom,
} from "./etcd-calls.ts";

export interface CallStats {
  readonly callsTotal: number;
  readonly failedCallsTotal: number;
}

/** Called with the bytes of keys and values before they are sent. */
type PutListener = (bytes: number) => void;

export class MeteredCalls implements EtcdCalls, EtcdHealthCalls {
  readonly #calls: EtcdCalls & EtcdHealthCalls;
  #onPut: PutListener = () => {};
  #callsTotal = 0;
  #failedCallsTotal = 0;

  constructor(calls: EtcdCalls & EtcdHealthCalls) {
    this.#calls = calls;
  }

  stats(): CallStats {
    return { callsTotal: this.#callsTotal, failedCallsTotal: this.#failedCallsTotal };
  }

  onPut(listener: PutListener): void {
    this.#onPut = listener;
  }

  range(range: Range): Promise<RangeAnswer> {
    return this.#counted(() => this.#calls.range(range));
  }

  txn(txn: Txn): Promise<TxnAnswer> {
    const bytes = putBytesOf(txn);
    if (bytes > 0) this.#onPut(bytes);
    return this.#counted(() => this.#calls.txn(txn));
  }

  remove(key: Uint8Array): Promise<KeyValue | null> {
    return this.#counted(() => this.#calls.remove(key));
  }

  compact(revision: bigint): Promise<void> {
    return this.#counted(() => this.#calls.compact(revision));
  }

  isFull(): Promise<boolean> {
    return this.#counted(() => this.#calls.isFull());
  }

  alarms(): Promise<readonly number[]> {
    return this.#counted(() => this.#calls.alarms());
  }

  status(): Promise<OwnStatus> {
    return this.#counted(() => this.#calls.status());
  }

  statuses(): Promise<readonly MemberStatus[]> {
    return this.#counted(() => this.#calls.statuses());
  }

  /** A watch counts once; that it ends with its signal is no failure. */
  async *watch(from: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    this.#callsTotal += 1;
    try {
      yield* this.#calls.watch(from, signal);
    } catch (error) {
      if (!signal.aborted) this.#failedCallsTotal += 1;
      throw error;
    }
  }

  async #counted<T>(ask: () => Promise<T>): Promise<T> {
    this.#callsTotal += 1;
    try {
      return await ask();
    } catch (error) {
      this.#failedCallsTotal += 1;
      throw error;
    }
  }
}

function putBytesOf({ success }: Txn): number {
  return success.reduce(
    (sum, step) => ("put" in step ? sum + step.put.key.byteLength + step.put.value.byteLength : sum),
    0,
  );
}
