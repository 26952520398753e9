// What streams tell those who may read a part of what there is, over HTTP.

import { expect } from "vitest";
import { test } from "../routes/server-fixture.ts";
import { addToken, addTokenWith, type Bearer, turnOnAccess } from "../support/access.ts";
import type { EventStream, Http } from "../support/http.ts";
import { type Keeper, plain } from "../support/keeper.ts";

const bySystem = { principal: "system" } as const;

const partOfApp = [
  { prefix: "/app", allow: ["read"] },
  { prefix: "/app/secret", deny: ["read"] },
] as const;

async function create(keeper: Keeper, ...paths: string[]): Promise<void> {
  for (const path of paths) await keeper.create(path, plain, "data", bySystem);
}

async function watch(
  http: Http,
  headers: Bearer,
  query: Record<string, string | boolean>,
): Promise<EventStream> {
  const stream = await http.stream("/v1/watch", { query: { scope: "subtree", ...query }, headers });
  if (query.sinceZxid === undefined) await stream.untilEvent("synced");
  return stream;
}

test("a watch of what may not be read is refused before its first byte, be it there or not", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", partOfApp);
  await create(keeper, "/app", "/app/secret");
  const ask = (path: string) => http.get("/v1/watch", { query: `path=/app&path=${path}`, headers });
  const [there, notThere] = [await ask("/app/secret"), await ask("/app/secret/none")];
  expect([there.status, there.code]).toEqual([403, "forbidden"]);
  expect(notThere.text).toBe(there.text.replaceAll("/app/secret", "/app/secret/none"));
  const byBody = await http.post("/v1/watch", { json: { path: ["/app/secret"] }, headers });
  expect(byBody.code).toBe("forbidden");
  (await watch(http, root, { path: "/app/secret" })).close();
});

test("of a transaction only those events are told whose paths may be read, live and again [W15, W16]", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", partOfApp);
  await create(keeper, "/app");
  const stream = await watch(http, headers, { path: "/app" });
  const { lastId = "" } = stream;
  const operations = ["/app/secret", "/app/open"].map((path) => ({ op: "create", path }));
  expect((await http.post("/v1/transactions", { json: { operations }, headers: root })).status).toBe(200);
  expect(await stream.untilChanges(1)).toEqual(["created /app/open"]);
  expect(stream.named("change")[0]?.data.by).toBe("token:root");
  const again = await watch(http, headers, { path: "/app", lastEventId: lastId, sinceZxid: "0" });
  await again.untilEvent("synced");
  expect(again.named("change").map(({ text }) => text)).toEqual(
    stream.named("change").map(({ text }) => text),
  );
  for (const one of [stream, again]) one.close();
});

test("what may not be read wakes neither a stream that ends with the first change nor a long poll", async ({
  keeper,
  http,
}) => {
  await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", partOfApp);
  await create(keeper, "/app");
  const once = await watch(http, headers, { path: "/app", once: true });
  const query = { waitAfterZxid: keeper.store.zxid, waitMs: 60_000 };
  const poll = http.get("/v1/znodes/app/open", { query, headers });
  await expect.poll(() => keeper.clock.hasTimerIn(50_000, 60_000)).toBe(true);
  await create(keeper, "/app/secret", "/app/secret/x");
  await create(keeper, "/app/open");
  expect(await once.untilChanges(1)).toEqual(["created /app/open"]);
  expect((await poll).json()).toMatchObject({ path: "/app/open" });
  const refused = await http.get("/v1/znodes/app/secret", { query, headers });
  expect([refused.status, refused.code]).toEqual([403, "forbidden"]);
});

test("a path that may be read below one that may not is waited for, whatever comes and goes beside it", async ({
  keeper,
  http,
}) => {
  await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", [{ prefix: "/app/mine", allow: ["read"] }]);
  await create(keeper, "/app");
  const query = { waitAfterZxid: keeper.store.zxid, waitMs: 60_000 };
  const poll = http.get("/v1/znodes/app/mine", { query, headers });
  await expect.poll(() => keeper.clock.hasTimerIn(50_000, 60_000)).toBe(true);
  await create(keeper, "/app/other", "/app/mine");
  expect((await poll).json()).toMatchObject({ path: "/app/mine" });
});

test("who is confined to a part of the tree watches it as the whole, and is shown no other path", async ({
  keeper,
  http,
}) => {
  await turnOnAccess(keeper.store);
  await create(keeper, "/teams", "/teams/a", "/teams/a/kept", "/teams/ab");
  const rules = [
    { prefix: "/teams/a", allow: ["read"] },
    { prefix: "/teams/a/secret", deny: ["read"] },
  ] as const;
  const headers = await addTokenWith(keeper.store, "a", rules, "/teams/a");
  const root = await watch(http, headers, { path: "/", initial: true });
  const part = await watch(http, headers, { path: "/kept", scope: "node" });
  await create(keeper, "/teams/a/new", "/teams/a/secret", "/teams/ab/other");
  await keeper.set("/teams/a/kept", "changed", undefined, bySystem);
  await keeper.delete("/teams/a/new", undefined, bySystem);
  const changes = ["created /new", "changed /kept", "deleted /new"];
  expect(await root.untilChanges(3)).toEqual(changes);
  expect(await part.untilChanges(1)).toEqual(["changed /kept"]);
  expect(root.named("snapshot")[0]?.data.znodes).toMatchObject([{ path: "/" }, { path: "/kept" }]);
  const again = await watch(http, headers, {
    path: "/",
    lastEventId: root.named("synced")[0]?.id ?? "",
    sinceZxid: "0",
  });
  expect(await again.untilChanges(3)).toEqual(changes);
  const told = [root, part, again].flatMap(({ events }) => events.map(({ text }) => text)).join("\n");
  expect(told).not.toMatch(/teams/);
  const refused = await http.get("/v1/watch", { query: { path: "/secret" }, headers });
  expect([refused.code, refused.text.includes("teams")]).toEqual(["forbidden", false]);
  for (const stream of [root, part, again]) stream.close();
});

const recipeStreams = [
  { url: "/v1/locks/a/events", path: "/locks/a", event: "holders" },
  { url: "/v1/elections/a/events", path: "/elections/a", event: "leader" },
  { url: "/v1/services/a/events", path: "/services/a", event: "synced" },
];

test.for(recipeStreams)(
  "$url is for those who may read $path, and for nobody who is confined",
  async ({ url, path, event }, { keeper, http }) => {
    await turnOnAccess(keeper.store);
    const headers = await addTokenWith(keeper.store, "a", [{ prefix: path, allow: ["read"] }]);
    const others = await addTokenWith(keeper.store, "b", [{ prefix: `${path}/x`, allow: ["read"] }]);
    const confined = await addToken(keeper.store, { name: "c", policies: ["admin"], root: "/teams" });
    const stream = await http.stream(url, { headers });
    await stream.untilEvent(event);
    stream.close();
    for (const refused of [others, confined]) {
      const answer = await http.get(url, { headers: refused });
      expect([answer.status, answer.code]).toEqual([403, "forbidden"]);
    }
  },
);

test("who may read a lock is told who holds it, whatever they may read below it", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const session = (await http.post("/v1/sessions", { headers: root })).json<{ token: string }>();
  const claim = { json: { metadata: { host: "one" } }, headers: { ...root, "session-token": session.token } };
  expect((await http.post("/v1/locks/a/claims", claim)).status).toBe(201);
  const rules = [
    { prefix: "/locks/a", allow: ["read"] },
    ...keeper.children("/locks/a").map((name) => ({ prefix: `/locks/a/${name}`, deny: ["read"] as const })),
  ] as const;
  const headers = await addTokenWith(keeper.store, "a", rules);
  const stream = await http.stream("/v1/locks/a/events", { headers });
  const { data } = await stream.untilEvent("holders");
  expect(data).toMatchObject({ holders: [{ metadata: { host: "one" } }], holderCount: 1 });
  stream.close();
});

test("instances that may not be read are no part of a service's stream", async ({ keeper, http }) => {
  const root = await turnOnAccess(keeper.store);
  const rules = [
    { prefix: "/services/web", allow: ["read"] },
    { prefix: "/services/web/hidden", deny: ["read"] },
  ] as const;
  const headers = await addTokenWith(keeper.store, "a", rules);
  const session = (await http.post("/v1/sessions", { headers: root })).json<{ token: string }>();
  const register = (id: string) =>
    http.put(`/v1/services/web/instances/${id}`, {
      json: { address: "10.0.0.1", port: 80 },
      headers: { ...root, "session-token": session.token },
    });
  for (const id of ["hidden", "one"]) expect((await register(id)).status).toBe(201);
  const stream = await http.stream("/v1/services/web/events", { headers });
  await stream.untilEvent("synced");
  await http.delete("/v1/services/web/instances/hidden", {
    headers: { ...root, "session-token": session.token },
  });
  expect((await register("two")).status).toBe(201);
  await stream.untilEvent("added");
  expect(stream.named("snapshot")[0]?.data.instances).toMatchObject([{ id: "one" }]);
  expect(stream.events.map(({ event }) => event)).toEqual(["snapshot", "synced", "added"]);
  const lastEventId = stream.named("synced")[0]?.id ?? "";
  const again = await http.stream("/v1/services/web/events", { query: { lastEventId }, headers });
  await again.untilEvent("synced");
  expect(again.events.map(({ event }) => event)).toEqual(["added", "synced"]);
  for (const one of [stream, again]) one.close();
});

test("the end of a session is told to whoever opened it and to admins; to others it is gone", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const rules = [{ prefix: "/", allow: ["read", "session"] }] as const;
  const owner = await addTokenWith(keeper.store, "owner", rules);
  const other = await addTokenWith(keeper.store, "other", rules);
  const { id } = (await http.post("/v1/sessions", { headers: owner })).json<{ id: string }>();
  for (const headers of [owner, root]) {
    const stream = await http.stream(`/v1/sessions/${id}/events`, { headers });
    await stream.untilEvent("alive");
    stream.close();
  }
  const refused = await http.get(`/v1/sessions/${id}/events`, { headers: other });
  const gone = await http.get(`/v1/sessions/${"0".repeat(16)}/events`, { headers: other });
  expect([refused.status, refused.text]).toEqual([410, gone.text]);
});

test("who watches what is an admin's to see and to end", async ({ keeper, http }) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", [{ prefix: "/", allow: ["read", "write"] }]);
  const confined = await addToken(keeper.store, { name: "c", policies: ["admin"], root: "/teams" });
  const stream = await watch(http, headers, { path: "/" });
  for (const refused of [headers, confined]) {
    expect((await http.get("/v1/admin/watches", { headers: refused })).code).toBe("forbidden");
    expect((await http.delete("/v1/admin/watches/1", { headers: refused })).code).toBe("forbidden");
  }
  const { watches } = (await http.get("/v1/admin/watches", { headers: root })).json<{
    watches: { id: number }[];
  }>();
  expect(watches).toMatchObject([{ by: "token:a", paths: ["/"] }]);
  expect((await http.delete(`/v1/admin/watches/${watches[0]?.id}`, { headers: root })).status).toBe(204);
  expect((await stream.untilEvent("bye")).data).toEqual({ reason: "ended_by_admin" });
});
