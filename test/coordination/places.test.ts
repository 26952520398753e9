// Whose place in a queue it is: never another's of the same name, never given up by a request that did not take it, and
// never kept for a client that is gone.

import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Socket } from "node:net";
import { expect, vi } from "vitest";
import { test as serverTest } from "../routes/server-fixture.ts";
import { type Answer, type EventStream, Http } from "../support/http.ts";
import { bytes } from "../support/keeper.ts";
import { test as processTest } from "../support/process.ts";
import { ca, tlsSettings } from "../support/tls-pair.ts";

interface Session {
  readonly id: string;
  readonly token: string;
}

interface PlacesFixture {
  openSession: () => Promise<Session>;
  /** Everything that happens to the lock's children from now on. */
  changes: EventStream;
}

const claimsUrl = "/v1/locks/a/claims";
const timeoutMs = 3_600_000;
/** It is an event that is waited for, however long a busy machine takes. */
const patience = { timeout: 20_000 };

const test = serverTest.extend<PlacesFixture>({
  openSession: async ({ http }, use) => {
    await use(async () => (await http.post("/v1/sessions", { json: { timeoutMs } })).json<never>());
  },
  changes: async ({ http }, use) => {
    const stream = await http.stream("/v1/watch", { query: { path: "/locks/a", scope: "children" } });
    await stream.untilEvent("synced");
    await use(stream);
    stream.close();
  },
});

function claim(http: Http, { token }: Session, json: object = {}, headers = {}): Promise<Answer> {
  return http.post(claimsUrl, { json, headers: { "session-token": token, ...headers } });
}

/** A claim that waits, on a connection that the test cuts. */
async function waitOn(http: Http, { token }: Session, headers = "", url = claimsUrl): Promise<Socket> {
  const socket = await http.connect();
  const body = '{"waitMs":60000}';
  socket.write(
    `POST ${url} HTTP/1.1\r\nHost: localhost\r\nSession-Token: ${token}\r\n${headers}` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

/** Until so many requests wait for a place. */
async function untilWaiters(http: Http, count: number): Promise<void> {
  await vi.waitFor(async () => {
    const { coordination } = (await http.get("/v1/stats")).json<{ coordination: { waiters: number } }>();
    expect(coordination.waiters).toBe(count);
  }, patience);
}

async function queueOf(http: Http): Promise<string[]> {
  const { holders, queue } = (await http.get("/v1/locks/a")).json<{ holders: Session[]; queue: Session[] }>();
  return [...holders, ...queue].map(({ id }) => id);
}

test("a lock that was deleted and made again gives nobody the claim of another that has the same name", async ({
  http,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const keyed = { "idempotency-key": "mine" };
  expect((await claim(http, one, {}, keyed)).json()).toMatchObject({ id: "x-0000000000", state: "held" });
  await http.delete(`${claimsUrl}/x-0000000000`, { headers: { "session-token": one.token } });
  expect((await http.delete("/v1/znodes/locks/a")).status).toBe(204);
  expect((await claim(http, two)).json()).toMatchObject({ id: "x-0000000000", state: "held" });
  expect((await claim(http, one, {}, keyed)).code).toBe("no_claim");
});

test("who waits for a claim that is replaced by another of the same name is told that it is gone", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  const [one, two, three] = [await openSession(), await openSession(), await openSession()];
  await claim(http, one);
  const waiting = claim(http, two, { waitMs: 60_000 });
  await changes.untilChanges(3);
  const claiming = {
    type: "claimLock",
    name: "a",
    mode: "shared",
    metadata: bytes(""),
    orElse: "wait",
  } as const;
  await keeper.store.submitAll([
    { type: "deleteTree", path: "/locks/a" },
    { ...claiming, mode: "exclusive", sessionId: three.id },
    { ...claiming, mode: "exclusive", sessionId: one.id },
  ]);
  expect((await waiting).code).toBe("no_claim");
});

test("a place that was told of stays, whatever becomes of later requests for it", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  const [holder, patient, fickle] = [await openSession(), await openSession(), await openSession()];
  await claim(http, holder);
  const answer = claim(http, patient, { waitMs: 1 });
  await changes.untilChanges(3);
  await keeper.clock.advance(1);
  expect((await answer).status).toBe(202);
  const again = await waitOn(http, patient);
  const other = await waitOn(http, fickle);
  await changes.untilChanges(4);
  again.destroy();
  other.destroy();
  expect((await changes.untilChanges(5)).at(-1)).toBe("deleted /locks/a/x-0000000002");
  expect(await queueOf(http)).toEqual(["x-0000000000", "x-0000000001"]);
});

test("a place that nobody was told of goes with the last who waits for it", async ({
  http,
  openSession,
  changes,
}) => {
  const [holder, fickle] = [await openSession(), await openSession()];
  await claim(http, holder);
  const first = await waitOn(http, fickle);
  await changes.untilChanges(3);
  const second = await waitOn(http, fickle);
  await untilWaiters(http, 2);
  first.destroy();
  await untilWaiters(http, 1);
  second.destroy();
  expect((await changes.untilChanges(4)).at(-1)).toBe("deleted /locks/a/x-0000000001");
});

for (const [what, url, place] of [
  ["claim", claimsUrl, "/locks/a/x-0000000001"],
  ["candidacy", "/v1/elections/a/candidates", "/elections/a/c-0000000001"],
] as const) {
  test(`a stranger who looks at a ${what} that its session was not told of changes nothing: it goes with its client`, async ({
    http,
    openSession,
  }) => {
    const [holder, fickle, stranger] = [await openSession(), await openSession(), await openSession()];
    const [, , name = "", id = ""] = place.split("/");
    const stream = await http.stream("/v1/watch", { query: { path: place } });
    await stream.untilEvent("synced");
    await http.post(url, { json: {}, headers: { "session-token": holder.token } });
    const first = await waitOn(http, fickle, "", url);
    await stream.untilChanges(1);
    const looked = await http.get(`${url}/${id}`);
    expect(looked.json()).toMatchObject({ state: "waiting", path: `/${place.split("/")[1]}/${name}/${id}` });
    await http.get(`${url}/${id}`, { headers: { "session-token": stranger.token } });
    const waiting = http.get(`${url}/${id}`, { query: { waitMs: 60_000 } });
    await http.get(url.replace(/[^/]*$/, ""));
    first.destroy();
    expect((await stream.untilChanges(2)).at(-1)).toBe(`deleted ${place}`);
    expect((await waiting).code).toBe("no_claim");
    stream.close();
  });
}

test("a session that looked at its own place was told of it, and keeps it", async ({
  http,
  openSession,
  changes,
}) => {
  const [holder, owner, fickle] = [await openSession(), await openSession(), await openSession()];
  await claim(http, holder);
  const first = await waitOn(http, owner);
  await changes.untilChanges(3);
  const own = { headers: { "session-token": owner.token } };
  expect((await http.get(`${claimsUrl}/x-0000000001`, own)).json()).toMatchObject({ state: "waiting" });
  const second = await waitOn(http, fickle);
  await changes.untilChanges(4);
  first.destroy();
  second.destroy();
  expect((await changes.untilChanges(5)).at(-1)).toBe("deleted /locks/a/x-0000000002");
  expect(await queueOf(http)).toEqual(["x-0000000000", "x-0000000001"]);
});

test("a place is given up although what its claim was fenced by is gone", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  const [holder, fickle] = [await openSession(), await openSession()];
  await claim(http, holder);
  await keeper.create("/outer");
  const socket = await waitOn(http, fickle, `Fence: /outer@${keeper.store.zxid}\r\n`);
  await changes.untilChanges(3);
  await keeper.store.submit({ type: "delete", path: "/outer" });
  socket.destroy();
  expect((await changes.untilChanges(4)).at(-1)).toBe("deleted /locks/a/x-0000000001");
});

processTest("of more than may wait, those refused have taken no place", async ({ start }) => {
  const server = await start("--claim-waiters-max", "2");
  const http = new Http(server.url);
  const open = async (): Promise<Session> =>
    (await http.post("/v1/sessions", { json: { timeoutMs } })).json<never>();
  await claim(http, await open());
  const sessions = await Promise.all(Array.from({ length: 10 }, open));
  const answers = await Promise.all(sessions.map((session) => claim(http, session, { waitMs: 200 })));
  const statuses = answers.map(({ status }) => status);
  const keptCount = statuses.filter((status) => status === 202).length;
  expect(new Set(statuses)).toEqual(new Set([202, 429]));
  expect(await queueOf(http)).toHaveLength(1 + keptCount);
});

processTest("over HTTP/2 too, who goes away while it waits loses its place", async ({ start }) => {
  const server = await start(...tlsSettings);
  const client = connect(server.url, { ca });
  const tokens: string[] = [];
  for (let count = 0; count < 2; count += 1) {
    const { json } = await send(client, { ":method": "POST", ":path": "/v1/sessions" }, { timeoutMs });
    tokens.push(String(json.token));
  }
  const [holder = "", fickle = ""] = tokens;
  const claiming = { ":method": "POST", ":path": claimsUrl };
  await send(client, { ...claiming, "session-token": holder }, {});
  const waiting = client.request({ ...claiming, "session-token": fickle });
  waiting.on("error", () => {});
  waiting.end('{"waitMs":60000}');
  const made = "/v1/children/locks/a?waitAfterZxid=3&waitMs=60000";
  expect((await send(client, { ":path": made })).json.children).toEqual(["x-0000000000", "x-0000000001"]);
  waiting.close(8);
  const gone = "/v1/children/locks/a?waitAfterZxid=4&waitMs=60000";
  expect((await send(client, { ":path": gone })).json.children).toEqual(["x-0000000000"]);
  client.close();
});

async function send(client: ClientHttp2Session, headers: Record<string, string>, body?: object) {
  const request = client.request(headers).setEncoding("utf8");
  request.end(body === undefined ? undefined : JSON.stringify(body));
  await once(request, "response");
  let text = "";
  for await (const part of request) text += part;
  return { json: JSON.parse(text) as Record<string, unknown> };
}
