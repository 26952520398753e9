// Who a client is to the service: the token goes with all that is sent, is renewed while the client lives, goes to nobody
// else and is told to nobody.

import { expect } from "vitest";
import { Client, ForbiddenError, RequestError, UnauthenticatedError } from "../../src/client/index.ts";
import { brief, Pull, test } from "./fixture.ts";
import { type Exchange, ScriptedServer, setTo, synced } from "./scripted-server.ts";

const opened = { id: "00000000000000a1", token: "secret", timeoutMs: 12_000, validForMs: 12_000 };
const alive = { id: opened.id, timeoutMs: 12_000, validForMs: 12_000, zxid: 7 };
/** When a keepalive goes out, as chance is one half. */
const keepaliveMs = 3600;
const chance = () => 0.5;

function unauthenticated(exchange: Exchange): void {
  exchange.refuse(401, { code: "unauthenticated", detail: "This needs a token.", status: 401 });
}

const shownBy = ({ headers }: Exchange) => headers.authorization;

test("every request and every stream shows the token", async ({ server, clock, abort }) => {
  const client = new Client({ endpoint: server.url, token: "tk_one", clock, chance });
  const lines = new Blob(['{"path":"/a"}\n']).stream();
  const { signal } = abort;
  const calls: (() => Promise<unknown>)[] = [
    () => client.get("/a"),
    () => client.create("/a", "1"),
    () => client.openSession(),
    () => client.joinSession({ id: opened.id, token: "secret" }),
    () => new Pull(client.watch({ paths: ["/a"] }, { signal })).next(),
    () => client.subtree("/a").next(),
    () => client.importLines(lines).next(),
    () => client.deleteTree("/a").next(),
    () => client.tree("/a", { signal }).ready,
    () => client.service("web", { signal }).ready,
    () => client.tokens.list().next(),
  ];
  for (const call of calls) {
    const refused = expect(call()).rejects.toBeInstanceOf(ForbiddenError);
    const exchange = await server.request();
    expect(shownBy(exchange), exchange.asked).toBe("Bearer tk_one");
    exchange.refuse(403, { code: "forbidden", detail: "No policy of yours.", status: 403 });
    await refused;
  }
});

test("a token that was replaced is asked for again, and the request is sent with the new one, once", async ({
  server,
  clock,
}) => {
  const given = ["tk_one", "tk_two", "tk_two", "tk_two"];
  const token = async () => given.shift() as string;
  const client = new Client({ endpoint: server.url, token, clock, chance });
  const setting = client.set("/a", "1");
  const first = await server.request();
  expect(shownBy(first)).toBe("Bearer tk_one");
  unauthenticated(first);
  const second = await server.request();
  expect([shownBy(second), await second.body]).toEqual(["Bearer tk_two", "1"]);
  second.reply(200, { path: "/a", stat: {} });
  await setting;
  const refused = client.get("/a");
  unauthenticated(await server.request());
  await expect(refused).rejects.toBeInstanceOf(UnauthenticatedError);
  await expect(refused).rejects.toMatchObject({ code: "unauthenticated", status: 401, isTemporary: false });
  expect(given).toEqual([]);
});

test("a token that is not to be had for a while is asked for again, and nothing is sent without", async ({
  server,
  clock,
}) => {
  let asked = 0;
  const token = () => {
    asked += 1;
    if (asked === 1) throw new Error("the vault is sealed");
    return "tk_one";
  };
  const client = new Client({ endpoint: server.url, token, clock, chance });
  const setting = client.set("/a", "1");
  (await clock.timer((ms) => ms === 100)).fire();
  const exchange = await server.request();
  expect(shownBy(exchange)).toBe("Bearer tk_one");
  exchange.reply(200, { path: "/a", stat: {} });
  await setting;
  const sealed = new Client({ endpoint: server.url, token: () => Promise.reject("sealed"), attemptsMax: 1 });
  await expect(sealed.set("/a", "1")).rejects.toMatchObject({ name: "ConnectionError", mayBeDone: false });
});

test("what could be no token is sent to nobody, and not told in the error", async ({ server }) => {
  for (const token of ["", "tk secret", "tk_sécret", "secret\r\nHost: evil"]) {
    expect(() => new Client({ endpoint: server.url, token })).toThrow(
      new TypeError("The access token has characters that none has, or it is empty."),
    );
    const client = new Client({ endpoint: server.url, token: () => token });
    const error: unknown = await client.get("/a").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(UnauthenticatedError);
    expect(JSON.stringify(error) + String(error)).not.toContain("cret");
  }
  expect(await server.connectionCount()).toBe(0);
});

test("a redirect takes neither the access token nor the session's elsewhere, to a stream's reader neither", async ({
  server,
}) => {
  const elsewhere = await ScriptedServer.start();
  const client = new Client({ endpoint: server.url, token: () => "tk_one" });
  const calls = [
    () => client.joinSession({ id: opened.id, token: "secret" }),
    () => new Pull(client.watch({ paths: ["/a"] })).next(),
    () => client.subtree("/a").next(),
  ];
  for (const [index, call] of calls.entries()) {
    const refused = expect(call()).rejects.toMatchObject({ code: "unexpected_answer" });
    const exchange = await server.request();
    expect(shownBy(exchange)).toBe("Bearer tk_one");
    exchange.response.writeHead([302, 307, 308][index] as number, { Location: `${elsewhere.url}/v1` }).end();
    await refused;
  }
  expect(await elsewhere.connectionCount()).toBe(0);
  await elsewhere.stop();
});

test("a stream that ends as unauthorised is told of, and goes on with the token that is given then", async ({
  server,
  clock,
  reconnect,
  abort,
}) => {
  let secret = "tk_one";
  const client = new Client({ endpoint: server.url, token: () => secret, clock, chance });
  const told: string[] = [];
  const disconnected = ({ message }: Error) => told.push(message);
  const pull = new Pull(
    client.watch({ paths: ["/a"], sinceZxid: 1 }, { signal: abort.signal, disconnected }),
  );
  const first = pull.next();
  (await server.request()).begin().send(`${setTo(2, "two")}event: bye\ndata: {"reason":"unauthorised"}\n\n`);
  expect(brief(await first)).toBe("2 two");
  secret = "tk_two";
  const next = pull.next();
  (await reconnect()).fire();
  const second = await server.request();
  expect(told).toEqual([
    "The server ended the stream: unauthorised, since what its token may do has changed or ended.",
  ]);
  expect([shownBy(second), second.headers["last-event-id"]]).toEqual(["Bearer tk_two", "2"]);
  second.begin().send(`${synced(3)}event: bye\ndata: {"reason":"unauthorised"}\n\n`);
  expect(brief(await next)).toBe("synced 3");
  // There is no other token: the watch ends with what the service says.
  const last = pull.next();
  (await reconnect()).fire();
  unauthenticated(await server.request());
  await expect(last).rejects.toBeInstanceOf(UnauthenticatedError);
});

test("a session whose keepalives are refused for the token is suspended, expiring and lost in time, and never more", async ({
  server,
  clock,
}) => {
  const client = new Client({ endpoint: server.url, token: "tk_one", clock, chance });
  const opening = client.openSession({ timeoutMs: 12_000 });
  (await server.request()).reply(201, opened);
  const session = await opening;
  const told: [string, number][] = [];
  session.onStateChanged((state) => told.push([state, clock.now().monotonicMs]));
  clock.advance(keepaliveMs);
  unauthenticated(await server.request());
  // The pause before another try begins when the refusal was read.
  await clock.timer((ms) => ms === 450);
  expect([session.state, session.isValid()]).toEqual(["suspended", true]);
  clock.advance(12_000 - keepaliveMs);
  expect(told).toEqual([
    ["suspended", keepaliveMs],
    ["expiring", 8000],
    ["lost", 12_000],
  ]);
  expect([session.isValid(), session.remainingMs()]).toEqual([false, 0]);
  await expect(session.set("/a", "1")).rejects.toMatchObject({
    name: "SessionLostError",
    end: "unconfirmed",
  });
});

test("a session goes on as soon as a keepalive shows a token that is one", async ({ server, clock }) => {
  let secret = "tk_one";
  const client = new Client({ endpoint: server.url, token: () => secret, clock, chance });
  const opening = client.openSession({ timeoutMs: 12_000 });
  (await server.request()).reply(201, opened);
  const session = await opening;
  clock.advance(keepaliveMs);
  unauthenticated(await server.request());
  const again = await clock.timer((ms) => ms === 450);
  expect(session.state).toBe("suspended");
  secret = "tk_two";
  again.fire();
  const keepalive = await server.request();
  expect(shownBy(keepalive)).toBe("Bearer tk_two");
  const connected = new Promise((resolve) => session.onStateChanged(resolve));
  keepalive.reply(200, alive);
  expect(await connected).toBe("connected");
  session.leave();
});

test("the refusal of one operation among many has its own kind, too", async ({ client, server }) => {
  const batch = client.batch([{ op: "get", path: "/a" }]);
  const problem = { status: 403, code: "forbidden", detail: "No policy of yours." };
  (await server.request()).reply(200, { results: [{ op: "get", path: "/a", ...problem }] });
  const { results } = await batch;
  expect(results[0]).toBeInstanceOf(ForbiddenError);
  expect(results[0]).toBeInstanceOf(RequestError);
});

test("tokens and policies are listed page by page, and no secret is asked for twice", async ({
  client,
  server,
}) => {
  const listing = namesOf(client.tokens.list());
  (await server.request()).reply(200, { tokens: [{ name: "a" }], next: "a" });
  const second = await server.request();
  expect([second.asked, second.query.get("after")]).toEqual(["GET /v1/admin/tokens", "a"]);
  second.reply(200, { tokens: [{ name: "b" }] });
  expect(await listing).toEqual(["a", "b"]);
  const policies = namesOf(client.policies.list());
  (await server.request()).reply(200, { policies: [{ name: "admin" }] });
  expect(await policies).toEqual(["admin"]);
  for (const make of [
    () => client.tokens.create({ name: "web", policies: ["app"] }),
    () => client.tokens.rotate("web", { overlapMs: 1000 }),
  ]) {
    const making = expect(make()).rejects.toMatchObject({ name: "ConnectionError", mayBeDone: true });
    (await server.request()).cut();
    await making;
  }
});

async function namesOf(records: AsyncIterable<{ readonly name: string }>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of records) names.push(name);
  return names;
}
