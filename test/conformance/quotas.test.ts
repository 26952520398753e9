// Quotas over HTTP: a subtree that may hold so much and no more, who is refused because of it, and what the refusal
// says.

import type { Http } from "../support/http.ts";
import { encodeSegments, expect, expectProblem, expectStatus, test, tokenOf, urlOf } from "./fixture.ts";

interface QuotaView {
  readonly path: string;
  readonly count: number;
  readonly bytes: number;
  readonly exceeded: readonly string[];
}

const quotaUrl = (path: string) => `/v1/quotas${encodeSegments(path)}`;

async function setQuota(http: Http, path: string, json: object): Promise<QuotaView> {
  const answer = await http.put(quotaUrl(path), { json });
  return expectStatus(answer, answer.status === 201 ? 201 : 200).json<QuotaView & object>();
}

async function quotaOf(http: Http, path: string): Promise<QuotaView> {
  return expectStatus(await http.get(quotaUrl(path)), 200).json<QuotaView & object>();
}

test("a quota is set, shown with its usage, replaced and deleted [U1, U2, U3]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.set(root, "1234");
  await znodes.create(`${root}/a`, "é");
  const limits = { countSoft: 10, countHard: 20, bytesSoft: 30, bytesHard: 40 };
  const made = expectStatus(await http.put(quotaUrl(root), { json: limits }), 201);
  expect(made.header("location")).toBe(quotaUrl(root));
  const view = { path: root, count: 2, bytes: 6, ...limits, exceeded: [] };
  expect(made.json()).toEqual(view);
  expect(await quotaOf(http, root)).toEqual(view);
  const replaced = expectStatus(await http.put(quotaUrl(root), { json: { bytesHard: 0 } }), 200);
  expect(replaced.header("location")).toBeNull();
  expect(replaced.json()).toEqual({ path: root, count: 2, bytes: 6, bytesHard: 0, exceeded: ["bytesHard"] });
  expectStatus(await http.delete(quotaUrl(root)), 204);
  expectProblem(await http.get(quotaUrl(root)), 404, "no_node");
  expectProblem(await http.delete(quotaUrl(root)), 404, "no_node");
  await znodes.set(root, "no limit any more");
});

test("a refusal names the quota, its limit, and what the size would have been [U6, U7]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/a`, "12345");
  await setQuota(http, root, { countHard: 2, bytesHard: 6 });
  const tooMany = expectProblem(await http.post(urlOf(`${root}/b`)), 403, "quota_exceeded");
  expect(tooMany).toMatchObject({ path: root, limit: "countHard", limitValue: 2, size: 3 });
  expect(tooMany.detail).toContain(root);
  const tooLong = expectProblem(await http.put(urlOf(root), { body: "12" }), 403, "quota_exceeded");
  expect(tooLong).toMatchObject({ path: root, limit: "bytesHard", limitValue: 6, size: 7 });
  await znodes.set(root, "1");
  expect(await quotaOf(http, root)).toMatchObject({ count: 2, bytes: 6, exceeded: [] });
});

test("every way to make more is refused, and none to make less [U6]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  await znodes.create(`${root}/n`, "99");
  await setQuota(http, root, { countHard: 2, bytesHard: 2 });
  const body = "x";
  const refused = [
    await http.post(urlOf(`${root}/a`)),
    await http.post(urlOf(`${root}/a/b`), { query: "parents=true" }),
    await http.post(urlOf(`${root}/`), { query: "sequential=true" }),
    await http.post(urlOf(`${root}/a`), { query: "container=true" }),
    await http.post(urlOf(`${root}/a`), { query: "ephemeral=true", ...tokenOf(session) }),
    await http.put(urlOf(`${root}/a`), { query: "upsert=true" }),
    await http.put(urlOf(`${root}/a`), { headers: { "if-none-match": "*" } }),
    await http.put(urlOf(root), { body }),
    await http.post("/v1/transactions", {
      json: { operations: [{ op: "increment", path: `${root}/n`, by: 1 }] },
    }),
  ];
  for (const answer of refused) expectProblem(answer, 403, "quota_exceeded");
  await setQuota(http, root, { countHard: 0, bytesHard: 0 });
  await znodes.set(`${root}/n`, "98");
  expectProblem(await http.put(urlOf(`${root}/n`), { body }), 403, "quota_exceeded");
  await znodes.delete(`${root}/n`);
  expect(await quotaOf(http, root)).toMatchObject({ count: 1, bytes: 0, exceeded: ["countHard"] });
});

test("a transaction that overshoots is refused at the operation that does [U10]", async ({ http, root }) => {
  await setQuota(http, root, { bytesHard: 10 });
  const create = (name: string) => ({ op: "create", path: `${root}/${name}`, data: "123456" });
  const json = { operations: [create("a"), create("b"), create("c")] };
  const problem = expectProblem(await http.post("/v1/transactions", { json }), 403, "quota_exceeded");
  expect(problem).toMatchObject({ failedOperation: 1, path: root, limitValue: 10, size: 12 });
  const fates = (problem.results as { code: string }[]).map(({ code }) => code);
  expect(fates).toEqual(["rolled_back", "quota_exceeded", "not_evaluated"]);
  expect(await quotaOf(http, root)).toMatchObject({ count: 1, bytes: 0 });
});

test("quotas do not nest, and a neighbour with a longer name is not below [U4]", async ({
  http,
  root,
  znodes,
}) => {
  for (const name of ["/a", "/a/b", "/a/b/c", "/ab"]) await znodes.create(root + name);
  await setQuota(http, `${root}/a/b`, { countHard: 2 });
  for (const path of [`${root}/a`, `${root}/a/b/c`, root]) {
    const problem = expectProblem(
      await http.put(quotaUrl(path), { json: { countHard: 9 } }),
      409,
      "quota_nested",
    );
    expect(problem.path).toBe(`${root}/a/b`);
  }
  await setQuota(http, `${root}/ab`, { countHard: 1 });
  expectProblem(await http.post(urlOf(`${root}/ab/x`)), 403, "quota_exceeded");
  await znodes.create(`${root}/a/x`);
});

test("a quota needs a znode that is there and is not the root [U4]", async ({ http, root, znodes }) => {
  const json = { countHard: 9 };
  expectProblem(await http.put(quotaUrl(`${root}/none`), { json }), 404, "no_node");
  for (const url of ["/v1/quotas/", "/v1/quotas/%2F"]) {
    expectProblem(await http.put(url, { json }), 403, "reserved_path");
    expectProblem(await http.get(url), 403, "reserved_path");
    expectProblem(await http.delete(url), 403, "reserved_path");
  }
  await znodes.create(`${root}/a`);
  await setQuota(http, root, json);
  const below = expectProblem(await http.get(quotaUrl(`${root}/a`)), 404, "no_node");
  expect(below.detail).toContain(`The quota of ${root} governs it`);
  for (const path of [`${root}//a`, `${root}/a/`, `${root}/../a`]) {
    const { status } = await http.rawRequest("GET", `/v1/quotas${path}`);
    expect(status, path).toBe(400);
  }
});

test("what is no quota is refused [U1]", async ({ http, root }) => {
  const bodies = [
    ...[{}, [], { countHard: -1 }, { countHard: "1" }, { countHard: 1.5 }, { countHard: null }],
    ...[{ bytesHard: 2 ** 53 }, { count: 1 }, { countHard: 1, byteHard: 1 }],
  ];
  for (const json of bodies) expectProblem(await http.put(quotaUrl(root), { json }), 400, "bad_request");
  expectProblem(await http.put(quotaUrl(root)), 400, "bad_request");
  expectProblem(await http.put(quotaUrl(root), { json: { countHard: 1 }, query: "x=1" }), 400, "bad_request");
  for (const method of ["GET", "DELETE"]) {
    const answer = await http.request(method, quotaUrl(root), { query: "x=1" });
    expectProblem(answer, 400, "bad_request");
  }
  expectProblem(await http.get(quotaUrl(root)), 404, "no_node");
});

test("soft limits refuse nothing and show when they are passed [U5]", async ({ http, root, znodes }) => {
  await setQuota(http, root, { countSoft: 1, bytesSoft: 3 });
  await znodes.create(`${root}/a`, "123");
  expect((await quotaOf(http, root)).exceeded).toEqual(["countSoft"]);
  await znodes.set(`${root}/a`, "1234");
  expect((await quotaOf(http, root)).exceeded).toEqual(["countSoft", "bytesSoft"]);
});

test("a limit below the usage is taken, and stops growth until there is room [U8]", async ({
  http,
  root,
  znodes,
}) => {
  for (const name of ["/a", "/b", "/c"]) await znodes.create(root + name);
  expect((await setQuota(http, root, { countHard: 3 })).exceeded).toEqual(["countHard"]);
  await znodes.delete(`${root}/a`);
  expectProblem(await http.post(urlOf(`${root}/d`)), 403, "quota_exceeded");
  await znodes.delete(`${root}/b`);
  await znodes.create(`${root}/d`);
});

test("over its quota a set with a wrong version hears of the quota [O4]", async ({ http, root }) => {
  await setQuota(http, root, { bytesHard: 1 });
  const query = "version=7";
  expectProblem(await http.put(urlOf(root), { query, body: "12" }), 403, "quota_exceeded");
  expectProblem(await http.put(urlOf(root), { query, body: "1" }), 412, "bad_version");
});

test("a quota takes a zxid of its own, moves no stat, and watchers hear nothing of it [U9]", async ({
  http,
  root,
  znodes,
  watch,
}) => {
  const stream = await watch({ path: root, scope: "subtree" });
  await stream.untilEvent("synced");
  const before = await http.get(urlOf(root));
  const set = await http.put(quotaUrl(root), { json: { countHard: 9 } });
  expect(set.zxid).toBeGreaterThan(before.zxid);
  expect((await http.delete(quotaUrl(root))).zxid).toBeGreaterThan(set.zxid);
  expect((await http.get(urlOf(root))).json()).toEqual(before.json());
  await znodes.create(`${root}/a`);
  expect(await stream.untilChanges(1)).toEqual([`created ${root}/a`]);
});

test("a quota goes with its znode, and what is made again there has none [U4]", async ({
  http,
  root,
  znodes,
}) => {
  const [one, all] = [`${root}/one`, `${root}/all`];
  for (const path of [one, all, `${all}/below`]) await znodes.create(path);
  await setQuota(http, one, { countHard: 1 });
  await setQuota(http, `${all}/below`, { countHard: 1 });
  await znodes.delete(one);
  await znodes.delete(all, { query: "recursive=true" });
  await znodes.create(one);
  expectProblem(await http.get(quotaUrl(one)), 404, "no_node");
  await znodes.create(`${one}/x`);
  await znodes.create(`${all}/below/x`, "", { query: "parents=true" });
});

test("quotas are listed in the order of their paths, with their usage, in pages [U1]", async ({
  http,
  root,
  znodes,
}) => {
  const names = ["/a", "/a-b", "/a:b", "/ab", "/é"];
  for (const name of names.toReversed()) {
    await znodes.create(root + name, "12");
    await setQuota(http, root + name, { bytesSoft: 1 });
  }
  const listed: QuotaView[] = [];
  for (let after: string | undefined = root; after !== undefined; ) {
    const page: { quotas: QuotaView[]; next?: string } = expectStatus(
      await http.get("/v1/quotas", { query: { limit: 2, after } }),
      200,
    ).json();
    expect(page.quotas.length).toBeLessThanOrEqual(2);
    listed.push(...page.quotas.filter(({ path }) => path.startsWith(`${root}/`)));
    after = page.next;
  }
  expect(listed.map(({ path }) => path)).toEqual(names.map((name) => root + name));
  expect(listed[0]).toEqual({
    ...{ path: `${root}/a`, count: 1, bytes: 2, bytesSoft: 1 },
    exceeded: ["bytesSoft"],
  });
  for (const query of ["limit=0", "limit=10001", "limit=x"]) {
    expectProblem(await http.get("/v1/quotas", { query }), 400, "bad_request");
  }
  expectProblem(await http.get("/v1/quotas", { query: { after: "a//b" } }), 400, "bad_path");
});

test("a quota is written like anything else: for a session that is alive, while its fences hold [N5, S11]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const { stat } = await znodes.create(`${root}/master`);
  const fence = `${root}/master@${stat.czxid}`;
  const json = { countHard: 9 };
  const headers = { "session-token": session.token, fence };
  expectStatus(await http.put(quotaUrl(root), { json, headers }), 201);
  await znodes.delete(`${root}/master`);
  expectProblem(await http.put(quotaUrl(root), { json, headers }), 409, "fence_stale");
  expectProblem(await http.delete(quotaUrl(root), { headers }), 409, "fence_stale");
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  expectProblem(await http.put(quotaUrl(root), { json, headers }), 410, "session_expired");
  expectProblem(await http.delete(quotaUrl(root), { headers }), 410, "session_expired");
  expectProblem(await http.get(quotaUrl(root), tokenOf(session)), 410, "session_expired");
  expectProblem(await http.get("/v1/quotas", tokenOf(session)), 410, "session_expired");
});

test("writes at the same time never get past the limit together [U6]", async ({ http, root }) => {
  await setQuota(http, root, { countHard: 21 });
  const attempts = Array.from({ length: 60 }, () =>
    http.post(urlOf(`${root}/n-`), { query: "sequential=true" }),
  );
  const statuses = (await Promise.all(attempts)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 201).length).toBe(20);
  expect(statuses.filter((status) => status === 403).length).toBe(40);
  expect(await quotaOf(http, root)).toMatchObject({ count: 21, exceeded: [] });
});
