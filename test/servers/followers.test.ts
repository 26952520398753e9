// A server that follows another one: what it answers itself, what it passes on, and what it will not go on from.

import { connect } from "node:net";
import { expect } from "vitest";
import { Digest } from "../../src/core/digest.ts";
import { FrameReader } from "../../src/store/upstream/frames.ts";
import { serveFor, test as serverTest } from "../routes/server-fixture.ts";
import { addTokenWith, turnOnAccess } from "../support/access.ts";
import { Http } from "../support/http.ts";
import { Keeper } from "../support/keeper.ts";
import { watchesOf } from "../watches/fixture.ts";
import { Between } from "./between.ts";
import { type Followed, type FollowOptions, follow } from "./followed.ts";
import { Servers, skewedClock } from "./servers.ts";

interface Fixture {
  followed: (options: FollowOptions) => Promise<Followed>;
  /** In front of the server, for those who shall not hear it as it is. */
  between: Between;
}

const test = serverTest.extend<Fixture>({
  between: async ({ http }, use) => {
    const between = await Between.start(http.url);
    await use(between);
    await between.close();
  },
  // What is in front of the server goes after those who follow it.
  followed: async ({ between: _first }, use) => {
    const all: Followed[] = [];
    await use(async (options) => {
      const one = await follow(options);
      all.push(one);
      return one;
    });
    // Those who follow others go before them.
    for (const one of all.reverse()) await one.close();
  },
});

test("comes to the same state, tells the same, and answers what was written through it when it has it", async ({
  http,
  keeper,
  state,
  followed,
}) => {
  await keeper.create("/before", undefined, "x");
  const follower = await followed({ urls: [http.url] });
  const watch = await follower.http.stream("/v1/watch", { query: "path=/&scope=subtree" });
  await watch.untilEvent("synced");
  const written = await follower.http.put("/v1/znodes/a", { query: "upsert=true", body: "1" });
  const read = await follower.http.get("/v1/data/a");
  expect([written.status, read.text, read.zxid]).toEqual([201, "1", written.zxid]);
  expect(await watch.untilChanges(1)).toEqual(["created /a"]);
  watch.close();
  const { text } = await http.get("/v1/export");
  expect((await follower.http.get("/v1/export")).text).toBe(text);
  expect(follower.state()).toBe(state());
  expect(follower.log.lag.entries).toBe(0);
});

test("is followed itself, and follows one of several that write to one log", async ({ followed }) => {
  const servers = await Servers.start([0, 60_000].map(skewedClock));
  const [one = "", other = ""] = servers.urls;
  const follower = await followed({ urls: [one] });
  const second = await followed({ urls: [follower.http.url] });
  await new Http(other).put("/v1/znodes/there", { query: "upsert=true", body: "x" });
  // Whatever was answered anywhere is in what is linearizable at the end of the chain.
  const read = await second.http.get("/v1/data/there", { query: "consistency=linearizable" });
  expect(read.text).toBe("x");
  const session = await second.http.post("/v1/sessions", { json: { timeoutMs: 5000 } });
  const { id, token } = session.json<{ id: string; token: string }>();
  expect((await second.http.put(`/v1/sessions/${id}`, { headers: { "session-token": token } })).status).toBe(
    200,
  );
  await Promise.all([follower, second].map(({ store }) => store.sync()));
  const [state] = await servers.states();
  await Promise.all([follower, second].map(({ store }) => store.sync()));
  expect([follower.state(), second.state()]).toEqual([state, state]);
  expect(second.log.servers).toHaveLength(2);
  for (const each of [second, follower]) await each.close();
  await servers.stop();
});

test("goes on at the next address when the one it follows is gone", async ({ followed }) => {
  const servers = await Servers.start([0, 0].map(skewedClock));
  const follower = await followed({ urls: servers.urls, suspendAfterMs: 5000 });
  await new Http(servers.urls[1] as string).put("/v1/znodes/a", { query: "upsert=true", body: "1" });
  await servers.kill(0);
  const read = async () => await follower.http.get("/v1/data/a", { query: "consistency=linearizable" });
  await expect.poll(async () => (await read()).text, { timeout: 10_000 }).toBe("1");
  await expect
    .poll(async () => (await follower.http.put("/v1/znodes/a", { body: "2" })).status, { timeout: 10_000 })
    .toBe(200);
  await follower.close();
  await servers.members[1]?.stop();
});

test("answers reads by what a token may do here, and passes on who asks", async ({
  http,
  keeper,
  followed,
}) => {
  const admin = await turnOnAccess(keeper.store);
  const follower = await followed({ urls: [http.url], token: admin.authorization.replace("Bearer ", "") });
  const create = (headers: Record<string, string>) =>
    follower.http.put("/v1/znodes/a", { query: "upsert=true", headers });
  expect((await follower.http.get("/v1/znodes")).code).toBe("unauthenticated");
  expect((await create({})).code).toBe("unauthenticated");
  expect((await follower.http.get("/v1/znodes", { headers: admin })).status).toBe(200);
  const rules = [{ prefix: "/", allow: ["read"] as const }];
  const reader = await addTokenWith(keeper.store, "reader", rules);
  await follower.store.atLeast(keeper.store.zxid);
  expect((await follower.http.get("/v1/znodes", { headers: reader })).status).toBe(200);
  expect((await create(reader)).code).toBe("forbidden");
  expect((await create(admin)).status).toBe(201);
  const stream = await follower.http.stream("/v1/watch", { query: "path=/", headers: reader });
  await stream.untilEvent("synced");
  await follower.http.delete("/v1/admin/tokens/reader", { headers: admin });
  expect((await stream.untilEvent("bye")).data).toMatchObject({ reason: "unauthorised" });
  stream.close();
});

test("passes bodies on as they come, conditions with them, and what is said of connections not", async ({
  http,
  keeper,
  followed,
}) => {
  const follower = await followed({ urls: [http.url] });
  const body = Buffer.alloc(600_000, "abc");
  await follower.http.put("/v1/znodes/large", { query: "upsert=true", body });
  expect(Buffer.from((await follower.http.get("/v1/data/large")).bytes).equals(body)).toBe(true);
  const refused = await follower.http.put("/v1/znodes/large", {
    headers: { "if-match": '"9-9"' },
    body: "x",
  });
  expect(refused.code).toBe("bad_version");
  const tooLarge = await follower.http.put("/v1/znodes/large", { body: Buffer.alloc(1_200_000) });
  expect(tooLarge.code).toBe("too_large");
  const chunked =
    "PUT /v1/znodes/large HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\n" +
    "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nnew\r\n0\r\n\r\n";
  await follower.http.raw(chunked);
  expect(keeper.data("/large")).toBe("new");
  const head = await follower.http.request("HEAD", "/v1/sessions");
  expect([head.status, head.text]).toEqual([200, ""]);
  const key = { "idempotency-key": "k-1" };
  const [first, second] = [
    await follower.http.post("/v1/znodes/q-", { query: "sequential=true", headers: key }),
    await follower.http.post("/v1/znodes/q-", { query: "sequential=true", headers: key }),
  ];
  expect(second.text).toBe(first.text);
  expect(second.header("idempotency-replayed")).toBe("true");
});

test("says what was not done, and nothing where nobody knows whether it was", async ({
  http,
  keeper,
  followed,
  server,
}) => {
  const follower = await followed({ urls: [http.url], suspendAfterMs: 2000 });
  await keeper.create("/a");
  keeper.log.hold();
  const unknown = follower.http.put("/v1/znodes/a", { body: "x" }).then(
    ({ status }) => `answered ${status}`,
    () => "cut off",
  );
  while (keeper.store.waitingCount === 0) await new Promise((resolve) => setImmediate(resolve));
  server.app.server.closeAllConnections();
  expect(await unknown).toBe("cut off");
  keeper.log.release();
  await server.close();
  await expect.poll(() => follower.logStates.at(-1)?.state, { timeout: 10_000 }).toBe("suspended");
  const refused = await follower.http.put("/v1/znodes/a", { body: "y" });
  expect([refused.status, refused.code, refused.header("retry-after")]).toEqual([503, "suspended", "1"]);
  expect((await follower.http.get("/readyz", { query: "verbose" })).text).toMatch(/\[-\] log failed/);
  // What it has of sessions it shows to those who say so; why they ended it does not know.
  const stale = await follower.http.get("/v1/sessions", { query: "stale=ok" });
  expect([stale.status, Number(stale.header("stale-ms")) >= 2000]).toEqual([200, true]);
  expect((await follower.http.get("/v1/sessions")).code).toBe("suspended");
  for (const path of ["/v1/admin/ended-sessions", "/v1/admin/ended-sessions/1f3a5c7e9b2d4f60"])
    expect((await follower.http.get(path)).code).toBe("suspended");
});

test("tells no answer in the place of one that broke off after it had begun", async ({
  between,
  followed,
}) => {
  const follower = await followed({ urls: [between.url] });
  const write = (headers: Record<string, string>) => {
    between.answer("/v1/znodes/a", (_, answer) => {
      answer.writeHead(201, { ...headers, "content-length": "50" }).flushHeaders();
      setImmediate(() => answer.destroy());
    });
    return follower.http.put("/v1/znodes/a", { query: "upsert=true" }).then(
      ({ status }) => `answered ${status}`,
      () => "cut off",
    );
  };
  // At once, and while the follower waits until it has heard of it.
  expect(await write({})).toBe("cut off");
  expect(await write({ zxid: "1000" })).toBe("cut off");
  expect((await follower.http.get("/readyz")).status).toBe(200);
});

test("hears of all that was answered before the server it follows stops", async ({
  http,
  keeper,
  followed,
  server,
}) => {
  const follower = await followed({ urls: [http.url] });
  await keeper.create("/a", undefined, "0");
  await follower.store.atLeast(keeper.store.zxid);
  keeper.log.hold();
  const late = http.put("/v1/znodes/a", { body: "late" });
  while (keeper.store.waitingCount === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = server.close();
  keeper.log.release();
  const { status, zxid } = await late;
  await closed;
  expect(status).toBe(200);
  await expect.poll(() => follower.store.zxid).toBe(zxid);
});

test("fails rather than go on from a log of another past, or one that led elsewhere", async ({
  http,
  keeper,
  followed,
}) => {
  await keeper.create("/a");
  const other = new Keeper();
  await other.store.start();
  for (const path of ["/b", "/c", "/d"]) await other.create(path);
  const served = await serveFor(other, watchesOf(other));
  const follower = await followed({ urls: [http.url] });
  expect(Digest.of(other.state).toString()).not.toBe(Digest.of(keeper.state).toString());
  const ask = (query: string) => served.http.get(`/v1/admin/log?${query}`);
  const { epoch } = (await http.get("/v1/admin/log/end")).json<{ epoch: string }>();
  expect((await ask("after=1&zxid=7&epoch=x")).json()).toMatchObject({
    code: "log_trimmed",
    unknownPast: true,
  });
  expect((await ask(`after=1&zxid=1&epoch=${epoch}&writer=nobody&seq=9`)).json()).toMatchObject({
    code: "log_trimmed",
    unknownPast: true,
  });
  expect((await ask("after=99")).json()).toMatchObject({ code: "log_trimmed", unknownPast: true });
  // An entry that led to another zxid over there than here.
  follower.log.reached({ lsn: 1, zxid: 5, epoch: "" });
  expect(follower.logStates.at(-1)).toMatchObject({
    state: "failed",
    cause: expect.stringMatching(/led to zxid 5 here/),
  });
  const second = await followed({ urls: [http.url] });
  second.log.reached({ lsn: 1, zxid: 1, epoch: "e1" });
  expect(second.logStates.at(-1)).toMatchObject({
    state: "failed",
    cause: expect.stringMatching(/led to zxid 1\.e1 here and to 1 at/),
  });
  await served.close();
  await other.store.close();
});

test("passes on an answer with the zxid that it is of, though it has heard of more by then", async ({
  keeper,
  between,
  followed,
}) => {
  await keeper.create("/a", undefined, "old");
  const follower = await followed({ urls: [between.url] });
  const session = await follower.http.post("/v1/sessions", { json: { timeoutMs: 60_000 } });
  const { token } = session.json<{ token: string }>();
  const isHeld = between.hold("/v1/data/a");
  const read = follower.http.get("/v1/data/a", { headers: { "session-token": token } });
  await isHeld;
  const of = keeper.store.zxid;
  await keeper.set("/a", "new");
  await follower.store.atLeast(keeper.store.zxid);
  between.release();
  const { text, zxid } = await read;
  expect([text, zxid]).toEqual(["old", of]);
});

test("believes what it is told of the end of the log as little as what it hears", async ({
  http,
  keeper,
  between,
  followed,
}) => {
  await keeper.create("/a");
  const told = (await http.get("/v1/admin/log/end")).json<object>();
  const state = async (said: object) => {
    const follower = await followed({ urls: [between.url] });
    between.answer("/v1/admin/log/end", (_, answer) => answer.end(JSON.stringify({ ...told, ...said })));
    const read = follower.http.get("/v1/znodes/a", { query: "consistency=linearizable" });
    read.catch(() => {});
    await expect.poll(() => follower.logStates.length).toBe(1);
    between.pass("/v1/admin/log/end");
    await follower.close();
    return follower.logStates[0];
  };
  expect(await state({ clusterId: "other" })).toMatchObject({
    state: "failed",
    cause: expect.stringMatching(/another cluster answers/),
  });
  expect(await state({ lsn: 0, zxid: 0 })).toMatchObject({
    state: "failed",
    cause: expect.stringMatching(/ends at entry 0, and this server has come to 1/),
  });
  const suspended = await state({ suspended: "etcd is away", silentMs: 7_000_000 });
  expect(suspended).toMatchObject({
    state: "suspended",
    cause: expect.stringMatching(/cannot say how it stands: etcd is away/),
    // As old as it is over there.
    silentForMs: 7_000_000,
  });
});

test("lets pages write that are its own, and no others", async ({ http, keeper, followed }) => {
  const follower = await followed({ urls: [http.url] });
  const write = (origin: string) =>
    follower.http.put("/v1/znodes/page", { query: "upsert=true", headers: { origin } });
  expect((await write("http://elsewhere.example")).code).toBe("forbidden");
  expect((await write(follower.http.url)).status).toBe(201);
  expect(keeper.data("/page")).toBe("");
});

test("notes in its audit log what it has answered itself, and leaves the rest to whoever did", async ({
  http,
  followed,
}) => {
  const noted: unknown[] = [];
  const follower = await followed({ urls: [http.url], onAudited: (line) => noted.push(line) });
  const write = (query: string) => follower.http.put("/v1/znodes/a", { query, body: "x" });
  expect((await write("upsert=true")).status).toBe(201);
  expect((await write("version=7")).status).toBeGreaterThan(399);
  expect(noted).toEqual([]);
  const headers = { via: `1.1 treekeeper-${follower.store.writer}` };
  expect((await follower.http.delete("/v1/znodes/a", { headers })).code).toBe("misdirected");
  // It may have been asked more than once: that is what the status is for.
  expect(noted[0]).toMatchObject({ operation: "deleteZnode", status: 421, by: "unknown" });
});

test("ends the streams that it passes on as well when it sheds its clients", async ({ http, followed }) => {
  const follower = await followed({ urls: [http.url] });
  const { token } = (await follower.http.post("/v1/sessions", { json: {} })).json<{ token: string }>();
  const headers = { "session-token": token };
  const stream = await follower.http.stream("/v1/watch", { query: "path=/", headers });
  await stream.untilEvent("synced");
  const drain = await follower.http.post("/v1/admin/drain", { query: "percent=100" });
  expect(drain.json()).toMatchObject({ streams: 1 });
  await stream.untilEnd();
  expect(stream.named("bye")).toEqual([]);
});

test("is refused where it would follow itself", async ({ http, followed }) => {
  const follower = await followed({ urls: [http.url] });
  const via = `1.1 treekeeper-${follower.store.writer}`;
  const answer = await follower.http.put("/v1/znodes/a", { query: "upsert=true", headers: { via } });
  expect([answer.status, answer.code]).toEqual([421, "misdirected"]);
});

test("reads frames however they are cut, and none that was damaged", async ({ http, keeper }) => {
  for (let index = 0; index < 5; index += 1)
    await keeper.create(`/n${index}`, undefined, "x".repeat(index * 1000));
  const { hostname, port } = new URL(http.url);
  const bytes = await new Promise<Buffer>((resolve) => {
    const socket = connect(Number(port), hostname);
    const parts: Buffer[] = [];
    socket.write("GET /v1/admin/log?after=0 HTTP/1.0\r\n\r\n");
    socket.on("data", (part) => {
      parts.push(part);
      const all = Buffer.concat(parts);
      if (all.includes("/n4") && all.length > 10_000) socket.destroy();
    });
    socket.on("close", () => resolve(Buffer.concat(parts)));
  });
  const body = bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
  const whole = new FrameReader().take(body);
  const single = new FrameReader();
  const cut = [...body].flatMap((byte) => single.take(Buffer.of(byte)));
  expect(cut).toEqual(whole);
  expect(whole.filter(({ kind }) => kind === "entry").length).toBeGreaterThanOrEqual(5);
  const damaged = Buffer.from(body);
  damaged[200] = (damaged[200] as number) ^ 1;
  expect(() => new FrameReader().take(damaged)).toThrow();
});
