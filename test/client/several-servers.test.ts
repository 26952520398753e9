import { expect } from "vitest";
import { Client, type Session } from "../../src/client/index.ts";
import { test as clientTest, Pull } from "./fixture.ts";
import { bookmark, reset, ScriptedServer, setTo, snapshot, synced, znode } from "./scripted-server.ts";

const stat = { czxid: 5, mzxid: 5, version: 0 };
const read = { path: "/a", data: "", stat };
const opened = { id: "00000000000000a1", token: "secret", timeoutMs: 12_000, validForMs: 12_000 };

/** A client of two servers: the first, which is asked until it fails, and another. */
const test = clientTest.extend<{ other: ScriptedServer; several: Client }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  other: async ({}, use) => {
    const other = await ScriptedServer.start();
    await use(other);
    await other.stop();
  },
  several: async ({ server, other, clock }, use) => {
    await use(new Client({ endpoint: [server.url, other.url], clock, chance: () => 0.5 }));
  },
});

test("a client of several servers says what it has seen, which never goes back", async ({
  server,
  several,
}) => {
  const said: unknown[] = [];
  for (const zxid of ["7", "5", "9"]) {
    const reading = several.get("/a");
    const exchange = await server.request();
    said.push(exchange.headers["min-zxid"]);
    exchange.reply(200, read, { zxid });
    await reading;
  }
  const refused = several.get("/a");
  const exchange = await server.request();
  said.push(exchange.headers["min-zxid"]);
  exchange.refuse(404, { code: "no_node", detail: "/a does not exist.", status: 404 }, { zxid: "12" });
  await expect(refused).rejects.toMatchObject({ code: "no_node" });
  const listing = several.subtree("/a").next();
  listing.catch(() => {});
  const lines = await server.request();
  said.push(lines.headers["min-zxid"]);
  lines.cut();
  expect(said).toEqual([undefined, "7", "7", "9", "12"]);
});

test("a client of one server says nothing of it", async ({ client, server }) => {
  for (let round = 0; round < 2; round += 1) {
    const reading = client.get("/a");
    const exchange = await server.request();
    expect(exchange.headers["min-zxid"]).toBeUndefined();
    exchange.reply(200, read, { zxid: "7" });
    await reading;
  }
});

test("a server that is behind did nothing, and the next one is asked", async ({
  server,
  other,
  several,
  clock,
}) => {
  const written = several.set("/a", "x", { version: 0 });
  const problem = { code: "behind", detail: "Ask another server.", status: 503 };
  (await server.request()).refuse(503, problem, { "Retry-After": "1" });
  (await clock.timer((ms) => ms === 100)).fire();
  (await other.request()).reply(200, { path: "/a", stat });
  await written;
});

async function openAt(server: ScriptedServer, client: Client): Promise<Session> {
  const opening = client.openSession({ timeoutMs: 12_000 });
  (await server.request()).reply(201, opened, { zxid: "7" });
  return await opening;
}

test("a keepalive goes to whichever server there is, behind or not", async ({ server, several, clock }) => {
  await openAt(server, several);
  clock.advance(2700);
  const keepalive = await server.request();
  expect([keepalive.asked, keepalive.headers["min-zxid"]]).toEqual([
    `PUT /v1/sessions/${opened.id}`,
    undefined,
  ]);
  keepalive.reply(200, opened, { zxid: "7" });
});

test("a keepalive that one server does not answer goes to the next at once, and comes in time when that is slow", async ({
  server,
  other,
  several,
  clock,
}) => {
  const session = await openAt(server, several);
  clock.advance(3000);
  await server.request();
  clock.advance(2000);
  const second = await other.request();
  clock.advance(1999);
  expect(session.state).toBe("suspended");
  second.reply(200, { validForMs: 12_000 });
  await expect.poll(() => session.state).toBe("connected");
  // Counted from when it was asked.
  expect(session.remainingMs()).toBe(10_001);
});

test("when each server has failed a keepalive there is a pause", async ({
  server,
  other,
  several,
  clock,
}) => {
  await openAt(server, several);
  clock.advance(3000);
  (await server.request()).cut();
  (await other.request()).refuse(503, { code: "suspended", detail: "No log.", status: 503 });
  (await clock.timer((ms) => ms === 450)).fire();
  (await server.request()).reply(200, { validForMs: 12_000 });
});

test("what a watch was told counts as seen, until it is told that it never happened", async ({
  server,
  several,
  abort,
}) => {
  const pull = new Pull(several.watch({ paths: ["/a"] }, abort));
  const first = pull.take(2);
  const exchange = (await server.request()).begin().send(synced(900) + setTo(901, "x"));
  await first;
  const seen = async () => {
    const reading = several.get("/a");
    const asked = await server.request();
    asked.reply(200, read);
    await reading;
    return asked.headers["min-zxid"];
  };
  expect(await seen()).toBe("901");
  const next = pull.take(2);
  exchange.send(reset("unknown_zxid", 7) + snapshot(7, znode("/a", "")));
  await next;
  expect(await seen()).toBe("7");
});

test("sync resolves with the zxid that the server has come to", async ({ server, several }) => {
  const syncing = several.sync();
  const exchange = await server.request();
  expect(exchange.asked).toBe("POST /v1/sync");
  exchange.reply(200, { zxid: 42 }, { zxid: "42" });
  expect(await syncing).toBe(42);
});

const cutOff = { code: "suspended", detail: "Ask another server.", status: 503 };

test("when no server can reach the log they are asked again after the time that the last has named", async ({
  server,
  other,
  several,
  clock,
}) => {
  const reading = several.get("/a", { stale: "ok" });
  const first = await server.request();
  expect(first.query.get("stale")).toBe("ok");
  first.refuse(503, cutOff, { "Retry-After": "1" });
  (await clock.timer((ms) => ms === 100)).fire();
  (await other.request()).refuse(503, cutOff, { "Retry-After": "1" });
  (await clock.timer((ms) => ms > 1000 && ms < 2000)).fire();
  (await server.request()).reply(200, read);
  expect((await reading).data.text()).toBe("");
});

test("a watch whose server is cut off goes on at another after its last event", async ({
  server,
  other,
  several,
  clock,
  abort,
}) => {
  const causes: string[] = [];
  const disconnected = ({ message }: Error) => void causes.push(message);
  const pull = new Pull(several.watch({ paths: ["/a"] }, { signal: abort.signal, disconnected }));
  const first = pull.take(2);
  const exchange = (await server.request()).begin().send(synced(7) + setTo(8, "x"));
  await first;
  const next = pull.take(2);
  exchange.send('event: suspended\ndata: {"zxid":8}\n\n');
  (await clock.timer((ms) => ms === 500)).fire();
  const resumed = await other.request();
  expect(resumed.headers["last-event-id"]).toBe("8");
  resumed.begin().send(synced(8) + setTo(9, "y"));
  expect((await next).map(({ type, zxid }) => [type, zxid])).toEqual([
    ["synced", 8],
    ["change", 9],
  ]);
  expect(causes).toEqual([`${server.url} cannot reach its log.`]);
});

test("a watch of one server stays, and says that what comes is late", async ({ server, client, abort }) => {
  const told: string[] = [];
  const options = {
    signal: abort.signal,
    suspended: () => void told.push("suspended"),
    connected: () => void told.push("connected"),
  };
  const pull = new Pull(client.watch({ paths: ["/a"] }, options));
  const messages = pull.take(2);
  const exchange = (await server.request()).begin().send(synced(7));
  exchange.send('event: suspended\ndata: {"zxid":7}\n\n');
  exchange.send(`event: connected\ndata: {"zxid":7}\n\n${setTo(8, "x")}`);
  expect((await messages).map(({ type }) => type)).toEqual(["synced", "change"]);
  expect(told).toEqual(["suspended", "connected"]);
});

test("a copy of one server shows the past while that is cut off", async ({ server, client, abort }) => {
  const states: string[] = [];
  const { promise: isBack, resolve } = Promise.withResolvers<void>();
  const copy = client.tree("/a", {
    signal: abort.signal,
    stateChanged: (state) => {
      states.push(state);
      if (states.length === 3) resolve();
    },
  });
  const exchange = (await server.request()).begin().send(snapshot(7, znode("/a", "")) + synced(7));
  await copy.ready;
  exchange.send('event: suspended\ndata: {"zxid":7}\n\nevent: connected\ndata: {"zxid":7}\n\n');
  await isBack;
  expect(states).toEqual(["synced", "disconnected", "synced"]);
});

test("a copy that is filled while its server is cut off shows the past until that is over", async ({
  server,
  client,
  abort,
}) => {
  const states: string[] = [];
  const copy = client.tree("/a", {
    signal: abort.signal,
    stateChanged: (state) => void states.push(state),
  });
  const begun = (await server.request()).begin().send(suspended(7));
  const exchange = begun.send(snapshot(7, znode("/a", "")) + synced(7));
  await copy.ready;
  expect(copy.state).toBe("disconnected");
  exchange.send(connected(7));
  await expect.poll(() => states).toEqual(["disconnected", "synced"]);
  exchange.send(suspended(7) + reset("history_gone", 7) + connected(7) + bookmark(8));
  await expect.poll(() => copy.zxid).toBe(8);
  expect(copy.state).toBe("disconnected");
  exchange.send(snapshot(9, znode("/a", "x")) + suspended(9) + synced(9));
  await expect.poll(() => copy.zxid).toBe(9);
  expect(copy.state).toBe("disconnected");
  exchange.send(connected(9));
  await expect.poll(() => states).toEqual(["disconnected", "synced", "disconnected", "synced"]);
});

function suspended(zxid: number): string {
  return `event: suspended\ndata: {"zxid":${zxid}}\n\n`;
}

function connected(zxid: number): string {
  return `event: connected\ndata: {"zxid":${zxid}}\n\n`;
}
