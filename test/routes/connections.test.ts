// Who is connected, one by one, as an operator is told, and how one of them is ended.

import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { expect } from "vitest";
import { OpenConnections } from "../../src/routes/http/open-connections.ts";
import { addToken, turnOnAccess } from "../support/access.ts";
import type { Http } from "../support/http.ts";
import { tlsPair } from "../support/tls-pair.ts";
import { serveFor, test } from "./server-fixture.ts";

interface Listed {
  readonly id: number;
  readonly port: number;
  readonly address: string;
  readonly openForMs: number;
  readonly protocol?: string;
  readonly requests: number;
  readonly streams: number;
  readonly waits: number;
  readonly by: string | null;
}

async function listed(http: Http, query = ""): Promise<Listed[]> {
  const answer = await http.get("/v1/admin/connections", { query });
  return answer.json<{ connections: Listed[] }>().connections;
}

test("a connection is listed from its beginning, with what was asked on it and what goes on", async ({
  http,
}) => {
  const socket = await http.connect();
  const found = async () => (await listed(http)).find(({ port }) => port === socket.localPort);
  await expect
    .poll(found)
    .toMatchObject({ address: "127.0.0.1", openForMs: expect.any(Number), requests: 0, by: null });
  const ask = (target: string) => socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  ask("/livez");
  await once(socket, "data");
  ask("/v1/watch?path=/");
  await expect.poll(found).toMatchObject({ protocol: "HTTP/1.1", requests: 2, streams: 1, waits: 0 });
  socket.destroy();
  await expect.poll(found).toBeUndefined();
});

test("a long poll counts as a wait, and pages go on behind the last id", async ({ http }) => {
  const sockets = [await http.connect(), await http.connect(), await http.connect()];
  sockets[0]?.write("GET /v1/znodes/a?waitAfterZxid=0&waitMs=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await expect.poll(async () => (await listed(http)).map(({ waits }) => waits)).toContain(1);
  const all = await listed(http);
  const ids = all.map(({ id }) => id);
  expect(ids.length).toBeGreaterThanOrEqual(4);
  const first = (await http.get("/v1/admin/connections", { query: "limit=2" })).json<{ next: number }>();
  expect(first).toMatchObject({ connections: [{ id: ids[0] }, { id: ids[1] }], next: ids[1] });
  expect((await listed(http, `after=${first.next}`)).map(({ id }) => id)).toEqual(ids.slice(2));
  for (const socket of sockets) socket.destroy();
});

test("one of them is ended with what is under way on it, one's own behind the answer", async ({ http }) => {
  const socket = await http.connect();
  socket.write("GET /v1/watch?path=/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(socket, "data");
  const other = (await listed(http)).find(({ port }) => port === socket.localPort) as Listed;
  const closed = once(socket, "close");
  socket.resume();
  expect((await http.delete(`/v1/admin/connections/${other.id}`)).status).toBe(204);
  await closed;
  expect((await http.delete(`/v1/admin/connections/${other.id}`)).json()).toMatchObject({
    status: 404,
    code: "no_route",
    detail: expect.stringContaining(`no open connection ${other.id}`),
  });

  const own = await http.connect();
  await expect.poll(async () => (await listed(http)).map(({ port }) => port)).toContain(own.localPort);
  const { id } = (await listed(http)).find(({ port }) => port === own.localPort) as Listed;
  let text = "";
  own.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  own.write(`DELETE /v1/admin/connections/${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await once(own, "close");
  expect(text).toMatch(/^HTTP\/1\.1 204 /);
});

test("where it is known who asks, it is known of the connection", async ({ http, keeper }) => {
  const admin = await turnOnAccess(keeper.store);
  const web = await addToken(keeper.store, { name: "web", policies: ["admin"] });
  const socket = await http.connect();
  socket.write(`GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${web.authorization}\r\n\r\n`);
  await once(socket, "data");
  const { connections } = (await http.get("/v1/admin/connections", { headers: { ...admin } })).json<{
    connections: Listed[];
  }>();
  expect(connections.find(({ port }) => port === socket.localPort)).toMatchObject({ by: "token:web" });
  socket.destroy();
});

test("a session of HTTP/2 under TLS is one connection with its requests, and can end itself", async ({
  keeper,
  watches,
}) => {
  const { http, close } = await serveFor(keeper, watches, { tls: tlsPair });
  const session = connectHttp2(http.url.replace("http:", "https:"), { rejectUnauthorized: false });
  const ask = async (method: string, path: string) => {
    const stream = session.request({ ":method": method, ":path": path }).setEncoding("utf8");
    let text = "";
    stream.on("data", (part) => {
      text += part;
    });
    const [headers] = await once(stream, "response");
    if (!stream.closed) await once(stream, "close");
    return { status: headers[":status"], text };
  };
  await ask("GET", "/livez");
  const { text } = await ask("GET", "/v1/admin/connections");
  const { connections } = JSON.parse(text) as { connections: Listed[] };
  expect(connections).toMatchObject([{ protocol: "HTTP/2", requests: 2, streams: 0 }]);
  const ended = once(session, "close");
  expect((await ask("DELETE", `/v1/admin/connections/${connections[0]?.id}`)).status).toBe(204);
  await ended;
  await close();
});

test("connections from one end to several addresses of the server are told apart", async ({
  onTestFinished,
}) => {
  const connections = new OpenConnections();
  const server = createServer((_request, response) => response.end());
  connections.follow(server);
  server.on("request", ({ socket }) => connections.heard(socket, { ...silent, requests: 1 }, endings));
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const first = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.9" });
  await once(first, "connect");
  const { localPort } = first;
  const second = connect({
    port,
    host: "127.0.0.2",
    localAddress: "127.0.0.9",
    localPort: Number(localPort),
  });
  await once(second, "connect");
  onTestFinished(() => {
    for (const socket of [first, second]) socket.destroy();
    server.close();
  });
  await expect.poll(() => connections.list({ limit: 10 }).connections.length).toBe(2);
  first.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(first, "data");
  const asked = connections.list({ limit: 10 }).connections.map((each) => [each.localAddress, each.requests]);
  expect(asked).toEqual([
    ["127.0.0.1", 1],
    ["127.0.0.2", 0],
  ]);
});

const endings = { soon: () => {}, inGoodOrder: () => {} };
const silent = { isIdle: true, protocol: "HTTP/1.1", requests: 0, streams: 0, waits: 0, by: null } as const;
