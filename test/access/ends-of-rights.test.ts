// What goes on by somebody's rights ends with them: streams of every kind, long polls, and waits for a place.

import { expect } from "vitest";
import type { Rule } from "../../src/core/access/policy.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { serveFor, test } from "../routes/server-fixture.ts";
import { addToken, addTokenWith, type Bearer, turnOnAccess } from "../support/access.ts";
import { FakeClock } from "../support/fake-clock.ts";
import type { EventStream, Http } from "../support/http.ts";
import { Keeper, plain } from "../support/keeper.ts";
import { watchesOf } from "../watches/fixture.ts";

const bySystem = { principal: "system" } as const;
const everything: Rule[] = [{ prefix: "/", allow: ["read", "session", "coordinate"] }];

async function watchApp(http: Http, headers: Bearer): Promise<EventStream> {
  const stream = await http.stream("/v1/watch", { query: { path: "/app" }, headers });
  await stream.untilEvent("synced");
  return stream;
}

/** One stream of every kind there is. */
async function everyStream(http: Http, headers: Bearer): Promise<EventStream[]> {
  const { id } = (await http.post("/v1/sessions", { json: { timeoutMs: 3_600_000 }, headers })).json<{
    id: string;
  }>();
  const urls = [
    "/v1/watch?path=/app",
    `/v1/sessions/${id}/events`,
    "/v1/locks/a/events",
    "/v1/elections/a/events",
    "/v1/services/a/events",
  ];
  const streams = await Promise.all(urls.map((url) => http.stream(url, { headers })));
  await Promise.all(streams.map((stream) => stream.until(() => stream.events.length > 0)));
  return streams;
}

async function expectUnauthorised(...streams: readonly EventStream[]): Promise<void> {
  for (const stream of streams) {
    await stream.untilEnd();
    expect(stream.events.at(-1)).toMatchObject({ event: "bye", data: { reason: "unauthorised" } });
  }
}

/** They are told what happens, so they are open. */
async function expectOpen(keeper: Keeper, ...streams: readonly EventStream[]): Promise<void> {
  const counts = streams.map(({ changes }) => changes.length);
  if (keeper.exists("/app")) await keeper.delete("/app", undefined, bySystem);
  else await keeper.create("/app", plain, "", bySystem);
  await Promise.all(streams.map((stream, index) => stream.untilChanges((counts[index] as number) + 1)));
}

test("a revoked token's streams of every kind end, and nobody else's", async ({ keeper, http }) => {
  const root = await turnOnAccess(keeper.store);
  const revoked = await everyStream(http, await addTokenWith(keeper.store, "a", everything));
  const others = await everyStream(http, await addToken(keeper.store, { name: "b", policies: ["a"] }));
  expect((await http.delete("/v1/admin/tokens/a", { headers: root })).status).toBe(204);
  await expectUnauthorised(...revoked);
  await expectOpen(keeper, others[0] as EventStream);
  expect(others.map(({ isEnded }) => isEnded)).toEqual(others.map(() => false));
  for (const stream of others) stream.close();
});

test("a policy that is set otherwise ends the streams of those who have it, be it narrower or wider", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", everything);
  const other = await watchApp(http, await addTokenWith(keeper.store, "b", everything));
  const narrower: Rule[] = [{ prefix: "/app", allow: ["read"] }];
  const wider: Rule[] = [...narrower, { prefix: "/more", allow: ["read"] }];
  for (const rules of [narrower, wider]) {
    const stream = await watchApp(http, headers);
    await http.put("/v1/admin/policies/a", { json: { rules }, headers: root });
    await expectUnauthorised(stream);
  }
  await expectOpen(keeper, other);
  other.close();
});

test("a token with other policies ends its streams; the same rules again, other tokens and a longer life end none", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", everything);
  const stream = await watchApp(http, headers);
  await http.put("/v1/admin/policies/a", { json: { rules: everything }, headers: root });
  await addTokenWith(keeper.store, "b", [{ prefix: "/", allow: ["read"] }]);
  const validUntilMs = keeper.store.timeMs + 3_600_000;
  await http.request("PATCH", "/v1/admin/tokens/a", { json: { validUntilMs }, headers: root });
  await expectOpen(keeper, stream);
  await http.request("PATCH", "/v1/admin/tokens/a", { json: { policies: ["b"] }, headers: root });
  await expectUnauthorised(stream);
});

test("a token's streams end within a second of its end, and not before", async ({ keeper, http }) => {
  const root = await turnOnAccess(keeper.store);
  await addTokenWith(keeper.store, "a", everything);
  const ends = { policies: ["a"], validUntilMs: keeper.store.timeMs + 10_000 };
  const short = await everyStream(http, await addToken(keeper.store, { name: "short", ...ends }));
  const extended = await watchApp(http, await addToken(keeper.store, { name: "extended", ...ends }));
  const shortened = await watchApp(
    http,
    await addToken(keeper.store, { name: "shortened", policies: ["a"] }),
  );
  const change = (name: string, validUntilMs: number) =>
    http.request("PATCH", `/v1/admin/tokens/${name}`, { json: { validUntilMs }, headers: root });
  await change("extended", ends.validUntilMs + 10_000);
  await change("shortened", ends.validUntilMs);
  await keeper.clock.advance(9500);
  await expectOpen(keeper, short[0] as EventStream, extended, shortened);
  await keeper.clock.advance(1400);
  await expectUnauthorised(...short, shortened);
  await expectOpen(keeper, extended);
  await keeper.clock.advance(10_000);
  await expectUnauthorised(extended);
});

test("the streams of a secret that was replaced end with its overlap, at once where there is none", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const rotate = async (overlapMs: number) => {
    const answer = await http.post("/v1/admin/tokens/a/rotate", { json: { overlapMs }, headers: root });
    return { authorization: `Bearer ${answer.json<{ secret: string }>().secret}` };
  };
  const first = await watchApp(http, await addTokenWith(keeper.store, "a", everything));
  const second = await watchApp(http, await rotate(5000));
  await keeper.clock.advance(4000);
  await expectOpen(keeper, first, second);
  await keeper.clock.advance(2000);
  await expectUnauthorised(first);
  await expectOpen(keeper, second);
  const third = await watchApp(http, await rotate(0));
  await expectUnauthorised(second);
  await expectOpen(keeper, third);
  third.close();
});

test("streams of nobody in particular end when access control begins", async ({ keeper, http }) => {
  const streams = await everyStream(http, {} as Bearer);
  await turnOnAccess(keeper.store);
  await expectUnauthorised(...streams);
});

test("a long poll is answered by the rights there are when it ends", async ({ keeper, http }) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", everything);
  const poll = async () => {
    const query = { waitAfterZxid: keeper.store.zxid, waitMs: 60_000 };
    const answer = http.get("/v1/znodes/app", { query, headers });
    const inPart = http.get("/v1/children/app", { query, headers });
    await expect.poll(async () => (await openWatches(http, root)).length).toBe(2);
    return [answer, inPart];
  };
  await keeper.create("/app", plain, "", bySystem);
  let answers = await poll();
  const rules: Rule[] = [{ prefix: "/", allow: ["session"] }];
  await http.put("/v1/admin/policies/a", { json: { rules }, headers: root });
  for (const answer of answers) expect((await answer).code).toBe("forbidden");
  await http.put("/v1/admin/policies/a", { json: { rules: everything }, headers: root });
  answers = await poll();
  await http.delete("/v1/admin/tokens/a", { headers: root });
  for (const answer of answers) expect((await answer).code).toBe("unauthenticated");
});

async function openWatches(http: Http, headers: Bearer): Promise<object[]> {
  return (await http.get("/v1/admin/watches", { headers })).json<{ watches: object[] }>().watches;
}

/** Requests that wait for a place, each with what the recipe keeps of it. */
const waits = [
  { url: "/v1/locks/x/claims", json: { waitMs: 60_000 }, path: "/locks/x", kept: 1 },
  { url: "/v1/elections/x/candidates", json: { waitMs: 60_000 }, path: "/elections/x", kept: 1 },
  {
    url: "/v1/barriers/x",
    json: { action: "enter", count: 2, waitMs: 60_000 },
    path: "/barriers/x",
    kept: 0,
  },
];

test.for(waits)(
  "who waits at $url is refused with the end of their right, and stands there no more",
  async ({ url, json, path, kept }, { keeper, http }) => {
    const root = await turnOnAccess(keeper.store);
    const holder = (await http.post("/v1/sessions", { json: { timeoutMs: 3_600_000 }, headers: root })).json<{
      token: string;
    }>();
    if (kept > 0) {
      const headers = { ...root, "session-token": holder.token };
      expect((await http.post(url, { json: { waitMs: 0 }, headers })).status).toBe(201);
    }
    const bearer = await addTokenWith(keeper.store, "a", everything);
    const open = { json: { timeoutMs: 3_600_000 }, headers: bearer };
    const session = (await http.post("/v1/sessions", open)).json<{ token: string }>();
    const headers = { ...bearer, "session-token": session.token };
    const wait = () => http.post(url, { json, headers });
    const untilThereAre = (count: number) =>
      expect.poll(() => (keeper.exists(path) ? keeper.children(path).length : 0)).toBe(count);

    const wider: Rule[] = [...everything, { prefix: "/more", allow: ["read"] }];
    const narrower: Rule[] = [{ prefix: "/", allow: ["read", "session"] }];
    const narrowed = wait();
    await untilThereAre(kept + 1);
    await http.put("/v1/admin/policies/a", { json: { rules: wider }, headers: root });
    expect(keeper.children(path).length).toBe(kept + 1);
    await http.put("/v1/admin/policies/a", { json: { rules: narrower }, headers: root });
    expect((await narrowed).code).toBe("forbidden");
    await untilThereAre(kept);

    await http.put("/v1/admin/policies/a", { json: { rules: everything }, headers: root });
    const revoked = wait();
    await untilThereAre(kept + 1);
    await http.delete("/v1/admin/tokens/a", { headers: root });
    expect((await revoked).code).toBe("unauthenticated");
    await untilThereAre(kept);
  },
);

test("a place that its asker comes back for is kept, though nobody is told of it", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const bearer = await addTokenWith(keeper.store, "a", everything);
  const sessionOf = async (headers: Bearer) => {
    const answer = await http.post("/v1/sessions", { json: { timeoutMs: 3_600_000 }, headers });
    return { ...headers, "session-token": answer.json<{ token: string }>().token };
  };
  const url = "/v1/locks/x/claims";
  expect((await http.post(url, { headers: await sessionOf(root) })).status).toBe(201);
  const headers = { ...(await sessionOf(bearer)), "idempotency-key": "one" };
  const waiting = http.post(url, { json: { waitMs: 60_000 }, headers });
  await expect.poll(() => keeper.children("/locks/x").length).toBe(2);
  await http.delete("/v1/admin/tokens/a", { headers: root });
  expect((await waiting).code).toBe("unauthenticated");
  expect(keeper.children("/locks/x").length).toBe(2);
});

test("lines that a client takes its time for are cut off when its token is revoked, and others' are not", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", everything);
  // More than the buffers between server and client hold.
  const data = "x".repeat(1_000_000);
  for (let index = 0; index < 20; index += 1) await keeper.create(`/n${index}`, plain, data, bySystem);
  const ask = (by: Bearer) => fetch(`${http.url}/v1/export`, { headers: by });
  const [others, ending] = await Promise.all([ask(root), ask(headers)]);
  expect((await http.delete("/v1/admin/tokens/a", { headers: root })).status).toBe(204);
  await expect(ending.text()).rejects.toThrow();
  expect((await others.text()).split("\n")).toHaveLength(22);
});

test("what a batch reads behind its writes is read by the rights there are then", async ({
  keeper,
  http,
}) => {
  await turnOnAccess(keeper.store);
  await keeper.create("/app", plain, "secret", bySystem);
  const rules: Rule[] = [
    { prefix: "/app", allow: ["read"] },
    { prefix: "/mine", allow: ["create"] },
  ];
  const headers = await addTokenWith(keeper.store, "a", rules);
  const operations = ["/mine", "/app"].map((path) => ({ op: path === "/app" ? "get" : "create", path }));
  const { store } = keeper;
  const inLine = store.submitAll.bind(store);
  // The policy stands in the line to the log before what the batch writes.
  store.submitAll = (commands) => {
    const policy = { name: "a", rules: rules.slice(1) };
    void store.submit({ type: "setPolicy", policy, ...bySystem });
    return inLine(commands);
  };
  const answer = await http.post("/v1/batch", { json: { operations }, headers });
  expect(answer.json().results).toMatchObject([{ status: 201 }, { status: 403 }]);
});

test("a revocation at one server ends the streams at another", async () => {
  const entries = new MemoryEntries();
  const keepers = ["one", "other"].map((name) => new Keeper(new FakeClock(), new MemoryLog(name, entries)));
  const [one, other] = keepers as [Keeper, Keeper];
  for (const { store } of [one, other]) await store.start();
  // An append of its own makes it read on.
  const catchUp = () => other.store.submit({ type: "check", path: "/", ...bySystem });
  const watches = watchesOf(other);
  const { http, close } = await serveFor(other, watches);
  await turnOnAccess(one.store);
  const headers = await addTokenWith(one.store, "a", everything);
  await catchUp();
  const stream = await watchApp(http, headers);
  await one.store.submit({ type: "revokeToken", name: "a", ...bySystem });
  await catchUp();
  await expectUnauthorised(stream);
  watches.close("shutdown");
  await close();
  for (const { store } of [one, other]) await store.close();
});
