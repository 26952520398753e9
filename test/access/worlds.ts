// Two worlds that differ only in what one caller may not read, and what the caller is answered in each. Each is a whole
// server over a log in memory. Whatever others do in one of them costs the other as many transactions, so that zxids,
// which are told to everybody, are the same in both.

import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import type { Rule } from "../../src/core/access/policy.ts";
import type { Server } from "../../src/server.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { serverOver } from "../routes/server-fixture.ts";
import { addTokenWith, type Bearer, turnOnAccess } from "../support/access.ts";
import { type EventStream, Http } from "../support/http.ts";
import { Keeper } from "../support/keeper.ts";
import { watchesOf } from "../watches/fixture.ts";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is; anything else as JSON. */
  readonly body?: unknown;
  /** Which of the sessions that the same asker opened it is for; none where there are not so many. */
  readonly session?: number;
}

/** An answer in one text: status, headers, body. */
export type Told = string;

/** What nobody asks for but the test: written to keep the worlds at one zxid. No caller here has any right to it. */
const scratch = "/zz-scratch";

/** Where recipes keep what they keep. There from the start, since their names are told to whoever reads the root. */
const recipeRoots = ["/locks", "/elections", "/services", "/barriers", "/counters"];

/** Long, so that none ends while a test lets time pass. */
const longLived = { timeoutMs: 3_600_000 };

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Somebody with a token, in one world. */
export class Someone {
  /** Ids and tokens of the sessions it opened, in order. */
  readonly sessions: { readonly id: string; readonly token: string }[] = [];
  readonly #world: World;
  readonly #bearer: Bearer;

  constructor(world: World, bearer: Bearer) {
    this.#world = world;
    this.#bearer = bearer;
  }

  /** Text of a test with `{session 0}` in it, for this asker in this world. */
  #meant(text: string): string {
    return text.replaceAll(
      /\{(session|token) (\d+)\}/g,
      (_, kind: "session" | "token", index: string) =>
        this.sessions[Number(index)]?.[kind === "session" ? "id" : "token"] ?? "0123456789abcdef",
    );
  }

  headersOf({ headers = {}, session: index }: Pick<Asked, "headers" | "session">): Record<string, string> {
    const token = index === undefined ? undefined : this.sessions[index]?.token;
    const meant = Object.entries(headers).map(([name, value]) => [name, this.#meant(value)]);
    return {
      ...this.#bearer,
      ...(token !== undefined && { "session-token": token }),
      ...Object.fromEntries(meant),
    };
  }

  urlOf({ url }: Pick<Asked, "url">): string {
    return this.#meant(url);
  }

  async send(asked: Asked): Promise<Answered> {
    const { method } = asked;
    const isJson = asked.body !== undefined && typeof asked.body !== "string";
    const text = isJson ? JSON.stringify(asked.body) : (asked.body as string | undefined);
    const request = {
      method,
      url: this.urlOf(asked),
      headers: { ...(isJson && { "content-type": "application/json" }), ...this.headersOf(asked) },
      ...(text !== undefined && { body: this.#meant(text) }),
    };
    const answer = await this.#world.answerTo(request);
    if (method === "POST" && asked.url === "/v1/sessions" && answer.status === 201)
      this.sessions.push(JSON.parse(answer.body));
    return answer;
  }

  /** As `send`, and what came back as text in which the names of this world have been made those of any. */
  async ask(asked: Asked): Promise<Told> {
    const { status, headers, body } = await this.send(asked);
    const listed = Object.entries(headers).filter(([name]) => !untold.has(name));
    const lines = listed.map(([name, value]) => `${name}: ${value}`).sort();
    return this.masked([status, ...lines, "", body].join("\n"));
  }

  /** Ids and tokens of its own sessions are chance; so are those of others that it was said to see. */
  masked(text: string): string {
    let masked = text;
    for (const [index, { id, token }] of this.sessions.entries())
      masked = masked.replaceAll(id, `{session ${index}}`).replaceAll(token, `{token ${index}}`);
    for (const [id, name] of this.#world.seen) masked = masked.replaceAll(id, `{session of ${name}}`);
    return masked;
  }
}

/** Read piece by piece from a real connection; all else needs none. */
const hasLongBody = /^\/v1\/import/;

const untold = new Set(["date", "connection", "keep-alive"]);

export class World {
  readonly keeper = new Keeper();
  readonly watches: Watches;
  readonly server: Server;
  /** Whoever may do everything. */
  readonly others: Someone;
  readonly caller: Someone;
  /** Sessions of others that the caller may know of, by id, as they are named in both worlds. */
  readonly seen = new Map<string, string>();
  readonly #close: () => Promise<void>;
  #http: Http | undefined;

  /** Use `worldFor`. */
  constructor(
    keeper: Keeper,
    made: Pick<World, "watches" | "server"> & { close: () => Promise<void> },
    bearers: Bearers,
  ) {
    this.keeper = keeper;
    this.watches = made.watches;
    this.server = made.server;
    this.#close = made.close;
    this.others = new Someone(this, bearers.others);
    this.caller = new Someone(this, bearers.caller);
  }

  get zxid(): number {
    return this.keeper.store.zxid;
  }

  async answerTo({ method, url, headers, body }: Request): Promise<Answered> {
    if (!hasLongBody.test(url)) {
      const payload = body === undefined ? {} : { payload: body };
      const answer = await this.server.app.inject({ method: method as "GET", url, headers, ...payload });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    }
    this.#http ??= await this.#listen();
    const answer = await this.#http.request(method, url, { headers, ...(body !== undefined && { body }) });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: answer.text };
  }

  /** Over a connection of its own, for what never ends by itself. What is refused instead is told as text. */
  async stream(asked: Asked): Promise<EventStream | string> {
    this.#http ??= await this.#listen();
    const path = this.caller.urlOf(asked);
    try {
      return await this.#http.stream(path, { headers: this.caller.headersOf(asked) });
    } catch (error) {
      return this.caller.masked((error as Error).message);
    }
  }

  async #listen(): Promise<Http> {
    const { app } = this.server;
    await app.listen({ host: "127.0.0.1", port: 0 });
    return new Http(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
  }

  /** Streams say goodbye: all that they were told is with them. */
  async close(): Promise<void> {
    await this.#close();
  }

  async pad(): Promise<void> {
    const { status } = await this.others.send({ method: "PUT", url: `/v1/znodes${scratch}` });
    expect(status).toBe(200);
  }
}

interface Bearers {
  readonly others: Bearer;
  readonly caller: Bearer;
}

async function worldFor(rules: readonly Rule[]): Promise<World> {
  const keeper = new Keeper();
  await keeper.store.start();
  const watches = watchesOf(keeper);
  const { server, close: closeServer } = await serverOver(keeper, watches);
  const others = await turnOnAccess(keeper.store);
  const caller = await addTokenWith(keeper.store, "caller", [...rules, ownOfTest]);
  const close = async () => {
    await closeServer();
    watches.close("shutdown");
    await keeper.store.close();
  };
  const world = new World(keeper, { watches, server, close }, { others, caller });
  for (const path of [scratch, ...recipeRoots])
    await world.others.send({ method: "POST", url: `/v1/znodes${path}` });
  return world;
}

const ownOfTest: Rule = {
  prefix: scratch,
  deny: ["read", "write", "create", "delete", "session", "coordinate", "admin"],
};

/** What others do in one world; nothing where it is null. */
export type Deed = ((world: World) => Promise<unknown>) | null;

export class TwoWorlds {
  readonly a: World;
  readonly b: World;

  private constructor(a: World, b: World) {
    this.a = a;
    this.b = b;
  }

  /** @param rules of the caller */
  static async open(rules: readonly Rule[]): Promise<TwoWorlds> {
    return new TwoWorlds(await worldFor(rules), await worldFor(rules));
  }

  /** Others do one thing in one world and another in the other. */
  async differ(inA: Deed, inB: Deed): Promise<void> {
    await inA?.(this.a);
    await inB?.(this.b);
    while (this.a.zxid < this.b.zxid) await this.a.pad();
    while (this.b.zxid < this.a.zxid) await this.b.pad();
  }

  /** They do the same in both. */
  async same(deed: Deed): Promise<void> {
    await this.differ(deed, deed);
  }

  /** What the caller is answered in either world. */
  async ask(asked: Asked): Promise<readonly [Told, Told]> {
    const answers = [await this.a.caller.ask(asked), await this.b.caller.ask(asked)] as const;
    return [`${answers[0]}\nat ${this.a.zxid}`, `${answers[1]}\nat ${this.b.zxid}`];
  }

  /**
   * The caller waits for an answer while others do something. Told with it is whether it came before the time was up.
   * @param waitMs as long as the request waits at most
   */
  async askMeanwhile(asked: Asked, inA: Deed, inB: Deed, waitMs = 1000): Promise<readonly [Told, Told]> {
    const waits = [wait(this.a, asked), wait(this.b, asked)] as const;
    await turns();
    await this.differ(inA, inB);
    await turns();
    const early = waits.map(({ isOver }) => isOver());
    // A request may have waited for the store first, before its own time began.
    for (let turn = 0; turn < 10 && !waits.every(({ isOver }) => isOver()); turn += 1)
      await Promise.all([this.a, this.b].map(({ keeper }) => keeper.clock.advance(waitMs)));
    const [a, b] = await Promise.all(waits.map(({ answer }) => answer));
    return [`${a}\nbefore its time: ${early[0]}`, `${b}\nbefore its time: ${early[1]}`];
  }

  async close(): Promise<void> {
    await Promise.all([this.a.close(), this.b.close()]);
  }
}

function wait(world: World, asked: Asked) {
  let isOver = false;
  const answer = world.caller.ask(asked).finally(() => {
    isOver = true;
  });
  return { answer, isOver: () => isOver };
}

/** What is under way in this process goes on until it waits for something else. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A stream in either world, and what it was told in the end. */
export class TwoStreams {
  readonly #worlds: TwoWorlds;
  readonly #streams: readonly [EventStream | string, EventStream | string];

  private constructor(worlds: TwoWorlds, streams: readonly [EventStream | string, EventStream | string]) {
    this.#worlds = worlds;
    this.#streams = streams;
  }

  static async open(worlds: TwoWorlds, asked: Asked): Promise<TwoStreams> {
    return new TwoStreams(worlds, [await worlds.a.stream(asked), await worlds.b.stream(asked)]);
  }

  /** Call when the worlds are closed, or are being closed. */
  async told(): Promise<readonly [Told, Told]> {
    const { a, b } = this.#worlds;
    return [await toldBy(this.#streams[0], a), await toldBy(this.#streams[1], b)];
  }
}

async function toldBy(stream: EventStream | string, { caller }: World): Promise<Told> {
  if (typeof stream === "string") return stream;
  await stream.untilEnd();
  const events = stream.events.map(({ id, event, text }) => `${id} ${event} ${text}`);
  return caller.masked([...events, stream.isCut ? "cut off" : "ended"].join("\n"));
}

/** Opens a session of others and says under which name its id may be seen, if it may. */
export async function otherSession(
  { others, seen }: World,
  { name, seenAs }: { readonly name: string; readonly seenAs?: string },
): Promise<number> {
  const { status } = await others.send({
    method: "POST",
    url: "/v1/sessions",
    body: { ...longLived, name },
  });
  expect(status).toBe(201);
  const index = others.sessions.length - 1;
  if (seenAs !== undefined) seen.set((others.sessions[index] as { id: string }).id, seenAs);
  return index;
}
