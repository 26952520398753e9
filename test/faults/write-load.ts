// A write load that can be cut off at any moment, and a record of what was acknowledged: what a restarted server is
// held against. What was asked and not answered may have happened or not, but never in part (G8).

import type { Stat } from "../../src/core/tree/stat.ts";
import { type EventStream, Http, type StreamEvent } from "../support/http.ts";

export interface Told {
  readonly type: string;
  readonly path: string;
  readonly data?: string;
  readonly stat: Stat;
}

/** x + y, whatever is moved between them. */
export const accountSum = 1000;

const registers = ["/r0", "/r1", "/r2"] as const;

export class WriteLoad {
  /** The highest value each register was told to hold, and the highest it was asked to. */
  readonly acknowledged = new Map<string, number>();
  readonly asked = new Map<string, number>();
  /** Names of sequential znodes that were acknowledged, by their number. */
  readonly tickets = new Map<number, string>();
  transfersAcknowledged = 0;
  transfersAsked = 0;
  acknowledgedCount = 0;
  /** The last zxid an answer had. */
  zxid = 0;
  /** Every change told so far, over all streams, in the order they came. */
  readonly told: StreamEvent[] = [];
  #stream: EventStream | null = null;
  #ticketsAsked = 0;
  #onAcknowledged = () => {};

  /** The znodes the load writes to. */
  static async prepare(url: string): Promise<void> {
    const http = new Http(url);
    for (const path of ["/load", "/load/tickets", ...registers.map((name) => `/load${name}`)]) {
      await http.post(`/v1/znodes${path}`, { body: "0" });
    }
    await http.post("/v1/znodes/load/x", { body: String(accountSum) });
    await http.post("/v1/znodes/load/y", { body: "0" });
    await http.post("/v1/znodes/load/moves", { body: "0" });
    await http.put("/v1/quotas/load/tickets", { json: { countHard: 1_000_000 } });
  }

  /** Opens the recorded stream where the last one was cut off. */
  async watch(url: string): Promise<void> {
    const headers: Record<string, string> = {};
    const lastId = this.#stream?.lastId ?? this.told.at(-1)?.id;
    if (lastId !== undefined) headers["last-event-id"] = lastId;
    const query = "path=/load&scope=subtree&bookmarkMs=100";
    this.#stream = await new Http(url).stream("/v1/watch", { query, headers });
  }

  /** All writers at once, each waiting for its answers, until the server is gone. */
  async run(url: string): Promise<void> {
    const http = new Http(url);
    await Promise.all([
      ...registers.map((name) => this.#whileThere(() => this.#set(http, name))),
      ...registers.map(() => this.#whileThere(() => this.#takeTicket(http))),
      ...registers.map((_, index) => this.#whileThere(() => this.#transfer(http, index + 1))),
    ]);
  }

  /** Resolves when so many more writes have been acknowledged. */
  acknowledgedMore(count: number): Promise<void> {
    const enough = this.acknowledgedCount + count;
    return new Promise((resolve) => {
      this.#onAcknowledged = () => {
        if (this.acknowledgedCount >= enough) resolve();
      };
    });
  }

  /** Takes what the stream was told over into the record. Call when the stream has ended. */
  async collect(): Promise<{ resets: number }> {
    const stream = this.#stream as EventStream;
    await stream.untilEnd();
    return this.#take(stream);
  }

  /** Reads the stream up to a zxid, and takes it over. */
  async collectUpTo(zxid: number): Promise<{ resets: number }> {
    const stream = this.#stream as EventStream;
    await stream.until(() => stream.lastZxid >= zxid);
    stream.close();
    return this.#take(stream);
  }

  #take(stream: EventStream): { resets: number } {
    this.told.push(...stream.named("change"));
    return { resets: stream.named("reset").length };
  }

  async #whileThere(write: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await write();
      } catch (error) {
        if (error instanceof TypeError || (error instanceof Error && error.name === "AbortError")) return;
        throw error;
      }
    }
  }

  async #set(http: Http, name: string): Promise<void> {
    const value = (this.asked.get(name) ?? 0) + 1;
    this.asked.set(name, value);
    const answer = await http.put(`/v1/znodes/load${name}`, { body: String(value).padEnd(300, "x") });
    this.#acknowledge(answer, 200);
    this.acknowledged.set(name, value);
  }

  async #takeTicket(http: Http): Promise<void> {
    this.#ticketsAsked += 1;
    const body = `ticket ${this.#ticketsAsked}`;
    const answer = await http.post("/v1/znodes/load/tickets/t-", { query: "sequential=true", body });
    this.#acknowledge(answer, 201);
    const { path, stat } = answer.json<{ path: string; stat: Stat }>();
    const number = stat.sequence as number;
    if (this.tickets.has(number)) throw new Error(`number ${number} was given out twice: ${path}`);
    this.tickets.set(number, body);
  }

  async #transfer(http: Http, by: number): Promise<void> {
    this.transfersAsked += 1;
    const operations = [
      { op: "increment", path: "/load/x", by: -by },
      { op: "increment", path: "/load/y", by },
      { op: "increment", path: "/load/moves", by: 1 },
    ];
    this.#acknowledge(await http.post("/v1/transactions", { json: { operations } }), 200);
    this.transfersAcknowledged += 1;
  }

  #acknowledge(answer: { status: number; text: string; zxid: number }, status: number): void {
    if (answer.status !== status) throw new Error(`${answer.status} ${answer.text}`);
    this.acknowledgedCount += 1;
    this.#onAcknowledged();
    this.zxid = Math.max(this.zxid, answer.zxid);
  }
}

export function eventsOf({ data }: StreamEvent): Told[] {
  return data.events as Told[];
}
