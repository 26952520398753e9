// What a client says of the trace that its calls belong to: with what the program does itself, and with nothing else.

import { expect } from "vitest";
import { Client } from "../../src/client/index.ts";
import { test } from "./fixture.ts";
import { synced } from "./scripted-server.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const other = traceparent.replace("00f067aa0ba902b7", "00f067aa0ba902b8");
const stat = { czxid: 5, mzxid: 5, version: 0 };

test("a call carries the traceparent of where it was made, again when it is sent again", async ({
  server,
  clock,
}) => {
  let current: string | undefined = traceparent;
  const client = new Client({
    ...{ endpoint: server.url, clock, chance: () => 0.5 },
    traceparent: () => current,
  });
  const creating = client.create("/a");
  current = other;
  const first = await server.request();
  expect(first.headers).toMatchObject({ traceparent });
  first.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  const again = await server.request();
  expect(again.headers).toMatchObject({ traceparent, "idempotency-key": first.headers["idempotency-key"] });
  again.reply(201, { path: "/a", stat }, { Zxid: "5" });
  await creating;
  current = undefined;
  const reading = client.exists("/a");
  const untraced = await server.request();
  expect(untraced.headers).not.toHaveProperty("traceparent");
  untraced.reply(200, { znodes: [{ path: "/a", stat }] }, { Zxid: "5" });
  await reading;
});

test("what is no traceparent, or cannot be told, is not sent, and the call is made all the same", async ({
  server,
  clock,
}) => {
  const broken = () => {
    throw new Error("no trace");
  };
  for (const give of [() => "x", () => "", () => `${traceparent}\r\nx: y`, broken]) {
    const client = new Client({ endpoint: server.url, clock, traceparent: give });
    const reading = client.exists("/a");
    const request = await server.request();
    expect(request.headers).not.toHaveProperty("traceparent");
    request.reply(200, { znodes: [{ path: "/a", stat }] }, { Zxid: "5" });
    expect(await reading).toMatchObject({ version: 0 });
  }
});

test("a session is kept alive, and a watch held open, without it: they outlive what began them", async ({
  server,
  clock,
}) => {
  const client = new Client({
    ...{ endpoint: server.url, clock, chance: () => 0.5 },
    traceparent: () => traceparent,
  });
  const opening = client.openSession({ timeoutMs: 12_000 });
  const open = await server.request();
  expect(open.headers).toMatchObject({ traceparent });
  open.reply(201, { id: "1f3a5c7e9b2d4f60", token: "t", timeoutMs: 12_000, validForMs: 12_000 });
  await opening;
  await clock.timer((ms) => ms === 3600);
  clock.advance(3600);
  const keepalive = await server.request();
  expect(keepalive.asked).toBe("PUT /v1/sessions/1f3a5c7e9b2d4f60");
  expect(keepalive.headers).not.toHaveProperty("traceparent");
  const watching = client.watch({ paths: ["/a"] })[Symbol.asyncIterator]();
  watching.next().catch(() => {});
  const watch = await server.request();
  expect(watch.headers).not.toHaveProperty("traceparent");
  watch.begin(synced(1));
});
