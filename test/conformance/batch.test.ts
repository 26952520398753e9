// Batches: many independent reads and writes in one request, each with its own status (section 4 of the contract).

import type { Http } from "../support/http.ts";
import { expect, expectProblem, expectStatus, type Session, test, tokenOf, urlOf } from "./fixture.ts";

interface Entry {
  readonly status: number;
  readonly op?: string;
  readonly path?: string;
  readonly zxid?: number;
  readonly stat?: { czxid: number; mzxid: number; version: number; numChildren: number };
  readonly znodes?: readonly { data?: string }[];
  readonly [member: string]: unknown;
}

interface Batch {
  readonly zxid: number;
  readonly results: readonly Entry[];
}

async function batch(http: Http, operations: readonly unknown[], headers = {}): Promise<Batch> {
  const answer = expectStatus(await http.post("/v1/batch", { json: { operations }, headers }), 200);
  const { zxid, results } = answer.json<Batch>();
  expect(results).toHaveLength(operations.length);
  expect(answer.zxid).toBeGreaterThanOrEqual(zxid);
  return { zxid, results };
}

const statuses = ({ results }: Batch) => results.map(({ status }) => status);

test("each write is a transaction of its own, with the status its endpoint would give [R1, Z4]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/count`, "41");
  await znodes.create(`${root}/tree/a/b`, "", { query: "parents=true" });
  const { zxid, results } = await batch(http, [
    { op: "create", path: `${root}/a`, data: "x" },
    { op: "create", path: `${root}/n-`, sequential: true, dataBase64: "/w==" },
    { op: "create", path: `${root}/x/y/z`, parents: true },
    { op: "set", path: `${root}/a`, data: "y", version: 0 },
    { op: "set", path: `${root}/new`, upsert: true },
    { op: "set", path: `${root}/new`, upsert: true },
    { op: "increment", path: `${root}/count`, by: 1 },
    { op: "check", path: `${root}/a`, version: 1 },
    { op: "delete", path: `${root}/a`, version: 1 },
    { op: "delete", path: `${root}/tree`, recursive: true },
  ]);
  expect(results.map(({ status, op, path, value }) => [status, op, path, value])).toEqual([
    [201, "create", `${root}/a`, undefined],
    [201, "create", `${root}/n-0000000003`, undefined],
    [201, "create", `${root}/x/y/z`, undefined],
    [200, "set", `${root}/a`, undefined],
    [201, "set", `${root}/new`, undefined],
    [200, "set", `${root}/new`, undefined],
    [200, "increment", `${root}/count`, "42"],
    [200, "check", `${root}/a`, undefined],
    [204, "delete", `${root}/a`, undefined],
    [204, "delete", `${root}/tree`, undefined],
  ]);
  const zxids = results.filter(({ op }) => op !== "check").map((entry) => entry.zxid as number);
  expect(zxids).toEqual([...new Set(zxids)].toSorted((a, b) => a - b));
  expect(zxid).toBeGreaterThanOrEqual(zxids.at(-1) as number);
  expect(results[3]?.stat).toMatchObject({ czxid: zxids[0], mzxid: zxids[3], version: 1 });
  expect(await znodes.children(root)).toEqual(["count", "n-0000000003", "new", "x"]);
  expect((await znodes.read(`${root}/n-0000000003`)).dataBase64).toBe("/w==");
});

test("a read answers as its endpoint does, with bounds of pages and base64 as asked [R1]", async ({
  http,
  root,
  znodes,
}) => {
  for (const name of ["a", "b", "lock-1", "lock-2", "lock-3"]) await znodes.create(`${root}/${name}`, name);
  const asked = [
    ["get", {}, urlOf(`${root}/a`), ""],
    ["get", { encoding: "base64" }, urlOf(`${root}/a`), "encoding=base64"],
    ["children", {}, `/v1/children${root}`, ""],
    ["children", { limit: 2 }, `/v1/children${root}`, "limit=2"],
    ["children", { limit: 1, after: "b" }, `/v1/children${root}`, "limit=1&after=b"],
    [
      "children",
      { prefix: "lock-", include: "stat,data" },
      `/v1/children${root}`,
      "prefix=lock-&include=stat,data",
    ],
  ] as const;
  const operations = asked.map(([op, members, url]) => ({
    ...{ op, ...members },
    path: url.startsWith("/v1/children") ? root : `${root}/a`,
  }));
  const { results } = await batch(http, [...operations, { op: "exists", path: `${root}/a` }]);
  for (const [index, [op, , url, query]] of asked.entries()) {
    const alone = (await http.get(url, { query })).json();
    expect(results[index], `${op} ${query}`).toEqual({ status: 200, op, ...alone });
  }
  const stat = await znodes.stat(`${root}/a`);
  expect(results.at(-1)).toEqual({ status: 200, op: "exists", path: `${root}/a`, stat });
});

test("what is refused has its own problem, and everything else is done all the same [R1, R2]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/full/child`, "", { query: "parents=true" });
  await znodes.create(`${root}/text`, "not a number");
  const refused = [
    [404, "no_node", { op: "get", path: `${root}/none` }],
    [404, "no_node", { op: "exists", path: `${root}/none` }],
    [404, "no_node", { op: "children", path: `${root}/none` }],
    [404, "no_node", { op: "set", path: `${root}/none` }],
    [404, "no_node", { op: "delete", path: `${root}/none`, recursive: true }],
    [404, "no_node", { op: "increment", path: `${root}/none`, by: 1 }],
    [409, "node_exists", { op: "create", path: `${root}/full` }],
    [409, "node_exists", { op: "check", path: `${root}/full`, exists: false }],
    [409, "not_empty", { op: "delete", path: `${root}/full` }],
    [412, "bad_version", { op: "set", path: `${root}/full`, version: 1 }],
    [412, "bad_version", { op: "set", path: `${root}/full`, version: 1, upsert: true }],
    [412, "bad_version", { op: "check", path: `${root}/full`, czxid: 1 }],
    [403, "reserved_path", { op: "delete", path: "/" }],
    [400, "bad_mode", { op: "create", path: `${root}/x`, container: true, sequential: true }],
    [400, "bad_ttl", { op: "create", path: `${root}/x`, ttlMs: 0 }],
    [400, "session_required", { op: "create", path: `${root}/x`, ephemeral: true }],
    [400, "bad_path", { op: "create", path: `${root}/` }],
    [400, "bad_path", { op: "get", path: "no slash" }],
    [400, "bad_path", { op: "children", path: root, after: "a/b" }],
    [400, "bad_request", { op: "increment", path: `${root}/text`, by: 1 }],
    [400, "bad_request", { op: "rename", path: root }],
    [400, "bad_request", { op: "get", path: root, raw: true }],
    [400, "bad_request", { op: "get" }],
    [400, "bad_request", { op: "children", path: root, limit: 10_001 }],
    [400, "bad_request", { op: "set", path: root, data: "", dataBase64: "" }],
    [400, "bad_request", 5],
    [400, "bad_request", null],
    [400, "bad_request", []],
  ] as const;
  const operations = refused.flatMap(([, , operation], index) => [
    operation,
    { op: "create", path: `${root}/ok-${index}` },
  ]);
  const { results } = await batch(http, operations);
  for (const [index, [status, code, operation]] of refused.entries()) {
    const entry = results[2 * index] as Entry;
    const { op, path } = (operation ?? {}) as { op?: string; path?: string };
    expect(entry, JSON.stringify(operation)).toMatchObject({ status, code, ...(op !== undefined && { op }) });
    expect(entry.type).toBe(`urn:treekeeper:problem:${code}`);
    expect([entry.title, entry.detail]).toEqual([expect.stringMatching(/\S/), expect.stringMatching(/\.$/)]);
    if (path !== undefined) expect(entry.path).toBeDefined();
    expect(results[2 * index + 1]?.status).toBe(201);
  }
  const alone = await batch(
    http,
    refused.map(([, , operation]) => operation),
  );
  expect(statuses(alone)).toEqual(refused.map(([status]) => status));
  expect(await znodes.children(root)).toHaveLength(refused.length + 2);
});

test("the reads are as of one zxid, when all the writes are done [R3]", async ({ http, root, znodes }) => {
  const before = await znodes.stat(root);
  const { zxid, results } = await batch(http, [
    { op: "get", path: `${root}/a` },
    { op: "children", path: root },
    { op: "create", path: `${root}/a`, data: "1" },
    { op: "set", path: `${root}/a`, data: "2" },
    { op: "get", path: `${root}/a` },
  ]);
  const [first, list, , set, last] = results;
  expect(first).toEqual(last);
  expect(first).toMatchObject({ status: 200, data: "2", stat: { version: 1, mzxid: set?.zxid } });
  expect(list).toMatchObject({ children: ["a"], stat: { numChildren: 1, czxid: before.czxid } });
  expect(zxid).toBeGreaterThanOrEqual(set?.zxid as number);
});

test("nobody's transaction is half seen by a batch [R3, M9]", async ({ http, root, znodes }) => {
  const names = ["x", "y", "z"];
  for (const name of names) await znodes.create(`${root}/${name}`, "100");
  let isWriting = true;
  const write = async () => {
    for (let round = 0; round < 60; round += 1) {
      const [from, to] = [names[round % 3], names[(round + 1) % 3]];
      await znodes.transact([
        { op: "increment", path: `${root}/${from}`, by: -7 },
        { op: "increment", path: `${root}/${to}`, by: 7 },
      ]);
    }
    isWriting = false;
  };
  const read = async () => {
    while (isWriting) {
      const gets = names.map((name) => ({ op: "get", path: `${root}/${name}` }));
      const list = { op: "children", path: root, include: "data" };
      // A write among the reads makes them wait for the log, beside the transfers.
      const { zxid, results } = await batch(http, [...gets, { op: "set", path: root }, list]);
      const values = results.slice(0, 3).map(({ data }) => Number(data));
      expect(values.reduce((sum, value) => sum + value)).toBe(300);
      const listed = results[4]?.znodes?.map(({ data }) => Number(data));
      expect(listed).toEqual(values);
      expect(Math.max(...results.map(({ stat }) => stat?.mzxid ?? 0))).toBeLessThanOrEqual(zxid);
    }
  };
  await Promise.all([write(), read(), read()]);
});

test("writes are done in their order, each seeing those before it [R1, Z4]", async ({
  http,
  root,
  znodes,
}) => {
  const create = { op: "create", path: `${root}/n-`, sequential: true };
  const made = await batch(
    http,
    Array.from({ length: 50 }, () => create),
  );
  expect(made.results.map(({ path }) => path)).toEqual(
    Array.from({ length: 50 }, (_, index) => `${root}/n-${String(index).padStart(10, "0")}`),
  );
  const sets = Array.from({ length: 50 }, (_, version) => ({
    op: "set",
    path: root,
    data: `${version}`,
    version,
  }));
  expect(new Set(statuses(await batch(http, sets)))).toEqual(new Set([200]));
  expect(await znodes.read(root)).toMatchObject({ data: "49", stat: { version: 50 } });
});

test("watchers are told of each write by itself, and nothing of the reads [R3, M10]", async ({
  http,
  root,
  watch,
}) => {
  const stream = await watch(`path=${root}&scope=subtree`);
  await stream.untilEvent("synced");
  const { results } = await batch(http, [
    { op: "create", path: `${root}/a` },
    { op: "get", path: `${root}/a` },
    { op: "set", path: `${root}/b` },
    { op: "delete", path: `${root}/a` },
  ]);
  expect(await stream.untilChanges(2)).toEqual([`created ${root}/a`, `deleted ${root}/a`]);
  expect(stream.named("change").map(({ data }) => data.zxid)).toEqual([results[0]?.zxid, results[3]?.zxid]);
});

test("the session and the fences of the request hold for every write in it [E7, N7]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session: Session = await openSession();
  const { stat } = await znodes.create(`${root}/master`);
  const fence = (czxid: number) => ({
    ...tokenOf(session).headers,
    fence: `${root}@1,${root}/master@${czxid}`,
  });
  const whole = await znodes.stat(root);
  const operations = [
    { op: "create", path: `${root}/e`, ephemeral: true },
    { op: "get", path: `${root}/master` },
    { op: "set", path: `${root}/master` },
  ];
  const stale = await batch(http, operations, fence(stat.czxid + 1));
  expect(statuses(stale)).toEqual([409, 200, 409]);
  expect(stale.results[0]).toMatchObject({ op: "create", code: "fence_stale", path: root });
  const good = { ...tokenOf(session).headers, fence: `${root}@${whole.czxid},${root}/master@${stat.czxid}` };
  const done = await batch(http, operations, good);
  expect(statuses(done)).toEqual([201, 200, 200]);
  expect(done.results[0]?.stat).toMatchObject({ ephemeralOwner: session.id });
  await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  const gone = await http.post("/v1/batch", { json: { operations }, ...tokenOf(session) });
  expectProblem(gone, 410, "session_expired");
  expect(await znodes.children(root)).toEqual(["master"]);
});

test("only what cannot be read as a batch, or is too much of one, is refused as a whole [R2, M12]", async ({
  http,
  root,
  znodes,
}) => {
  for (const body of ["{", "[]", "{}", '{"operations":5}', '{"operations":[],"more":1}']) {
    expectProblem(await http.post("/v1/batch", { body }), 400, "bad_request");
  }
  const creates = Array.from({ length: 1001 }, (_, index) => ({ op: "create", path: `${root}/n${index}` }));
  const many = await http.post("/v1/batch", { json: { operations: creates } });
  expect(expectProblem(many, 413, "too_many_operations")).toMatchObject({
    ...{ limit: "operationsMax", limitValue: 1000, size: 1001 },
  });
  for (const fence of ["nonsense", `${root}/@1`]) {
    const answer = await http.post("/v1/batch", { json: { operations: [] }, headers: { fence } });
    expect(answer.status, fence).toBe(400);
  }
  expect(await znodes.children(root)).toEqual([]);
  expect((await batch(http, [])).results).toEqual([]);
  expect(new Set(statuses(await batch(http, creates.slice(1))))).toEqual(new Set([201]));
  expect((await znodes.stat(root)).numChildren).toBe(1000);
});

test("reads beyond what one answer may hold are told so, each by itself [R1, R2]", async ({
  http,
  root,
  znodes,
}) => {
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>();
  const bytesMax = bounds.batchReadBytesMax as number;
  await znodes.create(`${root}/large`, "x".repeat(1_000_000));
  const fit = Math.floor(bytesMax / 1_000_400);
  const large = { op: "get", path: `${root}/large` };
  const reads = Array.from({ length: fit + 2 }, () => large);
  const operations = [...reads, { op: "exists", path: root }, { op: "set", path: root, data: "done" }];
  const { results } = await batch(http, operations);
  expect(results.slice(0, fit).map(({ status }) => status)).toEqual(Array(fit).fill(200));
  for (const entry of results.slice(fit, -1)) {
    expect(entry).toMatchObject({
      ...{ status: 413, code: "too_large", limit: "batchReadBytesMax", limitValue: bytesMax },
      size: expect.any(Number),
    });
    expect(entry.size).toBeGreaterThan(bytesMax);
  }
  expect(results.at(-1)?.status).toBe(200);
  expect(await znodes.read(root)).toMatchObject({ data: "done" });
});
