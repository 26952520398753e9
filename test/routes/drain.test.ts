// Clients that are sent elsewhere: streams of each kind and connections, in slices, as many as were asked for; and whoever
// comes is served.

import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { expect } from "vitest";
import type { Http } from "../support/http.ts";
import { tlsPair } from "../support/tls-pair.ts";
import { serveFor, test } from "./server-fixture.ts";

interface Plan {
  readonly percent: number;
  readonly streams: number;
  readonly connections: number;
  readonly withinMs: number;
}

async function drain(http: Http, query = ""): Promise<Plan> {
  return (await http.post("/v1/admin/drain", { query })).json<Plan>();
}

async function openStreams(http: Http) {
  const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  return [
    await http.stream("/v1/watch?path=/"),
    await http.stream("/v1/services/web/events"),
    await http.stream("/v1/locks/a/events"),
    await http.stream("/v1/elections/a/events"),
    await http.stream(`/v1/sessions/${id}/events`, { headers: { "session-token": token } }),
  ];
}

/** Connected and known, with nothing under way. */
async function rest(http: Http): Promise<Socket> {
  const socket = await http.connect();
  socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(socket, "data");
  return socket;
}

test("streams of every kind say goodbye, and idle connections end, in slices", async ({
  http,
  keeper: { clock },
}) => {
  const streams = await openStreams(http);
  const idle = [await rest(http), await rest(http)];
  const ends = idle.map((socket) => once(socket, "close"));
  const plan = await drain(http);
  expect(plan).toMatchObject({ percent: 100, streams: 5 });
  expect(plan.connections).toBeGreaterThanOrEqual(7);
  const open = async () =>
    (await http.get("/v1/stats")).json<{ streams: { watches: number; others: number } }>();
  const openCount = async () => {
    const { watches, others } = (await open()).streams;
    return watches + others;
  };
  // One with the answer, and one in each slice.
  await expect.poll(openCount).toBe(4);
  await clock.advance(250);
  await expect.poll(openCount).toBe(3);
  await clock.advance(plan.withinMs);
  for (const stream of streams) expect((await stream.untilEvent("bye")).data).toEqual({ reason: "draining" });
  await Promise.all(ends);
});

test("a share is a share, and what is taken back stays", async ({ http, keeper: { clock } }) => {
  const streams = await Promise.all(Array.from({ length: 10 }, () => http.stream("/v1/watch?path=/")));
  const open = async () => (await http.get("/v1/admin/watches")).json<{ watches: object[] }>().watches.length;
  const { streams: told, withinMs } = await drain(http, "percent=30");
  expect(told).toBe(3);
  await clock.advance(withinMs);
  await expect.poll(open).toBe(7);
  expect((await http.get("/readyz")).status).toBe(200);
  await drain(http);
  await http.delete("/v1/admin/drain");
  const left = await open();
  await clock.advance(60_000);
  expect(await open()).toBe(left);
  expect(left).toBeGreaterThanOrEqual(6);
  for (const stream of streams) stream.close();
});

test("while all are sent away it is not ready, serves what comes, and ends each connection with its answer", async ({
  http,
}) => {
  const request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
  await drain(http);
  const ready = await http.get("/readyz");
  expect([ready.status, ready.text]).toEqual([503, expect.stringContaining("[-] serving failed")]);
  expect((await http.raw(request)).headers.get("connection")).toBe("close");
  expect((await http.post("/v1/znodes/a")).status).toBe(201);
  const stream = await http.stream("/v1/watch?path=/a");
  await http.put("/v1/znodes/a", { body: "x" });
  expect(await stream.untilChanges(1)).toHaveLength(1);
  expect(stream.named("bye")).toEqual([]);
  stream.close();
  await drain(http, "percent=0");
  expect((await http.get("/readyz")).status).toBe(200);
  const socket = await rest(http);
  expect(socket.closed).toBe(false);
  socket.destroy();
});

test("a session of HTTP/2 is told that it ends, and what is under way on it is answered", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a");
  const { http, close } = await serveFor(keeper, watches, { tls: tlsPair });
  const session = connectHttp2(http.url.replace("http:", "https:"), { rejectUnauthorized: false });
  const [goaway, closed] = [once(session, "goaway"), once(session, "close")];
  const stream = session.request({ ":path": `/v1/znodes/a?waitAfterZxid=${keeper.store.zxid}&waitMs=60000` });
  const response = once(stream, "response");
  const asked = session.request({ ":path": "/v1/admin/drain", ":method": "POST" }).end();
  const [{ ":status": status }] = (await once(asked, "response")) as [Record<string, number>];
  expect(status).toBe(200);
  asked.resume();
  await keeper.clock.advance(10_000);
  await goaway;
  await keeper.store.submit({ type: "setData", path: "/a", data: Buffer.from("x") });
  const [answer] = (await response) as [Record<string, number>];
  expect(answer[":status"]).toBe(200);
  stream.resume();
  await closed;
  await close();
});

test("a percentage that is none is refused", async ({ http }) => {
  for (const query of ["percent=101", "percent=-1", "percent=x", "share=5"])
    expect((await http.post("/v1/admin/drain", { query })).code).toBe("bad_request");
  expect((await http.get("/readyz")).status).toBe(200);
});
