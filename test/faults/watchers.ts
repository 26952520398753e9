// Streams opened all over the present and the past of a tree that is being written to, cut off, resumed, and left
// to a server that is killed, with a recording of what each was told. It judges nothing.

import { type EventStream, Http, zxidIn } from "../support/http.ts";
import { random } from "../support/random.ts";
import type { Message } from "../watches/promises.ts";
import { pick, type TreeLoad, watchablePaths } from "./tree-load.ts";
import type { WireRecording } from "./wire-promises.ts";

const watchersAtOnce = 6;
/** A stream begins this far from the present, before or after. */
const distanceMax = 100;
/** The most transactions a stream is open for, unless it stays. */
const openForZxidsMax = 50;
/** What is resumed so many transactions later finds its history forgotten. */
const lateByZxids = 120;

const typeSets = [
  ["created", "changed", "deleted"],
  ["created", "changed", "deleted"],
  ["created", "deleted"],
  ["changed"],
  ["deleted"],
] as const;

type Selected = Pick<WireRecording, "paths" | "scope" | "types" | "withData" | "once">;

interface Start {
  readonly sinceZxid: number | null;
  readonly query: readonly [string, string][];
  readonly headers: Readonly<Record<string, string>>;
}

interface Open {
  readonly stream: EventStream;
  readonly asked: Omit<WireRecording, "messages" | "isComplete" | "closedAtZxid">;
}

export class Watchers {
  readonly recordings: WireRecording[] = [];
  /** Highest id any stream was told. */
  lastId = 0;
  readonly #seed: number;
  readonly #load: TreeLoad;
  #runs = 0;
  /** Streams that stay open, and those that were cut off by a kill and are yet to come back. */
  readonly #staying = new Set<Open>();
  readonly #cutOff: Open[] = [];

  constructor(seed: number, load: TreeLoad) {
    this.#seed = seed;
    this.#load = load;
  }

  /** Brings back what the last kill cut off, some of it late, and opens new streams while the load is running. */
  async run(url: string, untilZxid: number): Promise<void> {
    const http = new Http(url);
    this.#runs += 1;
    const chanceOf = (index: number) => random(this.#seed + this.#runs * 1000 + index);
    const returning = this.#cutOff
      .splice(0)
      .map((open, index) => this.#comeBack(http, open, chanceOf(100 + index)));
    const watching = Array.from({ length: watchersAtOnce }, async (_, index) => {
      const chance = chanceOf(index);
      while (this.#load.zxid < untilZxid && (await this.#isThere(() => this.#watch(http, chance))));
    });
    await Promise.all([...returning, ...watching]);
  }

  /** After a kill: every stream has ended, and is to come back. */
  async collectCutOff(): Promise<void> {
    for (const open of this.#staying) {
      await open.stream.untilEnd();
      this.#record(open);
      if (open.stream.lastId !== undefined) this.#cutOff.push(open);
    }
    this.#staying.clear();
  }

  /** When nothing is written any more: every stream reads all there is. */
  async collectComplete(zxid: number): Promise<void> {
    for (const open of this.#staying) {
      await open.stream.until(() => open.stream.lastZxid >= zxid);
      open.stream.close();
      this.#record(open, zxid);
    }
    this.#staying.clear();
  }

  async #isThere(watch: () => Promise<void>): Promise<boolean> {
    try {
      await watch();
      return true;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  }

  async #comeBack(http: Http, { asked, stream }: Open, chance: () => number): Promise<void> {
    if (chance() < 0.5) await this.#load.untilZxid(this.#load.zxid + lateByZxids);
    const start = startAfter(stream.lastZxid, chance);
    await this.#isThere(async () => this.#stay(await this.#open(http, asked, start, chance)));
  }

  /** One stream, from its opening until it is cut off and resumed, left, or stays. */
  async #watch(http: Http, chance: () => number): Promise<void> {
    const selected = randomSelection(chance);
    let open = await this.#open(http, selected, await this.#randomStart(http, chance), chance);
    for (;;) {
      await this.#readAWhile(open, chance);
      const fate = chance();
      if (open.stream.isEnded || fate < 0.2) return this.#stay(open);
      open.stream.close();
      this.#record(open);
      const { lastId } = open.stream;
      if (fate < 0.6 || lastId === undefined) return;
      open = await this.#open(http, selected, startAfter(zxidIn(lastId), chance), chance);
    }
  }

  async #readAWhile({ stream }: Open, chance: () => number): Promise<void> {
    if (chance() < 0.1) return;
    await this.#load.untilZxid(this.#load.zxid + 1 + Math.floor(chance() * openForZxidsMax));
    if (chance() < 0.5 && !stream.isEnded)
      await stream.until(() => stream.events.length > 0 || stream.isEnded);
  }

  /** What ended by itself is recorded now; what a kill ended comes back. */
  #stay(open: Open): void {
    if (open.asked.once && open.stream.isEnded && !open.stream.isCut) this.#record(open);
    else if (open.asked.once) this.#leave(open);
    else this.#staying.add(open);
  }

  #leave(open: Open): void {
    open.stream.close();
    this.#record(open);
  }

  async #open(http: Http, selected: Selected, start: Start, chance: () => number): Promise<Open> {
    const { paths, scope, types, withData, once } = selected;
    const query = new URLSearchParams([
      ...paths.map((path): [string, string] => ["path", path]),
      ...start.query,
    ]);
    const settings = { scope, types: types.join(), data: String(withData), once: String(once) };
    const timing = { bookmarkMs: pick(chance, ["100", "300"]), heartbeatMs: pick(chance, ["100", "5000"]) };
    for (const [name, value] of Object.entries({ ...settings, ...timing })) query.set(name, value);
    const stream = await http.stream("/v1/watch", { query: query.toString(), headers: start.headers });
    const openedAtZxid = Number(stream.headers.get("zxid"));
    return {
      stream,
      asked: { paths, scope, types, withData, once, sinceZxid: start.sinceZxid, openedAtZxid },
    };
  }

  async #randomStart(http: Http, chance: () => number): Promise<Start> {
    const kind = chance();
    if (kind < 0.1) return { sinceZxid: null, query: [], headers: {} };
    if (kind < 0.3) return { sinceZxid: null, query: [["initial", "true"]], headers: {} };
    if (kind < 0.5)
      return startAfter(Math.max(0, (await oldestZxid(http)) - 3 + Math.floor(chance() * 7)), chance);
    const distance = Math.floor(chance() * (2 * distanceMax + 1)) - distanceMax;
    return startAfter(Math.max(0, this.#load.zxid + distance), chance);
  }

  #record({ stream, asked }: Open, completeAtZxid?: number): void {
    const messages = stream.events.map(toMessage);
    const isComplete = completeAtZxid !== undefined;
    const closedAtZxid = completeAtZxid ?? this.#load.zxid;
    this.lastId = Math.max(this.lastId, stream.lastZxid);
    this.recordings.push({ ...asked, messages, isComplete, closedAtZxid });
  }
}

export function toMessage({ event = "", id, data }: EventStream["events"][number]): Message {
  return { event, id: id === undefined ? null : zxidIn(id), data };
}

/** The edge of the history, where what is forgotten and what is not meet. */
async function oldestZxid(http: Http): Promise<number> {
  return (await http.get("/v1/limits")).json<{ history: { oldestZxid: number } }>().history.oldestZxid;
}

/** By query, by header, or by both, where the header is the newer one. */
function startAfter(zxid: number, chance: () => number): Start {
  const kind = chance();
  const headers: Record<string, string> = kind < 0.6 ? { "last-event-id": String(zxid) } : {};
  if (kind < 0.4) return { sinceZxid: zxid, query: [], headers };
  return { sinceZxid: zxid, query: [["sinceZxid", kind < 0.6 ? "0" : String(zxid)]], headers };
}

function randomSelection(chance: () => number): Selected {
  const count = 1 + Math.floor(chance() * 3);
  return {
    paths: Array.from({ length: count }, () => pick(chance, watchablePaths)),
    scope: pick(chance, ["node", "children", "subtree", "subtree"]),
    types: pick(chance, typeSets),
    withData: chance() < 0.7,
    once: chance() < 0.15,
  };
}
