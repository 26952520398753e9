import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, type Socket } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import pino from "pino";
import { expect } from "vitest";
import { defaultLimits } from "../../src/core/limits.ts";
import { problemHandler } from "../../src/routes/http/problems.ts";
import { ownKeywords } from "../../src/routes/http/validation.ts";
import { watchRoutes } from "../../src/routes/watches/watch.ts";
import { namedSchemas } from "../../src/routes/wire/schemas.ts";
import { defaultWatchLimits } from "../../src/watches/limits.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { letEverybodyIn } from "../support/access.ts";
import { type Keeper, plain } from "../support/keeper.ts";
import { watchesOf, test as watchesTest } from "../watches/fixture.ts";
import { parseEvents, type SentEvent } from "../watches/recording-sink.ts";

interface Server {
  readonly url: string;
  readonly port: number;
}

async function serve(keeper: Keeper, watches: Watches): Promise<{ app: FastifyInstance; server: Server }> {
  const app = fastify({
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, keywords: ownKeywords } },
  });
  app.setErrorHandler(problemHandler(pino({ level: "silent" })));
  for (const schema of namedSchemas) app.addSchema(schema);
  letEverybodyIn(app);
  watchRoutes(app, { watches, store: keeper.store, limits: defaultLimits });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { app, server: { port, url: `http://127.0.0.1:${port}/v1/watch` } };
}

const test = watchesTest.extend<{ server: Server }>({
  server: async ({ keeper, watches }, use) => {
    const { app, server } = await serve(keeper, watches);
    await use(server);
    await app.close();
  },
});

/** A client that reads until it has seen what it waits for. */
class Reader {
  readonly response: Response;
  text = "";
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();

  constructor(response: Response) {
    this.response = response;
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<Reader> {
    const response = await fetch(url, { headers: { accept: "text/event-stream", ...headers } });
    expect(response.status).toBe(200);
    return new Reader(response);
  }

  get events(): SentEvent[] {
    return parseEvents(this.text);
  }

  async until(condition: () => boolean): Promise<SentEvent[]> {
    while (!condition()) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`the stream ended too early, after: ${this.text}`);
      this.text += this.#decoder.decode(value, { stream: true });
    }
    return this.events;
  }

  async untilEvent(name: string): Promise<SentEvent[]> {
    return await this.until(() => this.events.some(({ event }) => event === name));
  }

  /** Everything up to the end of the stream. */
  async untilEnd(): Promise<SentEvent[]> {
    for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) {
      this.text += this.#decoder.decode(part.value, { stream: true });
    }
    return this.events;
  }

  async leave(): Promise<void> {
    await this.#reader.cancel();
  }
}

test("a stream begins at once, with the headers that keep proxies from holding it", async ({
  keeper,
  server,
}) => {
  await keeper.create("/a");
  const reader = await Reader.open(`${server.url}?path=/a`);
  const { headers } = reader.response;
  expect(headers.get("content-type")).toBe("text/event-stream");
  expect(headers.get("cache-control")).toBe("no-store, no-transform");
  expect(headers.get("x-accel-buffering")).toBe("no");
  expect(headers.get("zxid")).toBe("1");
  await reader.until(() => reader.text.includes("\n\n"));
  expect(reader.text).toMatch(/^retry: \d{4}\n(id|event): /);
  await reader.leave();
});

test("a writer is told of its own write on its stream [W17]", async ({ keeper, server }) => {
  const reader = await Reader.open(`${server.url}?path=/a&path=/b&scope=children&initial=true`);
  await reader.untilEvent("synced");
  await keeper.create("/b", plain, "x");
  const events = await reader.untilEvent("change");
  expect(events.map(({ event }) => event)).toEqual(["snapshot", "synced", "change"]);
  expect(events[2]?.id).toBe("1");
  await reader.leave();
});

test("a stream resumes after Last-Event-ID, which goes before sinceZxid and initial [W28]", async ({
  keeper,
  server,
}) => {
  await keeper.create("/a");
  for (const value of ["1", "2", "3"]) await keeper.set("/a", value);
  const url = `${server.url}?path=/a&initial=true&sinceZxid=1`;
  const reader = await Reader.open(url, { "last-event-id": "3" });
  expect((await reader.untilEvent("synced")).map(({ id, event }) => [id, event])).toEqual([
    ["4", "change"],
    ["4", "synced"],
  ]);
  const without = await Reader.open(url);
  expect((await without.untilEvent("synced")).map(({ id }) => id)).toEqual(["2", "3", "4", "4"]);
  await Promise.all([reader.leave(), without.leave()]);
});

test("once ends the response after the first change [W21]", async ({ keeper, server }) => {
  const reader = await Reader.open(`${server.url}?path=/a&once=true`);
  await reader.untilEvent("synced");
  await keeper.create("/a");
  expect((await reader.untilEnd()).map(({ event }) => event)).toEqual(["synced", "change"]);
});

test("a client that goes away leaves nothing behind [W24]", async ({ keeper, server, watches }) => {
  const reader = await Reader.open(`${server.url}?path=/a`);
  await reader.untilEvent("synced");
  expect(watches.streamCount).toBe(1);
  await reader.leave();
  while (watches.streamCount > 0) await new Promise((resolve) => setImmediate(resolve));
  await keeper.create("/a");
});

test("a planned close ends the response with bye", async ({ server, watches }) => {
  const reader = await Reader.open(`${server.url}?path=/a`);
  await reader.untilEvent("synced");
  watches.close("shutdown");
  expect((await reader.untilEnd()).at(-1)).toMatchObject({ event: "bye", data: { reason: "shutdown" } });
  const late = await fetch(`${server.url}?path=/a`);
  expect([late.status, await late.json()]).toMatchObject([503, { code: "stopping" }]);
});

async function refused(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  const { code, oldestZxid } = (await response.json()) as { code: string; oldestZxid?: number };
  return { status: response.status, code, oldestZxid, header: response.headers.get("zxid-oldest") };
}

test("a malformed request is refused before the first byte", async ({ server }) => {
  const bad = [
    "",
    "?path=/a&scope=all",
    "?path=/a&types=created,moved",
    "?path=/a&types=",
    "?path=/a&initial=maybe",
    "?path=/a&sinceZxid=-1",
    "?path=/a&sinceZxid=1.5",
    "?path=/a&sinceZxid=x",
    "?path=/a&heartbeatMs=0",
    "?path=/a&bookmarkMs=0",
    "?path=/a&pth=/b",
    `?${"path=/a&".repeat(101)}`,
  ];
  for (const query of bad)
    expect(await refused(server.url + query), query).toMatchObject({ status: 400, code: "bad_request" });
  for (const path of ["a", "/a/", "/a//b", "/../a", "/%00", ""]) {
    expect(await refused(`${server.url}?path=/ok&path=${path}`), path).toMatchObject({
      status: 400,
      code: "bad_path",
    });
  }
});

test("who is no EventSource gets 410 or 400 for a resume point that is gone or unreadable [W28]", async ({
  keeper,
}) => {
  const watches = watchesOf(keeper, { history: { ...defaultWatchLimits.history, messagesMax: 1 } });
  const { app, server } = await serve(keeper, watches);
  for (const path of ["/a", "/b", "/c"]) await keeper.create(path);
  const url = `${server.url}?path=/a`;
  const trimmed = { status: 410, code: "history_trimmed", oldestZxid: 2, header: "2" };
  expect(await refused(`${url}&sinceZxid=1`)).toEqual(trimmed);
  expect(await refused(url, { "last-event-id": "1" })).toEqual(trimmed);
  expect(await refused(`${url}&sinceZxid=4`)).toEqual(trimmed);
  expect(await refused(url, { "last-event-id": "garbage" })).toMatchObject({
    status: 400,
    code: "bad_request",
  });
  for (const [headers, reason] of [
    [{ "last-event-id": "1" }, "history_trimmed"],
    [{ "last-event-id": "99" }, "unknown_zxid"],
    [{ "last-event-id": "garbage" }, "unknown_zxid"],
  ] as const) {
    const reader = await Reader.open(url, headers);
    const events = await reader.untilEvent("synced");
    expect(events.map(({ event }) => event)).toEqual(["reset", "snapshot", "synced"]);
    expect(events[0]?.data).toEqual({ reason, zxid: 3 });
    await reader.leave();
  }
  watches.close("shutdown");
  await app.close();
});

test("a plain curl gets the stream too", async ({ keeper, server }) => {
  await keeper.create("/a");
  const response = await fetch(`${server.url}?path=/a&initial=true&once=true`, {
    headers: { accept: "*/*" },
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const reader = new Reader(response);
  await reader.untilEvent("synced");
  await keeper.set("/a", "1");
  expect((await reader.untilEnd()).map(({ event }) => event)).toEqual(["snapshot", "synced", "change"]);
});

/** Reads until what came last satisfies the condition; only the end is looked at, however much has come. */
async function readUntil(socket: Socket, condition: (end: string) => boolean): Promise<string> {
  const parts: string[] = [];
  let end = "";
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    parts.push(String(part));
    end = (end + String(part)).slice(-300_000);
    if (condition(end)) return parts.join("");
  }
  throw new Error("the connection ended too early");
}

test("a client that stops reading is bounded, and hears everything when it reads on", async ({ keeper }) => {
  const watches = watchesOf(keeper, { bufferBytesMax: 100_000 });
  const { app, server } = await serve(keeper, watches);
  await keeper.create("/a");
  const socket = connect(server.port, "127.0.0.1");
  const connected = once(app.server, "connection") as Promise<[Socket]>;
  socket.write("GET /v1/watch?path=/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const [serverSocket] = await connected;
  await readUntil(socket, (text) => text.includes("event: synced"));
  const value = "x".repeat(200_000);
  let bufferedMost = 0;
  for (let count = 0; count < 100; count += 1) {
    await keeper.set("/a", value + count);
    bufferedMost = Math.max(bufferedMost, serverSocket.writableLength);
  }
  expect(bufferedMost).toBeGreaterThan(100_000);
  expect(bufferedMost).toBeLessThan(310_000);
  const text = await readUntil(socket, (read) => read.includes("id: 101\n") && read.endsWith("}]}\n\n\r\n"));
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => index + 2));
  socket.destroy();
  watches.close("shutdown");
  await app.close();
});

test("a HEAD of a stream is not offered", async ({ server }) => {
  expect((await fetch(`${server.url}?path=/a`, { method: "HEAD" })).status).toBe(404);
});
