import { expect } from "vitest";
import { Client, ConnectionError } from "../../src/client/index.ts";
import { test } from "./fixture.ts";
import { type Exchange, ScriptedServer } from "./scripted-server.ts";

const stat = { czxid: 5, mzxid: 5, version: 0 };
const written = { path: "/a", stat };
/** The first pause before another attempt, as chance is one half; the next are half of twice as long. */
const pausesMs = [100, 100, 200, 400, 800];

function throttle(exchange: Exchange, retryAfter = "1"): void {
  const problem = { code: "throttled", detail: "Too many writes wait.", status: 429 };
  exchange.refuse(429, problem, { "Retry-After": retryAfter });
}

test("a read whose answer is lost is sent again, each time after a longer pause, and not for ever", async ({
  client,
  server,
  clock,
}) => {
  const reading = client.get("/a");
  reading.catch(() => {});
  for (const pauseMs of pausesMs) {
    (await server.request()).cut();
    (await clock.timer((ms) => ms === pauseMs)).fire();
  }
  (await server.request()).cut();
  await expect(reading).rejects.toBeInstanceOf(ConnectionError);
  expect(clock.timers.size).toBe(0);
});

test("a create is sent again with the key it had, another create with another [D19]", async ({
  client,
  server,
  clock,
}) => {
  const creating = client.create("/a", "one", { mode: { sequential: true }, parents: true });
  const first = await server.request();
  expect(await first.body).toBe("one");
  first.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  const second = await server.request();
  expect([second.asked, Object.fromEntries(second.query), await second.body]).toEqual([
    "POST /v1/znodes/a",
    { sequential: "true", parents: "true" },
    "one",
  ]);
  expect(second.headers["idempotency-key"]).toBe(first.headers["idempotency-key"]);
  second.reply(201, written, { Zxid: "9" });
  expect(await creating).toEqual({ ...written, zxid: 9 });
  const other = client.create("/a");
  const third = await server.request();
  expect(third.headers["idempotency-key"]).not.toBe(first.headers["idempotency-key"]);
  third.reply(201, written);
  await other;
});

test("a set or delete whose answer is lost is not sent again, and says that it may be done", async ({
  client,
  server,
  clock,
}) => {
  const writes = [() => client.set("/a", "x", { version: 3 }), () => client.delete("/a")];
  for (const write of writes) {
    const failures: ((exchange: Exchange) => void)[] = [
      (exchange) => exchange.cut(),
      (exchange) => exchange.answer(504, "text/html", "<p>Gateway timeout"),
      (exchange) => exchange.refuse(500, { code: "internal", detail: "It failed." }),
      (exchange) => exchange.refuse(408, { code: "bad_request", detail: "Too slow." }),
      (exchange) => exchange.answer(200, "application/json", "{"),
    ];
    for (const fail of failures) {
      const writing = write();
      writing.catch(() => {});
      fail(await server.request());
      await expect(writing).rejects.toMatchObject({ mayBeDone: true });
    }
  }
  expect(clock.timers.size).toBe(0);
});

test("what never reached a server may be sent again, and is not done", async ({ server, clock }) => {
  const endpoint = server.url;
  await server.stop();
  const client = new Client({ endpoint, clock, chance: () => 0.5, attemptsMax: 2 });
  const writing = client.set("/a", "x");
  writing.catch(() => {});
  (await clock.timer((ms) => ms === 100)).fire();
  await expect(writing).rejects.toMatchObject({ name: "ConnectionError", mayBeDone: false });
});

test("a refusal that comes before anything is done is waited out, for whatever was asked [L1]", async ({
  client,
  server,
  clock,
}) => {
  const writing = client.set("/a", "x", { version: 3 });
  throttle(await server.request(), "2");
  (await clock.timer((ms) => ms === 2100)).fire();
  const problem = { code: "stopping", detail: "It is shutting down.", status: 503 };
  (await server.request()).refuse(503, problem);
  (await clock.timer((ms) => ms === 100)).fire();
  (await server.request()).reply(200, written, { Zxid: "4" });
  expect(await writing).toEqual({ ...written, zxid: 4 });
});

test("a refusal for good is told at once, with its code and its facts", async ({ client, server }) => {
  const writing = client.set("/a", "x", {
    ifMatch: { czxid: 5, version: 0 },
    fences: [{ path: "/m, ä", czxid: 7 }],
  });
  const exchange = await server.request();
  expect([exchange.headers["if-match"], exchange.headers.fence]).toEqual(['"5-0"', "%2Fm%2C%20%C3%A4@7"]);
  const problem = {
    type: "urn:x",
    title: "t",
    status: 412,
    code: "bad_version",
    detail: "No.",
    path: "/a",
    stat,
  };
  exchange.refuse(412, problem);
  await expect(writing).rejects.toMatchObject({
    ...{ name: "RequestError", code: "bad_version", status: 412, detail: "No.", mayBeDone: false },
    details: { path: "/a", stat },
  });
});

test("after an attempt of which nothing is known, giving up says that it may be done", async ({
  server,
  clock,
}) => {
  const client = new Client({ endpoint: server.url, clock, chance: () => 0.5, attemptsMax: 2 });
  const creating = client.create("/a");
  creating.catch(() => {});
  (await server.request()).cut();
  (await clock.timer((ms) => ms === 100)).fire();
  throttle(await server.request());
  await expect(creating).rejects.toMatchObject({ code: "throttled", mayBeDone: true });
});

test("an answer that does not come in time is a lost one", async ({ client, server, clock }) => {
  const writing = client.set("/a", "x");
  writing.catch(() => {});
  const exchange = await server.request();
  clock.advance(9999);
  expect(exchange.response.closed).toBe(false);
  clock.advance(1);
  await expect(writing).rejects.toMatchObject({ name: "ConnectionError", mayBeDone: true });
  await exchange.closed;
});

test("a call takes no longer than it may, its attempts and pauses together", async ({
  client,
  server,
  clock,
}) => {
  const reading = client.get("/a", { timeoutMs: 1000 });
  reading.catch(() => {});
  const first = await server.request();
  clock.pause(300);
  first.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  await server.request();
  clock.pause(100);
  await clock.timer((ms) => ms === 700);
  clock.advance(600);
  await expect(reading).rejects.toBeInstanceOf(ConnectionError);

  const refused = client.get("/a", { timeoutMs: 1000 });
  throttle(await server.request(), "2");
  await expect(refused).rejects.toMatchObject({ code: "throttled" });
});

test("a wait that was asked for is not taken for a lost answer", async ({ client, server, clock }) => {
  const reading = client.get("/a", { waitAfterZxid: 4, waitMs: 30_000 });
  const exchange = await server.request();
  expect(Object.fromEntries(exchange.query)).toEqual({ waitAfterZxid: "4", waitMs: "30000" });
  clock.advance(39_999);
  exchange.reply(200, { ...written, data: "x" }, { Zxid: "5" });
  expect((await reading).zxid).toBe(5);
});

test("aborting ends a call at once, with the signal's reason, whatever it waits for", async ({
  client,
  server,
  clock,
  abort,
}) => {
  const reason = new Error("enough");
  const pausing = client.create("/a", "", abort);
  pausing.catch(() => {});
  (await server.request()).cut();
  await clock.timer((ms) => ms === 100);
  const waiting = client.create("/a", "", abort);
  waiting.catch(() => {});
  const exchange = await server.request();
  const listing = client.subtree("/a", abort);
  const line = listing.next();
  line.catch(() => {});
  (await server.request()).begin("");
  abort.abort(reason);
  for (const call of [pausing, waiting, line, client.get("/a", abort), client.subtree("/a", abort).next()]) {
    await expect(call).rejects.toBe(reason);
  }
  await exchange.closed;
  expect(clock.timers.size).toBe(0);
});

test("with several endpoints the next is tried when one does not answer, and kept", async ({
  server,
  clock,
}) => {
  const other = await ScriptedServer.start();
  const gone = other.url;
  await other.stop();
  const client = new Client({ endpoint: [gone, server.url], clock, chance: () => 0.5 });
  const reading = client.get("/a");
  (await clock.timer((ms) => ms === 100)).fire();
  (await server.request()).reply(200, { ...written, data: "" });
  await reading;
  const again = client.set("/a", "x");
  (await server.request()).reply(200, written);
  await again;
  const lost = client.delete("/a");
  (await server.request()).cut();
  await expect(lost).rejects.toMatchObject({ mayBeDone: true });
  await expect(client.delete("/a", { timeoutMs: 50 })).rejects.toMatchObject({ mayBeDone: false });
  expect(() => new Client({ endpoint: [] })).toThrow(TypeError);
});

test("another service at the endpoint is no answer", async ({ client, server }) => {
  const reading = client.get("/a");
  (await server.request()).answer(200, "text/html", "<p>Welcome");
  await expect(reading).rejects.toMatchObject({ code: "unexpected_answer", status: 200 });
});

test("lines that break off are not taken for all there are", async ({ client, server, clock }) => {
  const lines = (exchange: Exchange, text: string) => {
    exchange.response.writeHead(200, { "Content-Type": "application/x-ndjson" });
    exchange.response.write(text);
  };
  const node = (path: string) => `${JSON.stringify({ path, stat })}\n`;
  const listing = client.subtree("/");
  const first = listing.next();
  (await server.request()).cut();
  (await clock.timer((ms) => ms === 100)).fire();
  const exchange = await server.request();
  expect([exchange.headers.accept, exchange.query.get("include")]).toEqual([
    "application/x-ndjson",
    "stat,data",
  ]);
  lines(exchange, node("/") + node("/a").slice(0, 9));
  expect((await first).value).toEqual({ path: "/", stat });
  const second = listing.next();
  exchange.send(node("/a").slice(9));
  expect((await second).value).toEqual({ path: "/a", stat });
  const third = listing.next();
  third.catch(() => {});
  exchange.cut();
  await expect(third).rejects.toBeInstanceOf(ConnectionError);

  for (const text of ['{"path":"/"', "nothing\n", "{}\n"]) {
    const broken = client.childZnodes("/").next();
    const whole = await server.request();
    lines(whole, text);
    whole.end();
    await expect(broken).rejects.toBeInstanceOf(ConnectionError);
  }
  expect(clock.timers.size).toBe(0);
});

test("a path is sent so that nothing on the road folds it [P14]", async ({ client, server }) => {
  const paths = {
    "/a b/ä%": "/v1/znodes/a%20b/%C3%A4%25",
    "/": "/v1/znodes/",
    "/a/../b": "/v1/znodes/%2Fa%2F..%2Fb",
  };
  for (const [path, sent] of Object.entries(paths)) {
    const reading = client.get(path);
    const exchange = await server.request();
    expect(exchange.path).toBe(sent);
    exchange.reply(200, { ...written, data: "" });
    await reading;
  }
  for (const path of ["a", "/\ud800"])
    await expect(client.get(path)).rejects.toMatchObject({ code: "bad_path" });
});
