// Access control lists over HTTP: how they are sent and shown, whom a request is taken for, and what is refused. What the
// entries of a list may be is the subject of test/core/acl.test.ts.

import type { Http } from "../support/http.ts";
import { encodeSegments, expect, expectProblem, expectStatus, test, urlOf } from "./fixture.ts";

interface AclView {
  readonly path: string;
  readonly acl: readonly {
    readonly perms: readonly string[];
    readonly scheme: string;
    readonly id: string;
  }[];
  readonly aversion: number;
}

const all = ["read", "write", "create", "delete", "admin"];
const open = [{ perms: all, scheme: "world", id: "anyone" }];
/** As ZooKeeper's own tests have it. */
const superTest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";

const aclUrl = (path: string) => `/v1/acl${encodeSegments(path)}`;
const digest = (...shown: string[]) =>
  shown.map((one) => `digest ${Buffer.from(one).toString("base64")}`).join(", ");
const showing = (...shown: string[]) => ({ "Acl-Auth": digest(...shown) });

async function aclOf(http: Http, path: string, headers: Record<string, string> = {}): Promise<AclView> {
  return expectStatus(await http.get(aclUrl(path), { headers }), 200).json<AclView & object>();
}

async function setAcl(http: Http, path: string, acl: unknown, headers: Record<string, string> = {}) {
  return http.put(aclUrl(path), { json: { acl }, headers });
}

test("a znode is open to all until it is given a list, which is shown as it was given [A1, A15, A18, S4]", async ({
  http,
  root,
}) => {
  expect(await aclOf(http, root)).toEqual({ path: root, acl: open, aversion: 0 });
  const before = expectStatus(await http.get(urlOf(root)), 200);
  const acl = [
    { perms: ["read"], scheme: "ip", id: "10.0.0.0/8" },
    { perms: ["read", "write", "admin"], scheme: "world", id: "anyone" },
  ];
  const set = expectStatus(await setAcl(http, root, acl), 200);
  const { stat } = before.json<{ stat: object }>();
  expect(set.json()).toEqual({ path: root, stat: { ...stat, aversion: 1 } });
  expect(await aclOf(http, root)).toEqual({ path: root, acl, aversion: 1 });
  expect((await http.get(urlOf(root))).header("etag")).toBe(before.header("etag"));
});

test("a list is set only at the aversion that is expected [A15]", async ({ http, root }) => {
  const at = (aversion: number | string) =>
    http.put(`${aclUrl(root)}?aversion=${aversion}`, { json: { acl: open } });
  expectStatus(await at(0), 200);
  expectStatus(await at(-1), 200);
  const refused = expectProblem(await at(1), 412, "bad_version");
  expect(refused).toMatchObject({ path: root, stat: { aversion: 2 } });
  expectStatus(await at(2), 200);
  expectProblem(await at("x"), 400, "bad_request");
  for (const name of ["If-Match", "If-None-Match"])
    expectProblem(
      await http.put(aclUrl(root), { json: { acl: open }, headers: { [name]: "*" } }),
      400,
      "bad_request",
    );
  expect((await aclOf(http, root)).aversion).toBe(3);
});

test("what is no list, or is for a znode that is not there, changes nothing [A4, O1]", async ({
  http,
  root,
}) => {
  for (const acl of [null, [], {}, "x", [null], [{ perms: ["read"], scheme: "world", id: "bob" }]]) {
    expectProblem(await setAcl(http, root, acl), 400, "bad_acl");
    expectProblem(await setAcl(http, `${root}/none`, acl), 400, "bad_acl");
  }
  expectProblem(await http.put(aclUrl(root), { json: {} }), 400, "bad_request");
  expectProblem(await http.put(aclUrl(root), { json: { acl: open, other: 1 } }), 400, "bad_request");
  expectProblem(await setAcl(http, `${root}/none`, open), 404, "no_node");
  expectProblem(await http.get(aclUrl(`${root}/none`)), 404, "no_node");
  expectProblem(await http.put("/v1/acl/a%01", { json: { acl: [] } }), 400, "bad_path");
  const tooMany = expectProblem(await setAcl(http, root, Array(101).fill(open[0])), 400, "bad_acl");
  expect(tooMany).toMatchObject({ limit: "aclEntriesMax", limitValue: 100, size: 101 });
  expect(await aclOf(http, root)).toEqual({ path: root, acl: open, aversion: 0 });
});

test("auth stands for every identity that the request shows, hashed as ZooKeeper hashes [A6, A7]", async ({
  http,
  root,
}) => {
  const acl = [{ perms: all, scheme: "auth" }];
  expectProblem(await setAcl(http, root, acl), 400, "bad_acl");
  const shown = showing("super:test", "größer:p:a,ss", "super:test");
  expectStatus(await setAcl(http, root, acl, shown), 200);
  const { acl: stored } = await aclOf(http, root, shown);
  expect(stored.map(({ scheme, id }) => [scheme, id])).toEqual([
    ["digest", superTest],
    ["digest", "größer:/WOxGbgL0ts9hc9ankkggkOUir8="],
  ]);
});

test("only who has admin sees hashes, and what is stored is as it was [A11, A14]", async ({ http, root }) => {
  const acl = [
    { perms: all, scheme: "digest", id: superTest },
    { perms: ["read"], scheme: "digest", id: "ann:Zm9v" },
    { perms: ["read"], scheme: "world", id: "anyone" },
  ];
  expectStatus(await setAcl(http, root, acl), 200);
  const ids = async (headers?: Record<string, string>) =>
    (await aclOf(http, root, headers)).acl.map(({ id }) => id);
  const whole = [superTest, "ann:Zm9v", "anyone"];
  const masked = ["super:x", "ann:x", "anyone"];
  expect(await ids(showing("super:test"))).toEqual(whole);
  expect(await ids(showing("someone:else", "super:test"))).toEqual(whole);
  // Nothing of the request before is left, though it came on the same connection.
  expect(await ids()).toEqual(masked);
  expect(await ids(showing("super:wrong"))).toEqual(masked);
  expect(await ids(showing("super:test"))).toEqual(whole);
});

test("an address counts as the one the request came from, whatever its headers say [A8]", async ({
  http,
  root,
}) => {
  const acl = [
    { perms: ["admin"], scheme: "ip", id: "127.0.0.0/8" },
    { perms: ["admin"], scheme: "ip", id: "::1" },
    { perms: ["read"], scheme: "digest", id: "ann:Zm9v" },
    { perms: ["read"], scheme: "world", id: "anyone" },
  ];
  expectStatus(await setAcl(http, root, acl), 200);
  const forwarded = { "X-Forwarded-For": "192.0.2.1", Forwarded: "for=192.0.2.1" };
  expect((await aclOf(http, root, forwarded)).acl[2]?.id).toBe("ann:Zm9v");
  expectStatus(await setAcl(http, root, [{ ...acl[0], id: "192.0.2.0/24" }, acl[2], acl[3]]), 200);
  expect((await aclOf(http, root, forwarded)).acl[1]?.id).toBe("ann:x");
});

test("an identity that is none is refused, and not repeated [A12]", async ({ http, root }) => {
  const secret = "aHVudGVyMjpodW50ZXIy";
  const bad = [
    ...[
      "",
      "digest",
      `basic ${secret}`,
      secret,
      `digest ${secret}=`,
      `digest ${secret} ${secret}`,
      "digest ann:pw",
    ],
    ...[
      `digest ${secret},`,
      `digest ${secret}, basic ${secret}`,
      digest("nocolon"),
      "digest YTr/",
      "digest YTpiZ==",
    ],
  ];
  for (const header of bad) {
    for (const answer of [
      await http.get(aclUrl(root), { headers: { "Acl-Auth": header } }),
      await setAcl(http, root, open, { "Acl-Auth": header }),
      await http.post("/v1/transactions", { json: { operations: [] }, headers: { "Acl-Auth": header } }),
      await http.post("/v1/batch", { json: { operations: [] }, headers: { "Acl-Auth": header } }),
    ]) {
      expectProblem(answer, 400, "bad_request");
      expect(answer.text).not.toContain(secret);
    }
  }
  const many = Array.from({ length: 17 }, (_, index) => `u${index}:p`);
  const refused = expectProblem(
    await http.get(aclUrl(root), { headers: showing(...many) }),
    400,
    "bad_request",
  );
  expect(refused).toMatchObject({ limit: "aclIdentitiesMax", limitValue: 16, size: 17 });
  expectStatus(await http.get(aclUrl(root), { headers: showing(...many.slice(1)) }), 200);
});

test("a transaction and a batch make znodes with lists of their own [A6, A18, M5]", async ({
  http,
  root,
}) => {
  const acl = [{ perms: ["read"], scheme: "auth" }];
  const create = (name: string, members: object) => ({ op: "create", path: `${root}/${name}`, ...members });
  const headers = showing("super:test");
  const operations = [create("a", { acl }), create("b", {})];
  expectStatus(await http.post("/v1/transactions", { json: { operations }, headers }), 200);
  const batch = [create("p/c", { acl, parents: true }), create("d", { acl: [] })];
  const { results } = expectStatus(
    await http.post("/v1/batch", { json: { operations: batch }, headers }),
    200,
  ).json<{
    results: { status: number; code?: string }[];
  }>();
  expect(results.map(({ status, code }) => [status, code])).toEqual([
    [201, undefined],
    [201, undefined],
  ]);
  const closed = [{ perms: ["read"], scheme: "digest", id: "super:x" }];
  for (const [name, expected] of Object.entries({ a: closed, b: open, p: open, "p/c": closed, d: open }))
    expect((await aclOf(http, `${root}/${name}`, headers)).acl, name).toEqual(expected);
  const refused = await http.post("/v1/transactions", {
    json: { operations: [create("e", {}), create("f", { acl })] },
  });
  expect(expectProblem(refused, 400, "bad_acl")).toMatchObject({ failedOperation: 1 });
  expectProblem(await http.get(aclUrl(`${root}/e`)), 404, "no_node");
});

test("the same key with another identity is another request [D19]", async ({ http, root }) => {
  const json = {
    operations: [{ op: "create", path: `${root}/a`, acl: [{ perms: ["read"], scheme: "auth" }] }],
  };
  const send = (...shown: string[]) =>
    http.post("/v1/transactions", {
      json,
      headers: { ...showing(...shown), "Idempotency-Key": `once at ${root}` },
    });
  expectStatus(await send("ann:a"), 200);
  expect((await send("ann:a")).header("idempotency-replayed")).toBe("true");
  expectProblem(await send("bob:b"), 422, "idempotency_key_reused");
});

test("an export has the lists that are asked for, and its import makes znodes as closed as they were [A14, A19]", async ({
  http,
  root,
}) => {
  const admins = [
    { perms: all, scheme: "digest", id: superTest },
    { perms: ["read"], scheme: "world", id: "anyone" },
  ];
  const headers = showing("super:test");
  const create = (name: string, members: object) => ({ op: "create", path: `${root}/${name}`, ...members });
  const operations = [create("a", { acl: admins, data: "x" }), create("a/b", {})];
  expectStatus(await http.post("/v1/transactions", { json: { operations }, headers }), 200);
  const exported = async (headers: Record<string, string>) => {
    const answer = await http.get(`/v1/export${encodeSegments(root)}`, {
      query: "include=data,acl",
      headers,
    });
    return answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
  };
  const lines = await exported(showing("super:test"));
  expect(lines).toEqual([
    { path: root, data: "" },
    { path: `${root}/a`, data: "x", acl: admins },
    { path: `${root}/a/b`, data: "" },
  ]);
  const page = await http.get(`/v1/tree${encodeSegments(root)}`, {
    ...{ query: "include=acl,data", headers: showing("super:test") },
  });
  expect(page.json<{ znodes: object[] }>().znodes).toEqual(lines);
  const plain = await http.get(`/v1/tree${encodeSegments(root)}`, { query: "include=data" });
  expect(JSON.stringify(plain.json())).not.toContain("acl");

  const bringIn = (some: readonly object[], query = "") =>
    http.post("/v1/import", {
      ...{ query, headers },
      body: some.map((line) => `${JSON.stringify(line)}\n`).join(""),
    });
  const masked = await exported({});
  expect(masked[1]).toMatchObject({ acl: [{ ...admins[0], id: "super:x" }, admins[1]] });
  expectStatus(await http.delete(urlOf(root), { query: "recursive=true", headers }), 204);
  expect(expectProblem(await bringIn(masked), 400, "bad_acl")).toMatchObject({ line: 2 });
  expect(expectStatus(await bringIn(lines), 200).json()).toMatchObject({ created: 3 });
  expect(await aclOf(http, `${root}/a`, showing("super:test"))).toMatchObject({ acl: admins, aversion: 0 });
  expect((await aclOf(http, `${root}/a/b`)).acl).toEqual(open);

  expectStatus(await setAcl(http, `${root}/a`, open, headers), 200);
  const replaced = expectStatus(await bringIn(lines, "onConflict=replace"), 200);
  expect(replaced.json()).toMatchObject({ replaced: 1, unchanged: 2 });
  const { stat } = (await http.get(urlOf(`${root}/a`))).json<{ stat: object }>();
  expect(stat).toMatchObject({ version: 0, aversion: 2 });
});

test("a line of an import is refused for a list that is none [A4]", async ({ http, root }) => {
  for (const acl of [[], null, [{ perms: ["read"], scheme: "auth" }]]) {
    const body = `${JSON.stringify({ path: `${root}/x`, acl })}\n`;
    expect(expectProblem(await http.post("/v1/import", { body }), 400, "bad_acl")).toMatchObject({ line: 1 });
  }
  expectProblem(await http.get(urlOf(`${root}/x`)), 404, "no_node");
});

test("the root's list is asked for with and without its slash [A17]", async ({ http }) => {
  const [bare, slash] = [await http.get("/v1/acl"), await http.get("/v1/acl/")];
  expect(bare.json()).toMatchObject({ path: "/", acl: open });
  expect(slash.json()).toEqual(bare.json());
});

test("a list is kept by no cache on the way, nor is what was read with an identity [A14]", async ({
  http,
  root,
}) => {
  expect((await http.get(aclUrl(root))).header("cache-control")).toBe("no-store");
  expect((await http.get(urlOf(root), { headers: showing("a:b") })).header("cache-control")).toBe("no-store");
});

test("who is in no entry of a list is kept out of its znode, and who is in one is let in [A1, A2, A3, A16]", async ({
  http,
  root,
  watch,
}) => {
  const ann = showing("super:test");
  const acl = [{ perms: all, scheme: "digest", id: superTest }];
  const closed = `${root}/closed`;
  const make = { op: "create", path: closed, data: "7", acl };
  const below = { op: "create", path: `${closed}/open` };
  expectStatus(
    await http.post("/v1/transactions", { json: { operations: [make, below] }, headers: ann }),
    200,
  );
  const asked: readonly ((headers: Record<string, string>) => ReturnType<Http["get"]>)[] = [
    (headers) => http.get(urlOf(closed), { headers }),
    (headers) => http.get(`/v1/children${encodeSegments(closed)}`, { headers }),
    (headers) => http.get(`/v1/tree${encodeSegments(closed)}`, { headers }),
    (headers) => http.put(urlOf(closed), { body: "8", headers }),
    (headers) => http.post(urlOf(`${closed}/new`), { body: "x", headers }),
    (headers) => http.delete(urlOf(`${closed}/new`), { headers }),
    (headers) => http.put(aclUrl(closed), { json: { acl }, headers }),
    (headers) => http.delete(urlOf(closed), { query: "recursive=true", headers }),
  ];
  const stream = await watch({ path: root, scope: "subtree" }, showing("ann:other"));
  await stream.untilEvent("synced");
  for (const [index, ask] of asked.entries()) {
    for (const headers of [{}, showing("super:wrong"), showing("ann:other")])
      expect(expectProblem(await ask(headers), 403, "forbidden"), `${index}`).toMatchObject({ path: closed });
    expect((await ask(ann)).status, `${index}`).toBeLessThan(300);
  }
  expect(await stream.untilChanges(3)).toEqual([
    `created ${closed}/new`,
    `deleted ${closed}/new`,
    `deleted ${closed}/open`,
  ]);
});
