// What one connection may have under way: whatever it sends ahead or beside each other, others are served.

import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import {
  connectFrames,
  endHeaders,
  endStream,
  frame,
  framesIn,
  frameTypes,
  requestHead,
} from "../support/http2-frames.ts";
import { test } from "../support/process.ts";
import { ca, tlsSettings } from "../support/tls-pair.ts";

/** It is an event that is waited for, however long a busy machine takes. */
const patience = { timeout: 20_000 };

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const create = (name: string) =>
  `POST /v1/znodes/${name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;

async function watchCount(http: Http): Promise<number> {
  return (await http.get("/v1/admin/watches")).json<{ watches: unknown[] }>().watches.length;
}

test("requests sent ahead wait for those before them, and all are answered in their order", async ({
  start,
}) => {
  const http = new Http((await start("--requests-per-connection-max", "2")).url);
  const socket = await http.connect();
  let text = "";
  socket.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  const poll = get("/v1/znodes/a?waitAfterZxid=0&waitMs=60000");
  socket.write(poll + poll + create("b"));
  for (let index = 0; index < 3000; index += 1) socket.write(get(`/v1/znodes/b?version=${index}`));
  await expect.poll(() => watchCount(http), patience).toBe(2);
  expect((await http.get("/v1/znodes/b")).status).toBe(404);
  await http.post("/v1/znodes/a");
  socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  await once(socket, "close");
  const statuses = Array.from(text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm), ([, status]) => Number(status));
  expect(statuses).toEqual([200, 200, 201, ...Array(3000).fill(400), 200]);
  expect((await http.get("/v1/znodes/b")).status).toBe(200);
});

test("a request that has to wait is answered, whatever unreadable comes behind it", async ({ start }) => {
  const http = new Http((await start("--requests-per-connection-max", "1")).url);
  const socket = await http.connect();
  let text = "";
  socket.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  socket.write(`${get("/v1/znodes/a?waitAfterZxid=0&waitMs=60000")}${create("b")}this is no HTTP\r\n\r\n`);
  await expect.poll(() => watchCount(http), patience).toBe(1);
  await http.post("/v1/znodes/a");
  await once(socket, "close");
  const statuses = Array.from(text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm), ([, status]) => Number(status));
  expect(statuses).toEqual([200, 201, 400]);
});

test("what one client asks at length on many connections is done bit by bit, and others are served between", async ({
  start,
}) => {
  const { url } = await start();
  const http = new Http(url);
  await http.post("/v1/znodes/large", { body: "x".repeat(2 ** 20) });
  const [connections, requests] = [10, 20];
  const target = { host: "127.0.0.1", port: Number(new URL(url).port), localAddress: "127.0.0.2" };
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(target);
      await once(socket, "connect");
      return socket;
    }),
  );
  let text = "";
  const count = () => text.match(/^HTTP\/1\.1 200 /gm)?.length ?? 0;
  for (const socket of sockets) {
    socket.setEncoding("latin1").on("data", (part) => {
      text += part;
    });
    socket.write("HEAD /v1/children?include=data HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(requests));
  }
  // Each takes a turn of its own at least. All that was asked takes half a second, and in one go it would be over by now.
  for (let index = 0; index < 3; index += 1) expect((await http.get("/v1/znodes/none")).status).toBe(404);
  expect(count()).toBeLessThan(connections * requests);
  await expect.poll(count, patience).toBe(connections * requests);
  for (const socket of sockets) socket.destroy();
});

test("one connection's waits are bounded, others wait all the same, and all are gone with it", async ({
  start,
}) => {
  const http = new Http((await start("--waits-per-connection-max", "3", "--streams-max", "5")).url);
  for (const target of ["/v1/watch?path=/a", "/v1/znodes/none?waitAfterZxid=0&waitMs=60000"]) {
    const socket = await http.connect();
    socket.resume().write(get(target).repeat(50));
    await expect.poll(() => watchCount(http), patience).toBe(3);
    const other = await http.stream("/v1/watch", { query: "path=/a" });
    expect(await watchCount(http)).toBe(4);
    // Also those whose answers had not begun, behind others.
    socket.destroy();
    other.close();
    await expect.poll(() => watchCount(http), patience).toBe(0);
  }
});

interface Asked {
  readonly status: number;
  readonly body: Promise<string>;
  close(): void;
}

async function ask(session: ClientHttp2Session, headers: Record<string, string>, body = ""): Promise<Asked> {
  const stream = session.request(headers, { endStream: body === "" }).setEncoding("utf8");
  if (body !== "") stream.end(body);
  stream.on("error", () => {});
  const [answer] = await once(stream, "response");
  const text = (async () => {
    let all = "";
    for await (const part of stream) all += part;
    return all;
  })().catch(() => "");
  return { status: Number(answer[":status"]), body: text, close: () => stream.close() };
}

test("whatever waits counts, be it a stream, a long poll or a claim: beyond the bound it is 429 and named", async ({
  start,
}) => {
  const { url } = await start(...tlsSettings, "--waits-per-connection-max", "1");
  const session = connectHttp2(url, { ca });
  const post = (path: string, body: string, token = "") =>
    ask(session, { ":method": "POST", ":path": path, ...(token !== "" && { "session-token": token }) }, body);
  const opened = await post("/v1/sessions", "{}");
  const { id, token } = JSON.parse(await opened.body) as { id: string; token: string };
  const held = await ask(session, { ":path": "/v1/watch?path=/" });
  const streams = [
    ...["/v1/watch?path=/", `/v1/sessions/${id}/events`, "/v1/locks/a/events", "/v1/elections/a/events"],
    ...["/v1/services/a/events", "/v1/znodes/a?waitAfterZxid=9&waitMs=9000", "/v1/children?waitAfterZxid=9"],
  ];
  const waits = [
    ...streams.map((path) => ask(session, { ":path": path })),
    post("/v1/locks/a/claims", '{"waitMs":9000}', token),
    post("/v1/elections/a/candidates", '{"value":"x","waitMs":9000}', token),
    post("/v1/barriers/a", '{"action":"enter","count":2,"participant":"p","waitMs":9000}', token),
  ];
  for (const { status, body } of await Promise.all(waits)) {
    expect([status, await body]).toEqual([429, expect.stringContaining('"limit":"waitsPerConnectionMax"')]);
  }
  held.close();
  await expect
    .poll(async () => (await ask(session, { ":path": "/v1/watch?path=/" })).status, patience)
    .toBe(200);
  session.destroy();
});

/** Sends the bytes on a connection of HTTP/2, and gives what came until the server closed it. */
async function sendFrames(url: string, bytes: Buffer): Promise<Buffer> {
  const socket = await connectFrames(url);
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  socket.write(bytes);
  await once(socket, "close");
  return Buffer.concat(parts);
}

test("a session of HTTP/2 is told how many streams it may have, and one that only resets them is ended", async ({
  start,
}) => {
  const { url } = await start(...tlsSettings, "--requests-per-connection-max", "40");
  const session = connectHttp2(url, { ca });
  const [settings] = await once(session, "remoteSettings");
  expect(settings).toMatchObject({ maxConcurrentStreams: 40 });
  // GET https://localhost/, and at once no longer.
  const head = [0x82, 0x87, 0x84, 0x41, 9, ...Buffer.from("localhost")];
  const resets = Array.from({ length: 1000 }, (_, index) => [
    frame(1, 5, 2 * index + 1, head),
    frame(3, 0, 2 * index + 1, [0, 0, 0, 8]),
  ]).flat();
  const answers = framesIn(await sendFrames(url, Buffer.concat(resets)));
  expect(answers.map(({ type }) => type)).toContain(frameTypes.goaway);
  expect((await ask(session, { ":path": "/livez" })).status).toBe(200);
  session.destroy();
});

test("requests of HTTP/2 that nobody waits for any more are no bugs", async ({ start }) => {
  const server = await start(...tlsSettings);
  const head = requestHead("GET", "/v1/znodes/none");
  // All at once, and with the last of them goes the session.
  const resets = Array.from({ length: 1000 }, (_, index) => [
    frame(frameTypes.headers, endStream | endHeaders, 2 * index + 1, head),
    frame(frameTypes.rstStream, 0, 2 * index + 1, [0, 0, 0, 8]),
  ]).flat();
  await sendFrames(server.url, Buffer.concat(resets));
  const session = connectHttp2(server.url, { ca });
  expect((await ask(session, { ":path": "/livez" })).status).toBe(200);
  expect(server.logs.filter(({ level }) => level !== "info" && level !== "warn")).toEqual([]);
  session.destroy();
});

test("a session of HTTP/2 that asks for nothing ends, also in the middle of a request's head", async ({
  start,
}) => {
  const { url } = await start(...tlsSettings, "--keep-alive-timeout-ms", "300");
  // A frame of HEADERS that does not end them, and no CONTINUATION after it.
  const half = frame(1, 0, 1, [0x82]);
  for (const sent of [Buffer.alloc(0), half]) {
    expect(framesIn(await sendFrames(url, sent))).not.toEqual([]);
  }
  const session = connectHttp2(url, { ca });
  const stream = await ask(session, { ":path": "/v1/watch?path=/&heartbeatMs=100" });
  expect([stream.status, session.closed]).toEqual([200, false]);
  stream.close();
  await once(session, "close");
});
