// Transactions: all or nothing, one zxid, each operation seeing those before it (section 4 of the contract).

import { expect, expectProblem, test, tokenOf } from "./fixture.ts";

test("each kind of operation is done, at one zxid, and says what came of it [M1, M2, S10]", async ({
  root,
  znodes,
}) => {
  await znodes.create(`${root}/old`);
  await znodes.create(`${root}/count`, "41");
  const { zxid, results } = await znodes.transact([
    { op: "check", path: root, version: 0 },
    { op: "create", path: `${root}/m`, data: "a" },
    { op: "create", path: `${root}/m/n-`, sequential: true, dataBase64: "/w==" },
    { op: "set", path: `${root}/m`, data: "b", version: 0 },
    { op: "increment", path: `${root}/count`, by: 1 },
    { op: "delete", path: `${root}/old`, version: 0 },
  ]);
  expect(results.map(({ op, path, value }) => [op, path, value])).toEqual([
    ["check", root, undefined],
    ["create", `${root}/m`, undefined],
    ["create", `${root}/m/n-0000000000`, undefined],
    ["set", `${root}/m`, undefined],
    ["increment", `${root}/count`, "42"],
    ["delete", `${root}/old`, undefined],
  ]);
  const [, created, sequential, set, incremented] = results.map(({ stat }) => stat);
  expect([created?.czxid, sequential?.czxid, set?.mzxid, incremented?.mzxid]).toEqual([
    zxid,
    zxid,
    zxid,
    zxid,
  ]);
  expect([created?.version, created?.numChildren, set?.version, set?.numChildren]).toEqual([0, 0, 1, 1]);
  expect(await znodes.read(`${root}/m`)).toMatchObject({ data: "b", stat: set });
  expect((await znodes.read(`${root}/m/n-0000000000`)).dataBase64).toBe("/w==");
  expect((await znodes.read(`${root}/count`)).data).toBe("42");
  expect((await znodes.stat(root)).pzxid).toBe(zxid);
});

test("a subtree is built and torn down in one transaction [M2, M10]", async ({ root, znodes, watch }) => {
  const stream = await watch(`path=${root}&scope=subtree`);
  await stream.untilEvent("synced");
  const { zxid } = await znodes.transact([
    { op: "create", path: `${root}/a` },
    { op: "create", path: `${root}/a/b` },
    { op: "set", path: `${root}/a/b`, data: "x", version: 0 },
    { op: "delete", path: `${root}/a/b`, version: 1 },
    { op: "delete", path: `${root}/a` },
  ]);
  const { data } = await stream.untilEvent("change");
  expect([data.zxid, data.cause]).toEqual([zxid, "request"]);
  const [a, b] = [`${root}/a`, `${root}/a/b`];
  expect(stream.changes).toEqual([
    `created ${a}`,
    `created ${b}`,
    `changed ${b}`,
    `deleted ${b}`,
    `deleted ${a}`,
  ]);
  expect(await znodes.children(root)).toEqual([]);
});

test("one that fails leaves nothing, and says which failed and the fate of each [M2, M3, M4, M8, Q4]", async ({
  http,
  root,
  znodes,
  watch,
}) => {
  const stream = await watch(`path=${root}&scope=subtree`);
  await stream.untilEvent("synced");
  const before = await znodes.stat(root);
  const operations = [
    { op: "create", path: `${root}/a` },
    { op: "create", path: `${root}/n-`, sequential: true },
    { op: "set", path: `${root}/a`, version: 5 },
    { op: "create", path: `${root}/b` },
  ];
  const answer = await http.post("/v1/transactions", { json: { operations } });
  const problem = expectProblem(answer, 412, "bad_version");
  expect(problem.failedOperation).toBe(2);
  const codes = (problem.results as { code: string }[]).map(({ code }) => code);
  expect(codes).toEqual(["rolled_back", "rolled_back", "bad_version", "not_evaluated"]);
  expect(await znodes.stat(root)).toEqual(before);
  const { path } = await znodes.create(`${root}/n-`, "", { query: "sequential=true" });
  expect(path).toBe(`${root}/n-0000000000`);
  expect(await stream.untilChanges(1)).toEqual([`created ${path}`]);
});

test("the status is that of the failing operation, whatever it is [M4]", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/full/child`, "", { query: "parents=true" });
  await znodes.create(`${root}/text`, "not a number");
  const failing = [
    [404, "no_node", { op: "set", path: `${root}/none` }],
    [404, "no_node", { op: "check", path: `${root}/none` }],
    [404, "no_node", { op: "increment", path: `${root}/none`, by: 1 }],
    [409, "node_exists", { op: "create", path: `${root}/full` }],
    [409, "node_exists", { op: "check", path: `${root}/full`, exists: false }],
    [409, "not_empty", { op: "delete", path: `${root}/full` }],
    [412, "bad_version", { op: "check", path: `${root}/full`, version: 1 }],
    [412, "bad_version", { op: "check", path: `${root}/full`, czxid: 1 }],
    [403, "reserved_path", { op: "delete", path: "/" }],
    [400, "bad_mode", { op: "create", path: `${root}/x`, container: true, sequential: true }],
    [400, "bad_ttl", { op: "create", path: `${root}/x`, ttlMs: 0 }],
    [400, "session_required", { op: "create", path: `${root}/x`, ephemeral: true }],
    [400, "bad_path", { op: "create", path: `${root}/` }],
    [400, "bad_request", { op: "increment", path: `${root}/text`, by: 1 }],
  ] as const;
  const first = { op: "create", path: `${root}/first` };
  for (const [status, code, operation] of failing) {
    const answer = await http.post("/v1/transactions", { json: { operations: [first, operation] } });
    expect(expectProblem(answer, status, code).failedOperation, JSON.stringify(operation)).toBe(1);
  }
  expect(await znodes.children(root)).toEqual(["full", "text"]);
});

test("a malformed operation fails like any other, wherever it stands [M5]", async ({
  http,
  root,
  znodes,
}) => {
  const operations = [
    { op: "create", path: `${root}/a` },
    { op: "create", path: `${root}/a` },
    { op: "create", path: "no slash" },
  ];
  const answer = await http.post("/v1/transactions", { json: { operations } });
  const problem = expectProblem(answer, 400, "bad_path");
  expect(problem.failedOperation).toBe(2);
  expect(await znodes.children(root)).toEqual([]);
});

test("no operations are done, without results and without a zxid; so are checks alone [M6, M7]", async ({
  root,
  znodes,
}) => {
  const before = await znodes.stat(root);
  const empty = await znodes.transact([]);
  expect(empty.results).toEqual([]);
  const checks = await znodes.transact([
    { op: "check", path: root },
    { op: "check", path: root, version: -1 },
    { op: "check", path: root, version: 0, czxid: before.czxid },
    { op: "check", path: `${root}/none`, exists: false },
  ]);
  expect(checks.results.map(({ stat }) => stat)).toEqual([before, before, before, undefined]);
  expect(await znodes.stat(root)).toEqual(before);
});

test("a thousand operations are done, one more is 413 [M12]", async ({ http, root, znodes }) => {
  const creates = Array.from({ length: 1001 }, (_, index) => ({ op: "create", path: `${root}/n${index}` }));
  const problem = expectProblem(
    await http.post("/v1/transactions", { json: { operations: creates } }),
    413,
    "too_many_operations",
  );
  expect(problem).toMatchObject({ limitValue: 1000, size: 1001 });
  expect(await znodes.children(root)).toEqual([]);
  expect((await znodes.transact(creates.slice(1))).results).toHaveLength(1000);
  expect((await znodes.stat(root)).numChildren).toBe(1000);
});

test("of equal transactions sent at once one is done, the others are judged by what it left [M11]", async ({
  http,
  root,
}) => {
  const operations = [
    { op: "set", path: root, data: "x" },
    { op: "create", path: `${root}/once` },
  ];
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => http.post("/v1/transactions", { json: { operations } })),
  );
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409]);
  for (const answer of answers.filter(({ status }) => status === 409)) {
    expect(expectProblem(answer, 409, "node_exists").failedOperation).toBe(1);
  }
});

test("nobody sees part of a transaction, neither in a listing nor on a stream [M9, Z8]", async ({
  http,
  root,
  znodes,
  watch,
}) => {
  await znodes.create(`${root}/x`, "100");
  await znodes.create(`${root}/y`, "100");
  const stream = await watch(`path=${root}&scope=subtree`);
  await stream.untilEvent("synced");
  let isWriting = true;
  const transfer = async (by: number) => {
    for (let round = 0; round < 40; round += 1) {
      await znodes.transact([
        { op: "increment", path: `${root}/x`, by },
        { op: "increment", path: `${root}/y`, by: -by },
      ]);
    }
  };
  const sums = new Set<number>();
  const read = async () => {
    while (isWriting) {
      const answer = await http.get(`/v1/children${root}`, { query: "include=data" });
      const [x, y] = answer.json<{ znodes: { data: string }[] }>().znodes;
      sums.add(Number(x?.data) + Number(y?.data));
    }
  };
  const reading = read();
  await Promise.all([transfer(3), transfer(-7)]);
  isWriting = false;
  await reading;
  expect([...sums]).toEqual([200]);
  await stream.untilChanges(160);
  for (const { data } of stream.named("change")) {
    const values = (data.events as { data: string }[]).map((event) => Number(event.data));
    expect(values).toHaveLength(2);
    expect((values[0] as number) + (values[1] as number)).toBe(200);
  }
});

test("one that acts for a session that is gone is refused as a whole, without fates [M13]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  const operations = [{ op: "create", path: `${root}/a` }];
  const answer = await http.post("/v1/transactions", { json: { operations }, ...tokenOf(session) });
  const problem = expectProblem(answer, 410, "session_expired");
  expect([problem.results, problem.failedOperation]).toEqual([undefined, undefined]);
  expect(await znodes.children(root)).toEqual([]);
});

test("creates of one transaction see each other's numbers [Q11]", async ({ root, znodes }) => {
  const create = { op: "create", path: `${root}/n-`, sequential: true };
  const { results } = await znodes.transact([create, create, create]);
  expect(results.map(({ path }) => path)).toEqual([0, 1, 2].map((number) => `${root}/n-000000000${number}`));
});

test("an increment counts from empty, goes below zero and never leaves the safe integers", async ({
  http,
  root,
  znodes,
}) => {
  const increment = (by: number) => ({ op: "increment", path: `${root}/c`, by });
  await znodes.create(`${root}/c`);
  const { results } = await znodes.transact([increment(5), increment(-8), increment(0)]);
  expect(results.map(({ value }) => value)).toEqual(["5", "-3", "-3"]);
  await znodes.set(`${root}/c`, "9007199254740991");
  const answer = await http.post("/v1/transactions", { json: { operations: [increment(1)] } });
  expectProblem(answer, 400, "bad_request");
  expect((await znodes.read(`${root}/c`)).data).toBe("9007199254740991");
});

test("a malformed operation fails as any other, whatever is wrong with it [M3, M4, M5]", async ({
  http,
  root,
  znodes,
}) => {
  const first = { op: "create", path: `${root}/first` };
  const malformed: [string, unknown][] = [
    ["no object", 5],
    ["null", null],
    ["a list", [first]],
    ["no op", { path: root }],
    ["an op there is not", { op: "rename", path: root }],
    ["a read", { op: "get", path: root }],
    ["no path", { op: "create" }],
    ["a path that is no text", { op: "delete", path: [root] }],
    ["an unknown member", { op: "create", path: `${root}/x`, dat: "x" }],
    ["parents, which only a create by itself can make", { op: "create", path: `${root}/x/y`, parents: true }],
    ["upsert", { op: "set", path: `${root}/x`, upsert: true }],
    ["recursive", { op: "delete", path: root, recursive: true }],
    ["a version of another operation", { op: "create", path: `${root}/x`, version: 0 }],
    ["a version beyond 2^53", { op: "set", path: root, version: 2 ** 53 }],
    ["half a version", { op: "set", path: root, version: 0.5 }],
    ["no amount", { op: "increment", path: root }],
    ["half an amount", { op: "increment", path: root, by: 0.5 }],
    ["an amount beyond 2^53", { op: "increment", path: root, by: 2 ** 53 }],
    ["both kinds of data", { op: "set", path: root, data: "x", dataBase64: "" }],
    ["base64 that is none", { op: "set", path: root, dataBase64: "?" }],
    ["a version of what is to be absent", { op: "check", path: `${root}/x`, exists: false, version: 0 }],
    ["an incarnation of what is to be absent", { op: "check", path: `${root}/x`, exists: false, czxid: 1 }],
  ];
  for (const [what, operation] of malformed) {
    const operations = [first, operation, first];
    const answer = await http.post("/v1/transactions", { json: { operations } });
    const problem = expectProblem(answer, 400, "bad_request");
    expect(problem.failedOperation, what).toBe(1);
    const fates = (problem.results as { code: string; detail?: string }[]).map(({ code }) => code);
    expect(fates, what).toEqual(["rolled_back", "bad_request", "not_evaluated"]);
    expect(problem.detail, what).toMatch(/^Operation 1 failed, so none was done: /);
  }
  expect(await znodes.children(root)).toEqual([]);
});

test("path syntax comes before everything else, then the session, then the fences [O3, M13]", async ({
  http,
  root,
  openSession,
}) => {
  const session = await openSession();
  await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  const dead = { ...tokenOf(session).headers, fence: `${root}@1` };
  const transact = (path: string, headers: Record<string, string>) =>
    http.post("/v1/transactions", { json: { operations: [{ op: "set", path }] }, headers });
  expect(expectProblem(await transact(`${root}/`, dead), 400, "bad_path").failedOperation).toBe(0);
  const gone = expectProblem(await transact(`${root}/none`, dead), 410, "session_expired");
  const stale = expectProblem(await transact(`${root}/none`, { fence: `${root}@1` }), 409, "fence_stale");
  for (const { failedOperation, results } of [gone, stale]) {
    expect([failedOperation, results]).toEqual([undefined, undefined]);
  }
  expect(expectProblem(await transact(`${root}/none`, {}), 404, "no_node").failedOperation).toBe(0);
});

test("every fence of several must hold as the transaction begins, whatever it does itself [M2]", async ({
  http,
  root,
  znodes,
}) => {
  const [a, b] = [await znodes.create(`${root}/a`), await znodes.create(`${root}/b`)];
  const fence = (offset: number) => `${a.path}@${a.stat.czxid}, ${b.path}@${b.stat.czxid + offset}`;
  const operations = [
    { op: "delete", path: a.path },
    { op: "delete", path: b.path },
    { op: "create", path: a.path },
  ];
  const transact = (offset: number) =>
    http.post("/v1/transactions", { json: { operations }, headers: { fence: fence(offset) } });
  expect(expectProblem(await transact(1), 409, "fence_stale").path).toBe(b.path);
  expect((await transact(0)).status).toBe(200);
  expectProblem(await transact(0), 409, "fence_stale");
  expect(await znodes.children(root)).toEqual(["a"]);
});

test("a check and a set tell incarnations apart by czxid [M7, S11]", async ({ http, root, znodes }) => {
  const first = (await znodes.create(`${root}/a`)).stat;
  await znodes.delete(`${root}/a`);
  const second = (await znodes.create(`${root}/a`)).stat;
  const guarded = (czxid: number) => [
    { op: "check", path: `${root}/a`, czxid, version: 0 },
    { op: "set", path: `${root}/a`, data: "x", version: 0 },
  ];
  const stale = await http.post("/v1/transactions", { json: { operations: guarded(first.czxid) } });
  expect(expectProblem(stale, 412, "bad_version")).toMatchObject({ failedOperation: 0, stat: second });
  const { results } = await znodes.transact(guarded(second.czxid));
  expect(results.map(({ stat }) => stat?.version)).toEqual([0, 1]);
});

test("a failing operation's problem says what a request by itself would be told [M3, M4]", async ({
  http,
  root,
  znodes,
}) => {
  const { stat } = await znodes.create(`${root}/a`);
  const operations = [
    { op: "create", path: `${root}/n-`, sequential: true },
    { op: "set", path: `${root}/a`, version: 7 },
  ];
  const problem = expectProblem(
    await http.post("/v1/transactions", { json: { operations } }),
    412,
    "bad_version",
  );
  expect(problem).toMatchObject({ path: `${root}/a`, stat, failedOperation: 1 });
  const alone = await http.put(`/v1/znodes${root}/a`, { query: "version=7" });
  const detail = alone.json<{ detail: string }>().detail;
  expect(problem.results).toEqual([{ code: "rolled_back" }, { code: "bad_version", detail }]);
  expect(problem.detail).toBe(`Operation 1 failed, so none was done: ${detail}`);
});
