// etcd as it has been known to be, and the way to it: what is asked gets lost, or its answer; events are told twice, late,
// out of order or never; a watch ends, or keeps silent. As a seed has it.

import { setTimeout as wait } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { EtcdCalls, WatchAnswer, WatchFrom } from "../../src/store/etcd/etcd-client.ts";
import { random } from "../support/random.ts";

/** How likely each is, from 0 to 1. */
export interface Faults {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly droppedEvent: number;
  readonly repeatedEvent: number;
  readonly swappedEvents: number;
  readonly endedWatch: number;
  readonly silentWatch: number;
  readonly delayMsMax: number;
}

export const noFaults: Faults = {
  ...{ lostRequest: 0, lostAnswer: 0, droppedEvent: 0, repeatedEvent: 0, swappedEvents: 0 },
  ...{ endedWatch: 0, silentWatch: 0, delayMsMax: 0 },
};

export class FaultyClient implements EtcdCalls {
  readonly #client: EtcdCalls;
  readonly #chance: () => number;
  /** May be changed while it is used. */
  faults: Faults;

  constructor(client: EtcdCalls, faults: Faults, seed: number) {
    this.#client = client;
    this.faults = faults;
    this.#chance = random(seed);
  }

  range(...args: Parameters<EtcdCalls["range"]>) {
    return this.#passed(() => this.#client.range(...args));
  }

  txn(...args: Parameters<EtcdCalls["txn"]>) {
    return this.#passed(() => this.#client.txn(...args));
  }

  remove(...args: Parameters<EtcdCalls["remove"]>) {
    return this.#passed(() => this.#client.remove(...args));
  }

  compact(revision: bigint) {
    return this.#passed(() => this.#client.compact(revision));
  }

  isFull() {
    return this.#passed(() => this.#client.isFull());
  }

  status() {
    return this.#passed(() => this.#client.status());
  }

  async #passed<T>(ask: () => Promise<T>): Promise<T> {
    await this.#delay();
    if (this.#happens(this.faults.lostRequest)) throw new ConnectError("lost on the way", Code.Unavailable);
    const answer = await ask();
    await this.#delay();
    if (this.#happens(this.faults.lostAnswer))
      throw new ConnectError("lost on the way back", Code.Unavailable);
    return answer;
  }

  async #delay(): Promise<void> {
    const { delayMsMax } = this.faults;
    if (delayMsMax > 0) await wait(this.#chance() * delayMsMax);
  }

  async *watch(from: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    for await (const answer of this.#client.watch(from, signal)) {
      await this.#delay();
      if (this.#happens(this.faults.endedWatch))
        throw new ConnectError("the leader is gone", Code.Unavailable);
      if (this.#happens(this.faults.silentWatch))
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      yield { ...answer, events: this.#distorted(answer.events) };
    }
  }

  #distorted(events: WatchAnswer["events"]): WatchAnswer["events"] {
    const told = events.flatMap((event) => {
      if (this.#happens(this.faults.droppedEvent)) return [];
      return this.#happens(this.faults.repeatedEvent) ? [event, event] : [event];
    });
    return this.#happens(this.faults.swappedEvents) ? told.toReversed() : told;
  }

  #happens(chance: number): boolean {
    return this.#chance() < chance;
  }
}
