// Random writes by several writers at once, over a tree small enough that they meet, and a record of every answer:
// what the log must hold, what it may, and what it must not. It follows no stream and judges nothing.

import type { Stat } from "../../src/core/tree/stat.ts";
import { type Answer, Http } from "../support/http.ts";
import { random } from "../support/random.ts";

export interface ExpectedEvent {
  readonly type: "created" | "changed" | "deleted";
  readonly path: string;
  readonly data?: string;
  readonly stat?: Stat;
}

/** One transaction after `afterZxid`, up to and with `untilZxid`, has these events in this order. */
export interface Acknowledged {
  readonly afterZxid: number;
  readonly untilZxid: number;
  readonly events: readonly ExpectedEvent[];
}

/** What is known of a write: nothing while its answer is missing, for ever when the server died meanwhile. */
type Outcome = "unknown" | "done" | "refused";

interface Written {
  readonly path: string;
  readonly stat: Stat;
}

interface OperationResult {
  readonly op: "create" | "set" | "delete";
  readonly path: string;
  readonly stat?: Stat;
}

const writersAtOnce = 4;
const sessionsMax = 4;
/** Of sessions that nobody keeps alive: some expire while they own something. The server must allow it. */
export const sessionTimeoutMsMin = 100;

const paths = ["/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/q", "/q/x", "/r"] as const;
const ephemeralPaths = ["/e1", "/e2", "/q/e", "/r/e"] as const;
/** Every path a stream may be interested in: `/` is the parent of all, `/never` of none. */
export const watchablePaths = ["/", ...paths, ...ephemeralPaths, "/never"] as const;

const eventTypes = { create: "created", set: "changed", delete: "deleted" } as const;

export function pick<Value>(chance: () => number, values: readonly Value[]): Value {
  return values[Math.floor(chance() * values.length)] as Value;
}

export class TreeLoad {
  readonly acknowledged: Acknowledged[] = [];
  /** By the number of the write, which is the first word of all data it writes. */
  readonly outcomes: Outcome[] = [];
  /** Sessions whose close was acknowledged, and the zxid of the answer. */
  readonly closed: { readonly id: string; readonly zxid: number }[] = [];
  /** The last zxid an answer had. */
  zxid = 0;
  readonly #seed: number;
  #runs = 0;
  #isRunning = false;
  /** Stays within `sessionsMax`: some are closed by their writers, those with a short timeout are left to expire. */
  readonly #sessions: { id: string; token: string }[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** All writers at once, until the tree is at `untilZxid` or the server is gone. */
  async run(url: string, untilZxid: number): Promise<void> {
    const http = new Http(url);
    this.#runs += 1;
    this.#isRunning = true;
    const writers = Array.from({ length: writersAtOnce }, async (_, index) => {
      const chance = random(this.#seed + this.#runs * writersAtOnce + index);
      while (this.zxid < untilZxid && (await this.#isAnswered(this.#write(http, chance))))
        this.#tellWaiters();
    });
    await Promise.all(writers);
    this.#isRunning = false;
    this.#tellWaiters();
  }

  /** Resolves when an answer has had that zxid, or nothing is written any more. */
  async untilZxid(zxid: number): Promise<void> {
    const isDue = () => this.zxid >= zxid || !this.#isRunning;
    while (!isDue()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  #tellWaiters(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }

  /** False when the server went away before it answered. */
  async #isAnswered(write: Promise<void>): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  }

  async #write(http: Http, chance: () => number): Promise<void> {
    const number = this.outcomes.push("unknown") - 1;
    const body = `${number} ${"x".repeat(Math.floor(chance() * 200))}`;
    const write = { http, chance, number, body };
    const kind = chance();
    if (kind < 0.3) await this.#set(write);
    else if (kind < 0.4) await this.#create(write, pick(chance, paths), "parents=true");
    else if (kind < 0.5) await this.#create(write, "/q/n-", "sequential=true&parents=true");
    else if (kind < 0.65) await this.#createEphemeral(write);
    else if (kind < 0.75) await this.#delete(write);
    else if (kind < 0.92) await this.#transact(write);
    else if (this.#sessions.length < sessionsMax) await this.#openSession(write);
    else await this.#closeSession(write);
  }

  async #set({ http, chance, number, body }: Write): Promise<void> {
    const answer = await http.put(`/v1/znodes${pick(chance, paths)}`, { query: "upsert=true", body });
    if (this.#isDone(number, answer)) this.#acknowledgeWritten(answer, body);
  }

  async #create({ http, number, body }: Write, path: string, query: string, token?: string): Promise<void> {
    const headers = token !== undefined && { headers: { "session-token": token } };
    const answer = await http.post(`/v1/znodes${path}`, { query, body, ...headers });
    if (this.#isDone(number, answer)) this.#acknowledgeWritten(answer, body);
  }

  #acknowledgeWritten(answer: Answer, data: string): void {
    const { path, stat } = answer.json<Written>();
    const type = answer.status === 201 ? "created" : "changed";
    this.#acknowledgeAt(stat.mzxid, [{ type, path, data, stat }]);
  }

  #acknowledgeAt(zxid: number, events: readonly ExpectedEvent[]): void {
    this.acknowledged.push({ afterZxid: zxid - 1, untilZxid: zxid, events });
  }

  async #createEphemeral(write: Write): Promise<void> {
    const session = pick(write.chance, this.#sessions);
    if (session === undefined) return await this.#openSession(write);
    await this.#create(write, pick(write.chance, ephemeralPaths), "ephemeral=true", session.token);
  }

  /** The answer to a delete does not say at which zxid, only that it was not later than now. */
  async #delete({ http, chance, number }: Write): Promise<void> {
    const afterZxid = this.zxid;
    const path = pick(chance, [...paths, ...ephemeralPaths]);
    const answer = await http.delete(`/v1/znodes${path}`, { query: { recursive: chance() < 0.3 } });
    if (!this.#isDone(number, answer)) return;
    const events = [{ type: "deleted" as const, path }];
    this.acknowledged.push({ afterZxid, untilZxid: answer.zxid, events });
  }

  async #transact({ http, chance, number, body }: Write): Promise<void> {
    const operations = Array.from({ length: 1 + Math.floor(chance() * 3) }, () => {
      const path = pick(chance, paths);
      const op = pick(chance, ["create", "set", "set", "delete"] as const);
      return op === "delete" ? { op, path } : { op, path, data: body };
    });
    const answer = await http.post("/v1/transactions", { json: { operations } });
    if (!this.#isDone(number, answer)) return;
    const { zxid, results } = answer.json<{ zxid: number; results: OperationResult[] }>();
    const events = results.map(({ op, path, stat }) => ({
      ...{ type: eventTypes[op], path },
      ...(op !== "delete" && { data: body }),
      ...(stat !== undefined && { stat }),
    }));
    this.#acknowledgeAt(zxid, events);
  }

  async #openSession({ http, chance, number }: Write): Promise<void> {
    const timeoutMs = pick(chance, [sessionTimeoutMsMin, 60_000, 60_000]);
    const answer = await http.post("/v1/sessions", { json: { timeoutMs } });
    if (this.#isDone(number, answer)) this.#sessions.push(answer.json<{ id: string; token: string }>());
  }

  async #closeSession({ http, chance, number }: Write): Promise<void> {
    const index = Math.floor(chance() * this.#sessions.length);
    const [session] = this.#sessions.splice(index, 1);
    if (session === undefined) return;
    const headers = { "session-token": session.token };
    const answer = await http.delete(`/v1/sessions/${session.id}`, { headers });
    if (this.#isDone(number, answer)) this.closed.push({ id: session.id, zxid: answer.zxid });
  }

  #isDone(number: number, answer: Answer): boolean {
    if (answer.status >= 500) throw new Error(`${answer.status} ${answer.text}`);
    const isDone = answer.status < 300;
    this.outcomes[number] = isDone ? "done" : "refused";
    this.zxid = Math.max(this.zxid, answer.zxid);
    return isDone;
  }
}

interface Write {
  readonly http: Http;
  readonly chance: () => number;
  readonly number: number;
  readonly body: string;
}
