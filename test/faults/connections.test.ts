// Connections that are too many, too slow, or speak no HTTP halfway through: each is told why and ended, and none gets
// in the way of an answer that is owed.

import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { direct, ServerProcess, test } from "../support/process.ts";
import { ca, tlsSettings } from "../support/tls-pair.ts";

/** Everything the server said until it closed. */
async function textOf(socket: Socket): Promise<string> {
  return (await socket.setEncoding("utf8").toArray()).join("");
}

function problemIn(text: string): Record<string, unknown> {
  expect(text).toContain("application/problem+json");
  return JSON.parse(text.slice(text.lastIndexOf("\r\n\r\n"))) as Record<string, unknown>;
}

test("slow headers and slow bodies get 408 that names the limit, and the connection ends", async ({
  start,
}) => {
  const server = await start("--headers-timeout-ms", "300", "--request-timeout-ms", "600");
  const http = new Http(server.url);
  const beginnings = [
    ["", "headersTimeoutMs", 300],
    ["GET /v1/znodes HTTP/1.1\r\nHost: localhost\r\nX-", "headersTimeoutMs", 300],
    ["PUT /v1/znodes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf", "requestTimeoutMs", 600],
    [
      "PUT /v1/znodes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha",
      "requestTimeoutMs",
      600,
    ],
  ] as const;
  const ends = beginnings.map(async ([beginning, limit, limitValue]) => {
    const socket = await http.connect();
    socket.write(beginning);
    const text = await textOf(socket);
    expect(text, beginning).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(text, beginning).toContain("\r\nX-Content-Type-Options: nosniff\r\n");
    expect(problemIn(text)).toMatchObject({ status: 408, code: "bad_request", limit, limitValue });
  });
  await Promise.all(ends);
  expect((await http.get("/v1/znodes")).json()).toMatchObject({ stat: { version: 0 } });
});

test("a request that crosses the refusal of its connection is not done: the refusal is its answer", async ({
  start,
}) => {
  const http = new Http((await start("--headers-timeout-ms", "300")).url);
  const socket = await http.connect();
  socket.allowHalfOpen = true;
  const [refusal] = (await once(socket, "data")) as [Buffer];
  expect(refusal.toString()).toMatch(/^HTTP\/1\.1 408 /);
  socket.end("PUT /v1/znodes/late?upsert=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
  await once(socket.resume(), "close");
  expect((await http.get("/v1/znodes/late")).status).toBe(404);
});

test("who does not close its side after a refusal is closed", async ({ start }) => {
  const http = new Http((await start()).url);
  const socket = await http.connect();
  socket.allowHalfOpen = true;
  socket.write("nonsense\r\n\r\n");
  socket.resume();
  await once(socket, "end");
  // Writing goes on until the server no longer takes it.
  const timer = setInterval(() => socket.write("x"), 20);
  await new Promise((resolve) => socket.once("close", resolve));
  clearInterval(timer);
});

test("nonsense behind a request does not take the place of its answer, nor get into a stream", async ({
  start,
}) => {
  const http = new Http((await start()).url);
  const socket = await http.connect();
  socket.write("POST /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nxnonsense\r\n\r\n");
  const text = await textOf(socket);
  expect(text).toMatch(/^HTTP\/1\.1 201 /);
  expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 201", "HTTP/1.1 400"]);

  const stream = await http.connect();
  stream.write("GET /v1/watch?path=/ HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  await once(stream, "data");
  stream.write("nonsense\r\n\r\n");
  expect(await textOf(stream)).not.toContain("HTTP/1.1");
});

test("a connection at rest is closed when its time is up", async ({ start }) => {
  const http = new Http((await start("--keep-alive-timeout-ms", "200")).url);
  const socket = await http.connect();
  socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 200 /);
});

test("beyond the bound a connection gets 429, but keeps and closes sessions, until others have gone [L2]", async ({
  start,
}) => {
  const http = new Http((await start("--connections-max", "3")).url);
  const first = await http.connect();
  const ask = async (request: string) => {
    first.write(request);
    const [answer] = (await once(first, "data")) as [Buffer];
    return answer.toString();
  };
  const opened = await ask("POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  const { id, token } = JSON.parse(opened.slice(opened.indexOf("\r\n\r\n")));
  const others = [await http.connect(), await http.connect()];

  const close = "Connection: close\r\n";
  const length = 100_000;
  const refused = await http.raw(
    `PUT /v1/znodes HTTP/1.1\r\nHost: localhost\r\n${close}Content-Length: ${length}\r\n\r\n${"x".repeat(length)}`,
  );
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(JSON.parse(refused.body)).toMatchObject({
    code: "throttled",
    limit: "connectionsMax",
    limitValue: 3,
  });
  const ofSession = `Session-Token: ${token}\r\n`;
  expect((await http.rawRequest("GET", "/livez")).status).toBe(200);
  expect((await http.rawRequest("PUT", `/v1/sessions/${id}`, ofSession)).status).toBe(200);
  expect((await http.rawRequest("DELETE", `/v1/sessions/${id}`, ofSession)).status).toBe(204);
  expect(await ask("GET /v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n")).toContain('"version":0');

  for (const socket of others) {
    socket.destroy();
    await once(socket, "close");
  }
  await expect.poll(async () => (await http.rawRequest("GET", "/v1/znodes")).status).toBe(200);
});

test("where fewer files may be open than connections are asked for, fewer are served, which is said, and sessions are kept however many are silent [L2]", {
  timeout: 180_000,
}, async ({ dataDir }) => {
  const command = ["sh", "-c", 'ulimit -n 80 && exec "$@"', "sh", ...direct] as const;
  const server = await ServerProcess.start({ dataDir, command });
  const silent: Socket[] = [];
  try {
    const http = new Http(server.url);
    const said = server.logs.find(({ msg }) => msg.includes("may not open as many files"));
    expect(said).toMatchObject({ level: "warn", openFilesMax: 80, wanted: 30_000 });
    const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>();
    expect(bounds).toMatchObject({
      connectionsMax: said?.connectionsMax,
      surplusConnectionsMax: said?.surplusConnectionsMax,
      connectionsPerClientMax: Math.ceil(Number(said?.connectionsMax) * 0.75),
    });
    expect(bounds.connectionsMax).toBeLessThan(40);
    const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
    for (let count = 0; count < 150; count += 1) silent.push(await http.connect());
    expect((await http.rawRequest("PUT", `/v1/sessions/${id}`, `Session-Token: ${token}\r\n`)).status).toBe(
      200,
    );
    await expect.poll(() => server.hasLogged("too many connections")).toBe(true);
  } finally {
    for (const socket of silent) socket.destroy();
    await server.kill();
  }
});

test("over TLS slow headers and slow bodies get their 408 as well, in HTTP/1.1 and in HTTP/2", async ({
  start,
}) => {
  const timeouts = ["--headers-timeout-ms", "300", "--request-timeout-ms", "600"];
  const { url } = await start(...tlsSettings, ...timeouts);
  const { hostname, port } = new URL(url);
  for (const beginning of [
    "GET /v1",
    "PUT /v1/znodes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
  ]) {
    const socket = connectTls({ host: hostname, port: Number(port), ca, ALPNProtocols: ["http/1.1"] });
    socket.write(beginning);
    const text = await textOf(socket);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(problemIn(text)).toMatchObject({ status: 408, code: "bad_request" });
  }
  const session = connectHttp2(url, { ca });
  const slow = await exchange(
    session,
    { ":method": "PUT", ":path": "/v1/znodes", "content-length": 9 },
    "half",
  );
  expect(slow).toMatchObject({ status: 408, limit: "requestTimeoutMs", limitValue: 600 });
  session.destroy();
});

/** The problem a request meets whose body begins so and never ends. */
async function exchange(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  beginning: string | Buffer,
) {
  const stream = session.request(headers, { endStream: false });
  stream.write(beginning);
  const parts = await stream.setEncoding("utf8").toArray();
  return JSON.parse(parts.join("")) as Record<string, unknown>;
}

test("over HTTP/2 a body over its limit is 413 and a connection too many 429, and others go on", async ({
  start,
}) => {
  const { url } = await start(...tlsSettings, "--connections-max", "1");
  const [first, second] = [connectHttp2(url, { ca }), connectHttp2(url, { ca })];
  await once(first, "connect");
  await once(second, "connect");
  const put = { ":method": "PUT", ":path": "/v1/znodes" };
  const tooLarge = await exchange(first, put, Buffer.alloc(3_000_000));
  expect(tooLarge).toMatchObject({ status: 413, limit: "dataBytesMax" });
  const tooMany = await exchange(second, put, "x");
  expect(tooMany).toMatchObject({ status: 429, limit: "connectionsMax" });
  for (const [session, status] of [
    [first, 200],
    [second, 429],
  ] as const) {
    const get = session.request({ ":path": "/v1/znodes" }).resume();
    const [headers] = await once(get, "response");
    expect(headers[":status"]).toBe(status);
  }
  for (const session of [first, second]) session.destroy();
});
