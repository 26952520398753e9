// A stream that is read at one server for a moment, or for as long as it tells something, and goes on at another from its
// last event.

import { setTimeout as wait } from "node:timers/promises";
import { EventStream, Http, zxidIn } from "../../support/http.ts";
import type { Message, StreamRecord } from "./record.ts";

const stayMsMaxUsual = 900;
/** A server that stands still does not say no either. */
const openWithinMs = 1000;

export interface HoppingOptions {
  readonly name: string;
  readonly urls: readonly string[];
  readonly chance: () => number;
  /** Whose children it is about; null for everything. */
  readonly parent: string | null;
  /** The event that it goes on from. */
  readonly fromId: string;
  /** At one server, unless it ends there. */
  readonly stayMsMax?: number;
}

export class HoppingStream {
  readonly #options: HoppingOptions;
  readonly #record: StreamRecord;
  #lastId: string;

  constructor(options: HoppingOptions) {
    const { name, parent, fromId } = options;
    this.#options = options;
    this.#lastId = fromId;
    this.#record = { name, parent, texts: [], faults: [], hops: 0 };
  }

  get record(): StreamRecord {
    return this.#record;
  }

  /** How far it is. */
  get zxid(): number {
    return zxidIn(this.#lastId);
  }

  async run(isOver: () => boolean): Promise<void> {
    const { chance, stayMsMax = stayMsMaxUsual } = this.#options;
    while (!isOver()) {
      const stream = await this.#open();
      if (stream === null) {
        await wait(50);
        continue;
      }
      const untilMs = performance.now() + chance() * stayMsMax;
      while (!stream.isEnded && !isOver() && performance.now() < untilMs) await wait(20);
      stream.close();
      this.#take(stream);
    }
  }

  /** What came later is not looked at. */
  endAt(zxid: number): void {
    const isLater = (text: string) => (JSON.parse(text) as Message).zxid > zxid;
    const { texts } = this.#record;
    while (texts.length > 0 && isLater(texts.at(-1) as string)) texts.pop();
  }

  async #open(): Promise<EventStream | null> {
    const { urls, chance, parent } = this.#options;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), openWithinMs);
    const path = parent === null ? "path=/&scope=subtree" : `path=${parent}&scope=children`;
    const http = new Http(urls[Math.floor(chance() * urls.length)] as string);
    try {
      const headers = { accept: "text/event-stream", "last-event-id": this.#lastId };
      const query = `${path}&bookmarkMs=100`;
      const response = await http.fetch("GET", "/v1/watch", { query, headers }, abort.signal);
      if (response.status === 200) return new EventStream(response, abort);
      await response.body?.cancel();
    } catch {
      // Another one is asked.
    } finally {
      clearTimeout(timer);
    }
    return null;
  }

  #take({ events }: EventStream): void {
    this.#record.hops += 1;
    for (const { id, event, text } of [...events]) {
      if (event === "reset") this.#record.faults.push(`it was reset after ${this.#lastId}: ${text}`);
      if (event === "change") this.#record.texts.push(text);
      if (id !== undefined) this.#lastId = id;
    }
  }
}
