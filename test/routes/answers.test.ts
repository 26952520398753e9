// What answers hold that nobody reads, and for how long.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import type { Socket } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import type { Http } from "../support/http.ts";
import { type Keeper, plain } from "../support/keeper.ts";
import { serveFor, test } from "./server-fixture.ts";

const mebibyte = 1024 ** 2;
/** Each byte of it is six of JSON: more than any socket takes at once. */
const unprintable = "\x01".repeat(mebibyte);
const jsonBytes = 6 * mebibyte;

/** A client that asks and never reads. */
async function askOnly(http: Http, url: string, headers = ""): Promise<Socket> {
  const socket = await http.connect();
  socket.pause();
  socket.write(`GET ${url} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
  return socket;
}

async function until(isMet: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isMet())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Whether nothing more can be handed to the system, time after time. */
function isFull(socket: Socket): () => boolean {
  let before = -1;
  return () => {
    const handedOver = socket.bytesWritten - socket.writableLength;
    const isStill = socket.writableLength > 0 && handedOver === before;
    before = handedOver;
    return isStill;
  };
}

async function isClosed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, "close");
}

/** Many znodes with data that is large as JSON. */
async function fill(keeper: Keeper, count: number): Promise<void> {
  await keeper.create("/p");
  for (let index = 0; index < count; index += 1) await keeper.create(`/p/${index}`, plain, unprintable);
}

test("a page ends before it sends more than its bound, be it of data that grows as JSON, or of names alone", async ({
  keeper,
  http,
}) => {
  const bound = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>().bounds
    .pageBytesMax as number;
  await fill(keeper, 2);
  await keeper.create("/names");
  const names = Array.from({ length: 400 }, (_, index) => `${index + 100}${"路".repeat(4000)}`);
  await Promise.all(names.map((name) => keeper.create(`/names/${name}`)));
  const pages = async (url: string, member: string) => {
    const sizes: number[] = [];
    let entries = 0;
    let after: string | undefined;
    do {
      const cursor = after === undefined ? "" : `&after=${encodeURIComponent(after)}`;
      const answer = await http.get(`${url}${cursor}`);
      const page = answer.json<Record<string, unknown> & { next?: string }>();
      sizes.push(answer.bytes.byteLength);
      entries += (page[member] as unknown[]).length;
      after = page.next;
    } while (after !== undefined && after.length < 1000);
    return { sizes, entries };
  };
  const data = await pages("/v1/children/p?include=data", "children");
  expect(data.entries).toBe(2);
  expect(data.sizes).toHaveLength(2);
  for (const size of data.sizes) expect(size).toBeLessThan(jsonBytes + 10_000);
  expect((await pages("/v1/tree/p?include=data", "znodes")).sizes).toHaveLength(3);
  for (const url of ["/v1/children/names?limit=10000", "/v1/tree/names?include=&limit=10000"]) {
    const [size] = (await pages(url, url.includes("tree") ? "znodes" : "children")).sizes;
    // Beside its entries it has the path and the cursor.
    expect(size).toBeLessThanOrEqual(bound + 15_000);
    expect(size).toBeGreaterThan(bound / 2);
  }
});

test("large answers that nobody takes are bounded on one connection and in all, and small ones go on", async ({
  keeper,
  watches,
}) => {
  const limits = { answerBytesMax: 2 * jsonBytes + 30_000, connectionAnswerBytesMax: 1.5 * jsonBytes };
  const { http, close } = await serveFor(keeper, watches, { limits });
  await fill(keeper, 1);
  const large = "/v1/znodes/p/0";
  const refused = async (limit: keyof typeof limits) => {
    const answer = await http.get(large);
    expect([answer.code, answer.status, answer.header("retry-after")]).toEqual(["throttled", 429, "1"]);
    expect(answer.json()).toMatchObject({ limit, limitValue: limits[limit] });
    expect([answer.header("etag"), Number(answer.header("content-length"))]).toEqual([
      null,
      answer.bytes.byteLength,
    ]);
  };
  const unread = [await askOnly(http, large), await askOnly(http, large)];
  await until(async () => (await http.get(large)).status === 429);
  await refused("answerBytesMax");
  // What changes something is refused before it is done.
  const operations = [{ op: "create", path: "/not-done" }];
  for (const url of ["/v1/transactions", "/v1/batch"]) {
    await until(async () => (await http.post(url, { json: { operations } })).status === 429);
  }
  expect(keeper.state.tree.get("/not-done")).toBeUndefined();
  const lines = await http.get("/v1/tree", { headers: { accept: "application/x-ndjson" } });
  expect(lines.status).toBe(429);
  const session = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const headers = { "session-token": session.token };
  expect((await http.put(`/v1/sessions/${session.id}`, { headers })).status).toBe(200);
  expect((await http.get("/v1/children/p?include=stat")).status).toBe(200);
  expect((await http.post("/v1/znodes/small")).status).toBe(201);

  unread[0]?.destroy();
  await until(async () => (await http.get(large)).status === 200);
  unread[1]?.destroy();
  await close();
});

test("a large znode for which there is no room is refused in every form, and can still be asked after", async ({
  keeper,
  watches,
}) => {
  const limits = { answerBytesMax: 1.1 * jsonBytes };
  const { http, close } = await serveFor(keeper, watches, { limits });
  await fill(keeper, 1);
  const url = "/v1/znodes/p/0";
  const unread = await askOnly(http, url);
  await until(async () => (await http.get(url)).status === 429);
  const forms = ["application/json", "application/octet-stream"];
  const statuses = forms.map(async (accept) => (await http.get(url, { headers: { accept } })).status);
  expect(await Promise.all(statuses)).toEqual([429, 429]);
  const known = await http.request("HEAD", url);
  expect(known.status).toBe(200);
  const headers = { "if-none-match": known.header("etag") as string };
  expect((await http.get(url, { headers })).status).toBe(304);
  unread.destroy();
  await close();
});

test("one connection that asks again and again without reading holds no more than its share", async ({
  keeper,
  watches,
}) => {
  const limits = { connectionAnswerBytesMax: 1.5 * jsonBytes };
  const { http, close } = await serveFor(keeper, watches, { limits });
  await fill(keeper, 1);
  const socket = await http.connect();
  const ask = "GET /v1/znodes/p/0 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const last =
    "POST /v1/znodes/asked HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  socket.write(`${ask.repeat(4)}${last}`);
  await until(async () => (await http.get("/v1/znodes/asked")).status === 200);
  let text = "";
  for await (const part of socket.setEncoding("utf8")) text += part;
  const statuses = text.match(/^HTTP\/1\.1 \d{3}/gm)?.map((line) => line.slice(-3));
  expect(statuses).toEqual(["200", "429", "429", "429", "201"]);
  expect(text).toContain('"limit":"connectionAnswerBytesMax"');
  await close();
});

test("where room is needed, an answer goes of which its client has taken nothing for a while", async ({
  keeper,
  watches,
}) => {
  const limits = { answerBytesMax: 1.5 * jsonBytes };
  const { server, http, close } = await serveFor(keeper, watches, { limits });
  await fill(keeper, 1);
  const accepted = once(server.app.server, "connection") as Promise<[Socket]>;
  const unread = await askOnly(http, "/v1/znodes/p/0");
  const [socket] = await accepted;
  await until(isFull(socket));
  expect((await http.get("/v1/znodes/p/0")).status).toBe(429);
  await keeper.clock.advance(5000);
  expect((await http.get("/v1/znodes/p/0")).status).toBe(200);
  await isClosed(unread);
  await close();
});

test.for([
  ["an answer", "/v1/znodes/p/0", ""],
  ["lines", "/v1/tree", "Accept: application/x-ndjson\r\n"],
  ["a stream", "/v1/watch?path=/p&scope=subtree&initial=true", ""],
] as const)(
  "the connection ends of a client that takes nothing of %s; others stay",
  async ([, url, headers], { keeper, watches }) => {
    const { server, http, close } = await serveFor(keeper, watches, { limits: { sendTimeoutMs: 400 } });
    await fill(keeper, 2);
    const atRest = await http.connect();
    const listener = await http.stream("/v1/watch?path=/small");
    await listener.untilEvent("synced");
    const accepted = once(server.app.server, "connection") as Promise<[Socket]>;
    const still = await askOnly(http, url, headers);
    const [socket] = await accepted;
    await once(still, "readable");
    while (!socket.destroyed) {
      await keeper.clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await isClosed(still);
    expect(watches.streamCount).toBe(1);
    await keeper.create("/small");
    await listener.untilEvent("change");
    atRest.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(String(await once(atRest, "data"))).toMatch(/^HTTP\/1\.1 200/);
    atRest.destroy();
    listener.close();
    await close();
  },
);

test("over HTTP/2 the stream ends of which a client takes nothing, and the others of its connection go on", async ({
  keeper,
  watches,
}) => {
  const file = (name: string) => readFileSync(join(import.meta.dirname, "../support/tls", name));
  const tls = { cert: file("cert.pem"), key: file("key.pem") };
  const { http, close } = await serveFor(keeper, watches, { tls, limits: { sendTimeoutMs: 400 } });
  await fill(keeper, 1);
  const session = connectHttp2(http.url.replace("http:", "https:"), { rejectUnauthorized: false });
  session.on("error", () => {});
  await once(session, "connect");
  // Else what one stream does not read would fill the window of all.
  session.setLocalWindowSize(16 * mebibyte);
  const still = session.request({ ":path": "/v1/znodes/p/0" }).on("error", () => {});
  const [{ ":status": status }] = await once(still, "response");
  expect(status).toBe(200);
  for (let look = 0; look < 6; look += 1) {
    await keeper.clock.advance(100);
    expect(await statusOf(session, "/livez")).toBe(200);
  }
  if (!still.closed) await once(still, "close");
  expect(still.rstCode).toBe(constants.NGHTTP2_CANCEL);
  expect(await statusOf(session, "/v1/znodes/p/0")).toBe(200);
  session.close();
  await close();
});

async function statusOf(session: ClientHttp2Session, path: string): Promise<unknown> {
  const stream = session.request({ ":path": path });
  const [headers] = await once(stream, "response");
  await once(stream.resume(), "close");
  return headers[":status"];
}
