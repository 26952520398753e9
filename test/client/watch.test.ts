import { expect } from "vitest";
import { RequestError } from "../../src/client/calls/errors.ts";
import { Client } from "../../src/client/client.ts";
import { brief, Pull, silenceMs, test } from "./fixture.ts";
import {
  bookmark,
  change,
  reset,
  type ScriptedServer,
  setTo,
  snapshot,
  synced,
  znode,
} from "./scripted-server.ts";

const watchA = { paths: ["/a"] };

async function serveFirst(server: ScriptedServer, text: string) {
  return (await server.request()).begin().send(text);
}

test("what is asked for stands in the request, and nothing else", async ({ client, server, abort }) => {
  const { signal } = abort;
  const request = {
    paths: ["/a b", "/c&d"],
    scope: "children",
    types: ["created", "deleted"],
    data: false,
    initial: true,
    once: true,
    heartbeatMs: 500,
    bookmarkMs: 700,
  } as const;
  const pending = new Pull(client.watch(request, { signal })).next();
  pending.catch(() => {});
  const { path, query, headers } = await server.request();
  expect(path).toBe("/v1/watch");
  expect(query.getAll("path")).toEqual(["/a b", "/c&d"]);
  query.delete("path");
  expect(Object.fromEntries(query)).toEqual({
    ...{ scope: "children", types: "created,deleted", data: "false", initial: "true" },
    ...{ once: "true", heartbeatMs: "500", bookmarkMs: "700" },
  });
  expect(headers.accept).toBe("text/event-stream");
  expect(headers["last-event-id"]).toBeUndefined();
});

test("an endpoint may lie below a path, with or without a slash at its end", async ({ server, abort }) => {
  for (const endpoint of [`${server.url}/keeper`, `${server.url}/keeper/`]) {
    const pending = new Pull(new Client({ endpoint }).watch(watchA, abort)).next();
    pending.catch(() => {});
    expect((await server.request()).path).toBe("/keeper/v1/watch");
  }
  expect(() => new Client({ endpoint: "localhost" })).toThrow(TypeError);
});

test("messages are typed and data is text or bytes", async ({ client, server, abort }) => {
  const pull = new Pull(client.watch({ ...watchA, initial: true }, abort));
  const first = pull.next();
  const binary = { ...znode("/a/b", ""), data: undefined, dataBase64: "/wA=" };
  const exchange = await serveFirst(server, snapshot(7, znode("/a", "höher"), binary) + synced(7));
  const snapshotMessage = await first;
  expect(snapshotMessage).toMatchObject({ type: "snapshot", zxid: 7 });
  if (snapshotMessage.type !== "snapshot") return;
  const [text, bytes] = snapshotMessage.znodes.map(({ data }) => data);
  expect([text?.isText, text?.text(), text?.bytes()]).toEqual([
    true,
    "höher",
    new TextEncoder().encode("höher"),
  ]);
  expect([bytes?.isText, bytes?.text(), bytes?.bytes()]).toEqual([false, "\ufffd\0", Uint8Array.of(255, 0)]);
  expect(await pull.next()).toEqual({ type: "synced", zxid: 7 });
  const gone = { type: "deleted", path: "/a", stat: znode("/a", "").stat };
  exchange.send(change(8, { type: "created", ...znode("/a/c", "") }, gone));
  const message = await pull.next();
  expect(message).toMatchObject({ type: "change", zxid: 8, timeMs: 1_700_000_000_000, cause: "request" });
  if (message.type !== "change") return;
  expect(message.events.map(({ type, path, data }) => [type, path, data?.text()])).toEqual([
    ["created", "/a/c", ""],
    ["deleted", "/a", undefined],
  ]);
});

test("a lost connection goes on after the last event, and no change comes twice [W28]", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const pull = new Pull(client.watch({ ...watchA, initial: true }, abort));
  const first = pull.take(3);
  const exchange = await serveFirst(server, snapshot(1, znode("/a", "")) + synced(1) + setTo(2, "two"));
  expect((await first).map(brief)).toEqual(["snapshot /a", "synced 1", "2 two"]);
  const pending = pull.take(3);
  exchange.cut();
  const resumed = await nextRequest();
  expect(resumed.headers["last-event-id"]).toBe("2");
  expect(resumed.query.has("initial")).toBe(false);
  resumed.begin().send(setTo(2, "two") + setTo(3, "three") + synced(3) + setTo(4, "four"));
  expect((await pending).map(brief)).toEqual(["3 three", "synced 3", "4 four"]);
});

test("an event cut in its middle is told once, when it came whole [W28]", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const pull = new Pull(client.watch({ ...watchA, sinceZxid: 1 }, abort));
  const first = pull.next();
  const text = setTo(3, "three");
  const exchange = await serveFirst(server, setTo(2, "two") + text.slice(0, -1));
  expect(exchange.query.get("sinceZxid")).toBe("1");
  expect(brief(await first)).toBe("2 two");
  const pending = pull.next();
  exchange.end();
  const resumed = await nextRequest();
  expect([resumed.headers["last-event-id"], resumed.query.has("sinceZxid")]).toEqual(["2", false]);
  resumed.begin().send(text);
  expect(brief(await pending)).toBe("3 three");
});

test("a stream reads the same however it is cut into pieces, within a character too", async ({ abort }) => {
  const bytes = new TextEncoder().encode(synced(1) + setTo(2, "é") + setTo(3, "€"));
  const byteByByte = async () => {
    const pieces = ReadableStream.from(Array.from(bytes, (byte) => Uint8Array.of(byte)));
    return new Response(pieces, { headers: { "content-type": "text/event-stream" } });
  };
  const pull = new Pull(new Client({ endpoint: "http://nowhere", fetch: byteByByte }).watch(watchA, abort));
  expect((await pull.take(3)).map(brief)).toEqual(["synced 1", "2 é", "3 €"]);
});

test("a connection silent for three heartbeats is dead and is replaced", async ({
  client,
  server,
  clock,
  abort,
}) => {
  const causes: Error[] = [];
  const disconnected = (cause: Error) => void causes.push(cause);
  const pull = new Pull(
    client.watch({ ...watchA, heartbeatMs: 200 }, { signal: abort.signal, disconnected }),
  );
  const first = pull.next();
  const exchange = await serveFirst(server, synced(1));
  await first;
  const pending = pull.next();
  const silence = await clock.timer((ms) => ms === 600);
  exchange.send(": hb\n");
  while (clock.timers.has(silence)) await new Promise((resolve) => setImmediate(resolve));
  (await clock.timer((ms) => ms === 600)).fire();
  await exchange.closed;
  (await clock.timer((ms) => ms === 1000)).fire();
  const resumed = await server.request();
  expect(resumed.headers["last-event-id"]).toBe("1");
  resumed.begin().send(setTo(2, "two"));
  expect(brief(await pending)).toBe("2 two");
  expect(causes.map(({ message }) => message)).toEqual([`${server.url} was silent for 600 ms.`]);
});

test("a server that takes the connection and never answers is dead too", async ({
  client,
  server,
  clock,
  nextRequest,
  abort,
}) => {
  const pending = new Pull(client.watch(watchA, abort)).next();
  const unanswered = await server.request();
  (await clock.timer((ms) => ms === silenceMs)).fire();
  await unanswered.closed;
  (await nextRequest()).begin().send(synced(5));
  expect(brief(await pending)).toBe("synced 5");
});

test("no time is counted while the consumer is busy", async ({ client, server, clock, abort }) => {
  const pull = new Pull(client.watch(watchA, abort));
  const first = pull.next();
  await serveFirst(server, synced(1));
  await first;
  expect(clock.timers.size).toBe(0);
});

test("after bye the client comes back when the server asked it to", async ({
  client,
  server,
  reconnect,
  abort,
}) => {
  const pull = new Pull(client.watch(watchA, abort));
  const first = pull.next();
  const exchange = (await server.request()).begin("retry: 2345\n").send(synced(1));
  await first;
  const pending = pull.next();
  exchange.send('event: bye\ndata: {"reason":"shutdown"}\n\n');
  const timer = await reconnect();
  await exchange.closed;
  expect(timer.ms).toBe(2345);
  timer.fire();
  const resumed = await server.request();
  expect(resumed.headers["last-event-id"]).toBe("1");
  resumed.begin().send(setTo(2, "two"));
  expect(brief(await pending)).toBe("2 two");
});

test("refusals that pass are waited out, as long as the server asks and longer each time", async ({
  client,
  server,
  reconnect,
  abort,
}) => {
  const codes: unknown[] = [];
  const disconnected = (cause: Error) => void codes.push("code" in cause ? cause.code : cause.name);
  const pending = new Pull(client.watch(watchA, { signal: abort.signal, disconnected })).next();
  const waits: number[] = [];
  const refusals = [
    [503, { code: "stopping", detail: "Wait." }, {}],
    [429, { code: "throttled", detail: "Wait." }, { "Retry-After": "5" }],
    [503, { code: "read_only", detail: "Wait." }, { "Retry-After": "100000" }],
    [502, { anything: true }, {}],
  ] as const;
  for (const [status, problem, headers] of refusals) {
    (await server.request()).refuse(status, problem, headers);
    const timer = await reconnect();
    waits.push(timer.ms);
    timer.fire();
  }
  (await server.request()).begin().send(synced(1));
  expect(brief(await pending)).toBe("synced 1");
  expect(waits).toEqual([1000, 5000 + 1000, 30_000 + 2000, 4000]);
  expect(codes).toEqual(["stopping", "throttled", "read_only", "unexpected_answer"]);
});

test("a refusal that would come again ends the watch, with its code, status and detail", async ({
  client,
  server,
  clock,
}) => {
  for (const [status, code] of [
    [400, "bad_path"],
    [403, "forbidden"],
    [404, "no_route"],
    [410, "history_trimmed"],
  ] as const) {
    const pending = new Pull(client.watch(watchA)).next();
    (await server.request()).refuse(status, { code, detail: "Ask otherwise." });
    await expect(pending).rejects.toBeInstanceOf(RequestError);
    await expect(pending).rejects.toMatchObject({ status, code, detail: "Ask otherwise." });
  }
  expect(clock.timers.size).toBe(0);
});

test("another server at the endpoint is told from the service", async ({ client, server }) => {
  for (const [status, contentType] of [
    [200, "text/html"],
    [404, "text/html"],
    [404, "application/problem+json"],
  ] as const) {
    const pending = new Pull(client.watch(watchA)).next();
    (await server.request()).answer(status, contentType, "<p>Welcome</p>");
    await expect(pending).rejects.toMatchObject({ name: "RequestError", status, code: "unexpected_answer" });
  }
});

test("what cannot be read is not told: the connection is replaced and goes on before it", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const pull = new Pull(client.watch(watchA, abort));
  const first = pull.next();
  let exchange = await serveFirst(server, synced(1));
  await first;
  const pending = pull.next();
  for (const data of [
    "{",
    "null",
    '{"zxid":"2"}',
    '{"zxid":2}',
    '{"zxid":2,"events":[{"path":"/a","stat":null}]}',
  ]) {
    exchange.send(`id: 2\nevent: change\ndata: ${data}\n\n`);
    await exchange.closed;
    exchange = (await nextRequest()).begin();
    expect(exchange.headers["last-event-id"], data).toBe("1");
  }
  exchange.send(`what: is this\n\nevent: news\ndata: {"zxid":9}\n\n${setTo(2, "two")}`);
  expect(brief(await pending)).toBe("2 two");
});

test("a snapshot that was interrupted is begun anew, and the consumer is told to drop it [W20]", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const pull = new Pull(client.watch({ ...watchA, initial: true }, abort));
  const first = pull.next();
  const exchange = await serveFirst(server, snapshot(7, znode("/a", "")));
  expect(brief(await first)).toBe("snapshot /a");
  const interrupted = pull.next();
  exchange.cut();
  expect(await interrupted).toEqual({ type: "reset", reason: "snapshot_interrupted", zxid: 7 });
  const pending = pull.take(2);
  const anew = await nextRequest();
  expect([anew.headers["last-event-id"], anew.query.get("initial")]).toEqual([undefined, "true"]);
  anew.begin().send(snapshot(8, znode("/b", "")) + synced(8));
  expect((await pending).map(brief)).toEqual(["snapshot /b", "synced 8"]);
});

test("a reset is passed on, and its snapshot is asked for again when the connection is lost [W28]", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const pull = new Pull(client.watch({ ...watchA, sinceZxid: 900 }, abort));
  const first = pull.take(3);
  const text = synced(900) + reset("unknown_zxid", 7) + snapshot(7, znode("/a", ""));
  const exchange = await serveFirst(server, text);
  expect((await first).map(brief)).toEqual(["synced 900", "reset unknown_zxid", "snapshot /a"]);
  const pending = pull.take(4);
  exchange.cut();
  const anew = await nextRequest();
  expect(anew.headers["last-event-id"]).toBeUndefined();
  expect([anew.query.get("initial"), anew.query.get("sinceZxid")]).toEqual(["true", null]);
  anew.begin().send(snapshot(8, znode("/a", "")) + synced(8) + setTo(9, "nine"));
  expect((await pending).map(brief)).toEqual([
    "reset snapshot_interrupted",
    "snapshot /a",
    "synced 8",
    "9 nine",
  ]);
});

test("bookmarks move the resume point on and are told only who asked for them", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const pull = new Pull(client.watch(watchA, abort));
  const first = pull.next();
  const exchange = await serveFirst(server, synced(1) + bookmark(50));
  expect(brief(await first)).toBe("synced 1");
  const pending = pull.next();
  exchange.end();
  const resumed = await nextRequest();
  expect(resumed.headers["last-event-id"]).toBe("50");
  resumed.begin().send(setTo(51, "x"));
  expect(brief(await pending)).toBe("51 x");

  const asked = new Pull(client.watch({ ...watchA, bookmarkMs: 1000 }, abort));
  const both = asked.take(2);
  await serveFirst(server, synced(1) + bookmark(50));
  expect((await both).map(brief)).toEqual(["synced 1", "bookmark 50"]);
});

test("with once the watch is over after the first change, even if more was sent [W21]", async ({
  client,
  server,
  clock,
  nextRequest,
}) => {
  const pull = new Pull(client.watch({ ...watchA, once: true }));
  const first = pull.next();
  const lost = await serveFirst(server, synced(1));
  await first;
  const second = pull.next();
  lost.cut();
  const exchange = (await nextRequest()).begin().send(setTo(2, "two") + setTo(3, "three"));
  expect(brief(await second)).toBe("2 two");
  expect(await pull.isOver()).toBe(true);
  await exchange.closed;
  expect(clock.timers.size).toBe(0);
});

test("leaving the loop closes the connection", async ({ client, server, clock }) => {
  const served = serveFirst(server, synced(1) + setTo(2, "two"));
  for await (const message of client.watch(watchA)) {
    expect(brief(message)).toBe("synced 1");
    break;
  }
  await (await served).closed;
  expect(clock.timers.size).toBe(0);
});
