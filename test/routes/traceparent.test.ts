// Which request did this: what a request says of its trace is told with the changes it makes, kept with them, and found in
// the log of the process.

import { Writable } from "node:stream";
import { pino } from "pino";
import { expect } from "vitest";
import { decodeBatch } from "../../src/store/codec.ts";
import type { Http } from "../support/http.ts";
import { serveFor, test } from "./server-fixture.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const headers = { traceparent };

/** Of each transaction that is told of: what it says of its request. */
async function toldBy(http: Http, count: number, lastEventId = "0"): Promise<unknown[]> {
  const stream = await http.stream("/v1/watch", {
    query: { path: "/", scope: "subtree" },
    headers: { "last-event-id": lastEventId },
  });
  await stream.untilEvent("change", count);
  stream.close();
  return stream.named("change").map(({ data }) => data.traceparent);
}

test("a change is told with the traceparent of the request that made it, now and from the history", async ({
  http,
}) => {
  const stream = await http.stream("/v1/watch", { query: { path: "/", scope: "subtree" } });
  const { id } = await stream.untilEvent("synced");
  await http.post("/v1/znodes/a", { headers, body: "x" });
  await http.put("/v1/znodes/a", { body: "y" });
  const { text, data } = await stream.untilEvent("change");
  expect(data).toMatchObject({ cause: "request", traceparent });
  await stream.untilEvent("change", 2);
  stream.close();
  expect(stream.named("change")[1]?.data).not.toHaveProperty("traceparent");
  expect(await toldBy(http, 2, id)).toEqual([traceparent, undefined]);
  const again = await http.stream("/v1/watch", {
    query: { path: "/a" },
    headers: { "last-event-id": id ?? "" },
  });
  expect((await again.untilEvent("change")).text).toBe(text);
  again.close();
});

test("it is told of whatever a request does: in parts, in a batch, by a recipe, by the end of a session", async ({
  http,
  keeper,
}) => {
  const { id, token } = (await http.post("/v1/sessions", { headers })).json<{ id: string; token: string }>();
  const mine = { ...headers, "session-token": token };
  await http.post("/v1/transactions", { headers, json: { operations: [{ op: "create", path: "/t" }] } });
  await http.post("/v1/batch", {
    headers,
    json: {
      operations: [
        { op: "create", path: "/b" },
        { op: "create", path: "/c" },
      ],
    },
  });
  await http.post("/v1/locks/one/claims", { headers: mine, json: {} });
  await http.post("/v1/counters/two", { headers, json: { by: 1 } });
  await http.post("/v1/import", {
    headers: { ...headers, "content-type": "application/x-ndjson" },
    body: '{"path":"/i"}\n',
  });
  await http.delete("/v1/znodes/t", { headers, query: "recursive=true&inParts=true" });
  await http.delete(`/v1/sessions/${id}`, { headers: mine });
  const told = keeper.applied.flatMap(({ message }) => (message === null ? [] : [JSON.parse(message.text)]));
  expect(told.length).toBeGreaterThanOrEqual(8);
  expect(told.map((message) => message.traceparent)).toEqual(told.map(() => traceparent));
  expect(told.at(-1)).toMatchObject({ cause: "session_closed", session: id });
});

test("one that is none is no fault, and none is told", async ({ http, keeper }) => {
  const others = ["x", traceparent.toUpperCase(), `${traceparent}-more`, `${traceparent}, ${traceparent}`];
  await http.post("/v1/znodes/a");
  for (const other of others) {
    const { status } = await http.put("/v1/znodes/a", { headers: { traceparent: other }, body: "x" });
    expect(status).toBe(200);
  }
  for (const { message } of keeper.applied) expect(message?.text).not.toContain("traceparent");
  expect(keeper.applied).toHaveLength(1 + others.length);
});

test("it is in the entry of the log, and an entry without it takes not one byte more", async ({
  http,
  keeper,
}) => {
  const entries: Uint8Array[] = [];
  keeper.log.follow(0, (read) => void entries.push(...read.map(({ body }) => body)));
  await http.post("/v1/znodes/a");
  await http.put("/v1/znodes/a", { headers, body: "x" });
  await keeper.clock.advance(0);
  // Who keeps house for several servers has said so there, too.
  const commands = entries
    .flatMap((body) => decodeBatch(body).commands)
    .filter(({ type }) => type !== "claimHousekeeping");
  expect(commands.map((command) => Object.hasOwn(command, "traceparent"))).toEqual([false, true]);
  expect(commands[1]).toMatchObject({ traceparent });
});

test("a request that is sent again in another span is the same request [D19]", async ({ http, keeper }) => {
  const key = { "idempotency-key": "once" };
  const first = await http.post("/v1/znodes/a", { headers: { ...headers, ...key } });
  const other = traceparent.replace("00f067aa0ba902b7", "00f067aa0ba902b8");
  const again = await http.post("/v1/znodes/a", { headers: { traceparent: other, ...key } });
  expect([again.status, again.zxid]).toEqual([first.status, first.zxid]);
  expect(again.header("idempotency-replayed")).toBe("true");
  expect(keeper.applied).toHaveLength(1);
});

test("a stream of a service tells it with its instances", async ({ http }) => {
  const { token } = (await http.post("/v1/sessions")).json<{ token: string }>();
  const stream = await http.stream("/v1/services/web/events");
  await stream.untilEvent("synced");
  await http.put("/v1/services/web/instances/one", {
    headers: { ...headers, "session-token": token },
    json: { address: "10.0.0.1", port: 80 },
  });
  const { data } = await stream.untilEvent("added");
  expect(data).toMatchObject({ cause: "request", traceparent });
  stream.close();
});

test("lines of the log that are about a request have it", async ({ keeper, watches }) => {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const { http, close } = await serveFor(keeper, watches, { logger: pino({ level: "debug" }, sink) });
  await http.get("/v1/znodes/none", { headers });
  await http.get("/v1/znodes/none");
  await close();
  const requests = lines.filter(({ msg }) => msg === "request");
  expect(requests.map(({ traceparent: said }) => said)).toEqual([traceparent, undefined]);
});
