// Access control lists over HTTP: what streams, long polls, pages and walks tell of znodes that are closed to some, and
// that policies and lists both must allow.

import { expect } from "vitest";
import type { Acl } from "../../src/core/acl/acl.ts";
import { test } from "../routes/server-fixture.ts";
import { addTokenWith, type Bearer, turnOnAccess } from "../support/access.ts";
import type { EventStream, Http } from "../support/http.ts";
import { bytes, type Keeper, plain } from "../support/keeper.ts";

const ann = { "Acl-Auth": `digest ${Buffer.from("ann:secret").toString("base64")}` };
const eve = { "Acl-Auth": `digest ${Buffer.from("eve:guess").toString("base64")}` };
/** As `auth` makes it of what ann shows. */
const annId = "ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM=";
const anns: Acl = [{ perms: 31, scheme: "digest", id: annId }];
const open: Acl = [{ perms: 31, scheme: "world", id: "anyone" }];
const bySystem = { principal: "system" } as const;

async function create(keeper: Keeper, path: string, acl: Acl = open, data = "data"): Promise<void> {
  await keeper.store.submit({ type: "create", path, data: bytes(data), mode: plain, acl, ...bySystem });
}

async function setAcl(keeper: Keeper, path: string, acl: Acl): Promise<void> {
  await keeper.store.submit({ type: "setAcl", path, acl, ...bySystem });
}

async function watch(
  http: Http,
  headers: Record<string, string> | Bearer,
  query: Record<string, string | boolean>,
): Promise<EventStream> {
  const stream = await http.stream("/v1/watch", {
    query: { scope: "subtree", path: "/app", ...query },
    headers,
  });
  if (query.lastEventId === undefined) await stream.untilEvent("synced");
  return stream;
}

const textsOf = (stream: EventStream) => stream.named("change").map(({ text }) => text);

test("of a transaction only those events are told whose znodes' lists let it, the same live and again [A3, A16, D6]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app");
  const streams = [await watch(http, ann, {}), await watch(http, eve, {}), await watch(http, {}, {})];
  const { lastId = "" } = streams[0] as EventStream;
  const made = ["/app/a", "/app/b"].map((path) => ({
    ...{ type: "create" as const, path, data: bytes("x"), mode: plain },
    ...(path === "/app/a" && { acl: anns }),
  }));
  await keeper.multi(made, bySystem);
  await keeper.set("/app/a", "closed", undefined, bySystem);
  await keeper.delete("/app/a", undefined, bySystem);
  await keeper.set("/app/b", "open", undefined, bySystem);
  const all = ["created /app/a", "created /app/b", "changed /app/a", "deleted /app/a", "changed /app/b"];
  const others = ["created /app/b", "changed /app/b"];
  for (const [index, expected] of [all, others, others].entries())
    expect(await streams[index]?.untilChanges(expected.length)).toEqual(expected);
  for (const [index, headers] of [ann, eve, {}].entries()) {
    const again = await watch(http, headers, { lastEventId: lastId });
    await again.untilEvent("synced");
    const texts = textsOf(again);
    expect(texts).toEqual(textsOf(streams[index] as EventStream));
    expect(texts.join()).not.toMatch(/acl"|acls|7RJfAeIv/);
    again.close();
  }
  for (const stream of streams) stream.close();
});

test("a list that was set counts for an open watch at the next event, and nobody is told that it was set [A16]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app");
  const stream = await watch(http, eve, { scope: "node" });
  await keeper.set("/app", "1", undefined, bySystem);
  await setAcl(keeper, "/app", anns);
  await keeper.set("/app", "2", undefined, bySystem);
  await setAcl(keeper, "/app", open);
  await keeper.set("/app", "3", undefined, bySystem);
  expect(await stream.untilChanges(2)).toEqual(["changed /app", "changed /app"]);
  expect(textsOf(stream).map((text) => JSON.parse(text).events[0].data)).toEqual(["1", "3"]);
  stream.close();
});

test("a snapshot has what its reader would be told of, also below what is closed [A1, A3]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app");
  await create(keeper, "/app/a", anns);
  await create(keeper, "/app/a/open");
  const snapshotOf = async (headers: Record<string, string>) => {
    const stream = await watch(http, headers, { initial: true });
    stream.close();
    const pages = stream.named("snapshot").map(({ data }) => data.znodes as { path: string }[]);
    return pages.flat().map(({ path }) => path);
  };
  expect(await snapshotOf(ann)).toEqual(["/app", "/app/a", "/app/a/open"]);
  expect(await snapshotOf(eve)).toEqual(["/app", "/app/a/open"]);
});

test("a long poll is woken by nothing that a list hides, and one of names by each name [A16]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app");
  await create(keeper, "/app/a", anns);
  const query = { waitAfterZxid: keeper.store.zxid, waitMs: 60_000 };
  const refused = await http.get("/v1/znodes/app/a", { query, headers: eve });
  expect([refused.status, refused.code]).toEqual([403, "forbidden"]);
  await create(keeper, "/app/c");
  const after = { ...query, waitAfterZxid: keeper.store.zxid };
  const names = http.get("/v1/children/app", { query: after, headers: eve });
  const one = http.get("/v1/znodes/app/c", { query: after, headers: eve });
  await expect.poll(() => keeper.clock.hasTimerIn(50_000, 60_000)).toBe(true);
  await expect
    .poll(() =>
      http.get("/v1/admin/watches").then((answer) => answer.json<{ watches: object[] }>().watches.length),
    )
    .toBe(2);
  await create(keeper, "/app/b", anns);
  expect((await names).json()).toMatchObject({ children: ["a", "b", "c"] });
  await setAcl(keeper, "/app/c", anns);
  await keeper.set("/app/c", "closed", undefined, bySystem);
  await setAcl(keeper, "/app/c", open);
  await keeper.set("/app/c", "open", undefined, bySystem);
  const { zxid } = keeper.store;
  const answer = await one;
  expect(answer.json()).toMatchObject({ data: "open", stat: { mzxid: zxid } });
});

test("of children that are closed a page has the names alone, and then no ETag, as a list can be set without one [A3]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app");
  await create(keeper, "/app/a", anns);
  await create(keeper, "/app/b");
  const query = { include: "data" };
  const page = (headers: Record<string, string>) => http.get("/v1/children/app", { query, headers });
  const [whole, part] = [await page(ann), await page(eve)];
  expect(whole.json()).toMatchObject({
    children: ["a", "b"],
    znodes: [{ path: "/app/a" }, { path: "/app/b" }],
  });
  const seen = part.json<{ children: string[]; znodes: { path: string }[] }>();
  expect([seen.children, seen.znodes.map(({ path }) => path)]).toEqual([["a", "b"], ["/app/b"]]);
  expect([whole.header("etag") === null, part.header("etag")]).toEqual([false, null]);
  const known = { "If-None-Match": whole.header("etag") ?? "" };
  expect((await page({ ...ann, ...known })).status).toBe(304);
  expect((await page({ ...eve, ...known })).status).toBe(200);
  expect((await http.get("/v1/children/app", { headers: eve })).header("etag")).not.toBeNull();
});

test("a tree and an export leave out what is closed with all below it, and refuse to begin there [A3]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app");
  await create(keeper, "/app/a", anns);
  await create(keeper, "/app/a/open");
  for (const url of ["/v1/tree/app", "/v1/export/app", "/v1/export-children/app"]) {
    const [anns, eves] = [await http.get(url, { headers: ann }), await http.get(url, { headers: eve })];
    expect([anns.status, eves.status], url).toEqual([200, 200]);
    expect(anns.text, url).toContain('"/app/a');
    expect(eves.text, url).not.toContain('"/app/a');
    const begun = await http.get(url.replace("/app", "/app/a"), { headers: eve });
    expect([begun.status, begun.code], url).toEqual([403, "forbidden"]);
  }
});

test("whoever asks is held to lists by each read there is, and told by which [A3]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app", anns);
  await create(keeper, "/app/open");
  for (const url of ["/v1/znodes/app", "/v1/data/app", "/v1/children/app", "/v1/acl/app"]) {
    const refused = await http.get(url, { headers: eve });
    expect([refused.status, refused.code], url).toEqual([403, "forbidden"]);
    expect(refused.json()).toMatchObject({
      ...{ path: "/app", detail: "The access control list of /app does not give you the permission `read`." },
    });
    expect((await http.get(url, { headers: ann })).status, url).toBe(200);
  }
  const head = await http.request("HEAD", "/v1/znodes/app", { headers: eve });
  expect(head.status).toBe(403);
  const operations = ["get", "exists", "children"].map((op) => ({ op, path: "/app" }));
  const statuses = async (headers: Record<string, string>) => {
    const json = { operations: [...operations, { op: "get", path: "/app/open" }] };
    const { results } = (await http.post("/v1/batch", { json, headers })).json<{
      results: { status: number }[];
    }>();
    return results.map(({ status }) => status);
  };
  expect(await statuses(eve)).toEqual([403, 403, 403, 200]);
  expect(await statuses(ann)).toEqual([200, 200, 200, 200]);
});

test("a list is held against each write, whatever it is sent as [A3]", async ({ keeper, http, state }) => {
  await create(keeper, "/app", [...anns, { perms: 1, scheme: "world", id: "anyone" }]);
  await create(keeper, "/app/a", anns, "1");
  const before = state();
  const line = `${JSON.stringify({ path: "/app/b" })}\n`;
  const write = [
    () => http.put("/v1/znodes/app", { body: "x", headers: eve }),
    () => http.post("/v1/znodes/app/b", { body: "x", headers: eve }),
    () => http.delete("/v1/znodes/app/a", { headers: eve }),
    () => http.delete("/v1/znodes/app", { query: "recursive=true", headers: eve }),
    () => http.delete("/v1/tree/app", { headers: eve }),
    () =>
      http.put("/v1/acl/app", {
        json: { acl: [{ perms: ["read"], scheme: "world", id: "anyone" }] },
        headers: eve,
      }),
    () => http.post("/v1/import", { body: line, headers: eve }),
    () => http.post("/v1/import", { query: "dryRun=true", body: line, headers: eve }),
    () =>
      http.post("/v1/transactions", {
        json: { operations: [{ op: "increment", path: "/app/a", by: 1 }] },
        headers: eve,
      }),
    () =>
      http.post("/v1/transactions", {
        json: { operations: [{ op: "check", path: "/app/a" }] },
        headers: eve,
      }),
    () =>
      http.put("/v1/znodes/free", {
        body: "x",
        headers: { ...eve, Fence: `/app/a@${keeper.stat("/app/a").czxid}` },
      }),
  ];
  for (const [index, send] of write.entries()) {
    const refused = await send();
    expect([refused.status, refused.code], `${index}`).toEqual([403, "forbidden"]);
  }
  expect(state()).toBe(before);
  expect((await http.delete("/v1/tree/app", { headers: ann })).status).toBe(200);
});

test("policies and lists both must allow, and for an admin no list holds, streams included [A10, A14]", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const reader = await addTokenWith(keeper.store, "r", [{ prefix: "/app", allow: ["read"] }]);
  await create(keeper, "/app");
  await create(keeper, "/app/a", anns);
  await create(keeper, "/other", [{ perms: 31, scheme: "digest", id: annId }]);
  const read = async (path: string, headers: object) =>
    (await http.get(`/v1/znodes${path}`, { headers: headers as Record<string, string> })).status;
  expect(await read("/app/a", reader)).toBe(403);
  expect(await read("/app/a", { ...reader, ...ann })).toBe(200);
  expect(await read("/other", { ...reader, ...ann })).toBe(403);
  expect(await read("/app/a", root)).toBe(200);
  const list = await http.get("/v1/acl/app/a", { headers: root });
  expect(list.json<{ acl: { id: string }[] }>().acl[0]?.id).toBe(annId);
  const lines = await http.get("/v1/export/app", { query: "include=acl", headers: root });
  expect(lines.text).toContain(annId);
  const [all, some] = [await watch(http, root, {}), await watch(http, { ...reader }, {})];
  await keeper.set("/app/a", "2", undefined, bySystem);
  await keeper.set("/app", "2", undefined, bySystem);
  expect(await all.untilChanges(2)).toEqual(["changed /app/a", "changed /app"]);
  expect(await some.untilChanges(1)).toEqual(["changed /app"]);
  for (const stream of [all, some]) stream.close();
  const unlocked = await http.put("/v1/acl/app/a", {
    ...{ json: { acl: [{ perms: ["read"], scheme: "world", id: "anyone" }] }, headers: root },
  });
  expect(unlocked.status).toBe(200);
  expect(await read("/app/a", reader)).toBe(200);
});

test("who shows identities and no token is nobody, where access control is on [A13]", async ({
  keeper,
  http,
}) => {
  await create(keeper, "/app", anns);
  expect((await http.get("/v1/znodes/app", { headers: ann })).status).toBe(200);
  await turnOnAccess(keeper.store);
  const refused = await http.get("/v1/znodes/app", { headers: ann });
  expect([refused.status, refused.code]).toEqual([401, "unauthenticated"]);
});

test("what recipes keep they show, and quotas are shown, whatever lists say [A3]", async ({
  keeper,
  http,
}) => {
  await keeper.store.submit({ type: "addToCounter", name: "c", by: 5, ...bySystem });
  await create(keeper, "/app");
  await keeper.store.submit({ type: "setQuota", path: "/app", limits: { countHard: 9 }, ...bySystem });
  for (const path of ["/", "/counters", "/counters/c", "/app"]) await setAcl(keeper, path, anns);
  const answer = async (url: string) => (await http.get(url, { headers: eve })).json();
  expect(await answer("/v1/counters/c")).toMatchObject({ value: 5 });
  expect(await answer("/v1/counters")).toMatchObject({ counters: [{ name: "c" }] });
  expect(await answer("/v1/quotas/app")).toMatchObject({ countHard: 9 });
  const added = await http.post("/v1/counters/c", { json: { by: 1 }, headers: eve });
  expect(added.status).toBe(200);
});
