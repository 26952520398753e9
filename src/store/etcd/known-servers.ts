// Who the servers of one service are, as far as they are heard of: each says of itself every few seconds that it is there
// and how far it has come, below the prefix and beside the log. It decides nothing: sessions and duties go by the log alone.
// Silence is measured by whoever listens, while it hears etcd itself; no clocks are compared.

import type { Clock } from "../../clock.ts";
import type { EtcdCalls, KeyValue, Step } from "./etcd-calls.ts";
import { isOutOfSpace } from "./etcd-errors.ts";
import { bytesOf, type Keys, textOf } from "./keys.ts";

/** What a server says of itself. */
export interface ServerWords {
  /** Of its machine. */
  readonly name: string;
  /** Where it serves; empty where it cannot tell. */
  readonly url: string;
  readonly version: string;
  readonly upForMs: number;
  /** The last entry of the log that it has done. */
  readonly position: number;
  /** What it has not done of those it knows of, and for how long there has been any. */
  readonly behindEntries: number;
  readonly behindMs: number;
}

export interface KnownServer extends ServerWords {
  /** Its writer's name in the log, another after each start. */
  readonly id: string;
  readonly isThis: boolean;
  /** How long ago it was heard of; 0 for this one. */
  readonly heardBeforeMs: number;
}

export interface KnownServersStats {
  /** This one among them. */
  readonly heardServers: number;
  /** Known, and not heard of for a while. */
  readonly silentServers: number;
}

interface KnownServersParts {
  readonly client: EtcdCalls;
  readonly keys: Keys;
  readonly writer: string;
  readonly clock: Clock;
}

interface Heard {
  readonly words: ServerWords;
  readonly modRevision: bigint;
  readonly silentMs: number;
}

const everyMs = 5000;
/** After so long it counts as silent. */
const silentMsMax = 15_000;
/** After so long it is taken for gone, and what it said is removed. */
const goneMs = 60_000;
/** A stop does not wait longer for etcd to take what was said away. */
const farewellMsMax = 1000;
/** More are not listened to. */
const serversMax = 100;
/** Said by one of them; what is longer is not from a server. */
const wordsBytesMax = 2048;

export class KnownServers {
  readonly #parts: KnownServersParts;
  readonly #key: Uint8Array;
  #say: () => ServerWords = () => nothingSaid;
  #others: ReadonlyMap<string, Heard> = new Map();
  #heardMs: number;
  #cancel = () => {};
  #isStopped = true;
  #beating: Promise<void> = Promise.resolve();

  constructor(parts: KnownServersParts) {
    this.#parts = parts;
    this.#key = parts.keys.server(parts.writer);
    this.#heardMs = parts.clock.monotonicMs();
  }

  /** @param say what this server says of itself, asked for each time */
  start(say: () => ServerWords): void {
    this.#say = say;
    this.#isStopped = false;
    this.#beat();
  }

  /** It says that it is gone, if etcd hears it soon. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#cancel();
    const { client, clock } = this.#parts;
    const removed = this.#beating.then(() => client.remove(this.#key)).catch(() => {});
    let cancel = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = clock.setTimer(farewellMsMax, resolve);
    });
    await Promise.race([removed, timeUp]).finally(() => cancel());
  }

  /** This one first, then the others by their names. */
  list(): KnownServer[] {
    const sinceMs = this.#parts.clock.monotonicMs() - this.#heardMs;
    const others = [...this.#others].map(([id, { words, silentMs }]) => ({
      ...{ id, ...words, isThis: false },
      heardBeforeMs: Math.round(silentMs + sinceMs),
    }));
    const own = { id: this.#parts.writer, ...this.#say(), isThis: true, heardBeforeMs: 0 };
    return [own, ...others.sort((a, b) => compare(a.name, b.name) || compare(a.id, b.id))];
  }

  stats(): KnownServersStats {
    const silences = [...this.#others.values()].map(({ silentMs }) => silentMs);
    const silentServers = silences.filter((ms) => ms >= silentMsMax).length;
    return { heardServers: 1 + silences.length - silentServers, silentServers };
  }

  #beat(): void {
    this.#beating = this.#sayAndListen().finally(() => {
      if (!this.#isStopped) this.#cancel = this.#parts.clock.setTimer(everyMs, () => this.#beat());
    });
  }

  /** While etcd is not heard nobody is silent, and while it takes no words nobody can say any. */
  async #sayAndListen(): Promise<void> {
    try {
      const { kvs, isTaken } = await this.#ask();
      const nowMs = this.#parts.clock.monotonicMs();
      // A pause of this server is no silence of others.
      const elapsedMs = isTaken ? Math.min(nowMs - this.#heardMs, 2 * everyMs) : 0;
      this.#heardMs = nowMs;
      this.#hear(kvs, elapsedMs);
      await this.#removeGone();
    } catch {
      // Counted with the calls that failed; it is said again soon.
    }
  }

  async #ask(): Promise<{ kvs: readonly KeyValue[]; isTaken: boolean }> {
    const { client, keys } = this.#parts;
    const value = bytesOf(JSON.stringify(this.#say()));
    const range: Step = { range: { ...keys.servers, limit: BigInt(serversMax) } };
    try {
      const said = await client.txn({ compare: [], success: [{ put: { key: this.#key, value } }, range] });
      return { kvs: said.ranges[0]?.kvs ?? [], isTaken: true };
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      const { ranges } = await client.txn({ compare: [], success: [range] });
      return { kvs: ranges[0]?.kvs ?? [], isTaken: false };
    }
  }

  #hear(kvs: readonly KeyValue[], elapsedMs: number): void {
    const { keys, writer } = this.#parts;
    const others = new Map<string, Heard>();
    for (const { key, value, modRevision } of kvs) {
      const id = keys.serverAt(key);
      const words = wordsIn(value);
      if (id === writer || words === null) continue;
      const before = this.#others.get(id);
      const isSilent = before?.modRevision === modRevision;
      others.set(id, { words, modRevision, silentMs: isSilent ? before.silentMs + elapsedMs : 0 });
    }
    this.#others = others;
  }

  /** Only what was not said again meanwhile. */
  async #removeGone(): Promise<void> {
    const { client, keys } = this.#parts;
    for (const [id, { modRevision, silentMs }] of this.#others) {
      if (silentMs < goneMs) continue;
      const key = keys.server(id);
      await client.txn({ compare: [{ key, modRevision }], success: [{ deleteRange: { key } }] });
    }
  }
}

const nothingSaid: ServerWords = {
  ...{ name: "", url: "", version: "", upForMs: 0, position: 0, behindEntries: 0, behindMs: 0 },
};

/** Null where it is none of a server's; a later version may say more. */
function wordsIn(value: Uint8Array): ServerWords | null {
  if (value.byteLength > wordsBytesMax) return null;
  try {
    const said = JSON.parse(textOf(value)) as Record<string, unknown> | null;
    if (typeof said !== "object" || said === null) return null;
    const text = (name: string) => (typeof said[name] === "string" ? (said[name] as string) : "");
    const count = (name: string) => (Number.isSafeInteger(said[name]) ? (said[name] as number) : 0);
    return {
      ...{ name: text("name"), url: text("url"), version: text("version"), upForMs: count("upForMs") },
      ...{ position: count("position"), behindEntries: count("behindEntries") },
      behindMs: count("behindMs"),
    };
  } catch {
    return null;
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
