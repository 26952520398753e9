// etcd as it has been known to be, and the way to it: what is asked gets lost, or its answer; events are told twice, late,
// in pieces, out of order or never; a watch ends, or keeps silent; and somebody else compacts the history. As a seed has it.

import { setTimeout as wait } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { EtcdCalls, Step, WatchAnswer, WatchFrom } from "../../src/store/etcd/etcd-calls.ts";
import { bytesOf } from "../../src/store/etcd/keys.ts";
import { random } from "../support/random.ts";

/** How likely each is, from 0 to 1. */
export interface Faults {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly droppedEvent: number;
  /** Neither an entry is told of nor the tail that goes with it. */
  readonly droppedTxn: number;
  readonly repeatedEvent: number;
  readonly swappedEvents: number;
  readonly endedWatch: number;
  readonly silentWatch: number;
  /** What one transaction wrote is told in several answers. */
  readonly fragmentedAnswer: number;
  /** It is told behind the next one. */
  readonly lateAnswer: number;
  /** With a call, or just before a watch, which then begins where there is no history any more. */
  readonly foreignCompaction: number;
  readonly delayMsMax: number;
}

export const noFaults: Faults = {
  ...{ lostRequest: 0, lostAnswer: 0, droppedEvent: 0, droppedTxn: 0, repeatedEvent: 0, swappedEvents: 0 },
  ...{
    endedWatch: 0,
    silentWatch: 0,
    fragmentedAnswer: 0,
    lateAnswer: 0,
    foreignCompaction: 0,
    delayMsMax: 0,
  },
};

/** What can befall, each by itself and all together, as who reads the names of tests is told. */
export const kindsOfFaults: Readonly<Record<string, Partial<Faults>>> = {
  "requests are lost": { lostRequest: 0.2 },
  "answers are lost": { lostAnswer: 0.2 },
  "events are told twice": { repeatedEvent: 0.3 },
  "events are lost": { droppedEvent: 0.2 },
  "whole transactions are not told of": { droppedTxn: 0.2 },
  "events are told in another order": { swappedEvents: 0.3 },
  "events are told late": { lateAnswer: 0.2 },
  "events come in pieces": { fragmentedAnswer: 0.5 },
  "watches end": { endedWatch: 0.2 },
  "watches keep silent": { silentWatch: 0.1 },
  "others compact the history": { foreignCompaction: 0.3, endedWatch: 0.2 },
  "everything is late": { delayMsMax: 20 },
  "all of that happens": {
    ...{ lostRequest: 0.1, lostAnswer: 0.1, droppedEvent: 0.1, repeatedEvent: 0.1, swappedEvents: 0.1 },
    ...{ endedWatch: 0.1, silentWatch: 0.05, fragmentedAnswer: 0.2, lateAnswer: 0.1 },
    ...{ foreignCompaction: 0.1, delayMsMax: 5 },
  },
};

/** A write that has nothing to do with the log. */
const somebodyElses: Step = { put: { key: bytesOf("/somebody-elses"), value: bytesOf("") } };

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
    if (this.#happens(this.faults.foreignCompaction)) await this.#compactAll();
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

  /** Nothing is left of what was before now; whoever wants to hear of it hears that. */
  async #compactAll(): Promise<void> {
    const { header } = await this.#client.txn({ compare: [], success: [somebodyElses] });
    // Another may have been faster.
    await this.#client.compact(header.revision).catch(() => {});
  }

  async *watch(from: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    if (this.#happens(this.faults.foreignCompaction)) await this.#compactAll();
    let late: WatchAnswer | null = null;
    for await (const answer of this.#client.watch(from, signal)) {
      await this.#delay();
      if (this.#happens(this.faults.endedWatch))
        throw new ConnectError("the leader is gone", Code.Unavailable);
      if (this.#happens(this.faults.silentWatch))
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      if (late === null && answer.events.length > 0 && this.#happens(this.faults.lateAnswer)) {
        late = answer;
        continue;
      }
      yield* this.#pieces({ ...answer, events: this.#distorted(answer.events) });
      if (late !== null) yield late;
      late = null;
    }
  }

  /** An entry, the tail that goes with it, and whatever else was told together, each by itself. */
  *#pieces(answer: WatchAnswer): Generator<WatchAnswer> {
    const { events } = answer;
    if (events.length < 2 || !this.#happens(this.faults.fragmentedAnswer)) {
      yield answer;
      return;
    }
    for (const [index, event] of events.entries())
      yield { ...answer, fragment: index < events.length - 1, events: [event] };
  }

  #distorted(events: WatchAnswer["events"]): WatchAnswer["events"] {
    const dropped = new Set<bigint>();
    for (const revision of new Set(events.map(({ kv }) => kv.modRevision)))
      if (this.#happens(this.faults.droppedTxn)) dropped.add(revision);
    const told = events.flatMap((event) => {
      if (dropped.has(event.kv.modRevision)) return [];
      if (this.#happens(this.faults.droppedEvent)) return [];
      return this.#happens(this.faults.repeatedEvent) ? [event, event] : [event];
    });
    return this.#happens(this.faults.swappedEvents) ? told.toReversed() : told;
  }

  #happens(chance: number): boolean {
    return this.#chance() < chance;
  }
}
