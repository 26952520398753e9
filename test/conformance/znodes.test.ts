// Znodes over HTTP: every mode, every condition, every way to read, as section 2 of the contract has it.

import { expect, expectProblem, expectStatus, test, tokenOf, urlOf, type Written } from "./fixture.ts";

test("a create answers 201 with the path, the stat, its URL and its ETag [C8]", async ({
  http,
  root,
  znodes,
}) => {
  const answer = expectStatus(await http.post(urlOf(`${root}/a`), { body: "hello" }), 201);
  const { path, stat } = answer.json<Written>();
  expect(path).toBe(`${root}/a`);
  expect(answer.header("location")).toBe(urlOf(`${root}/a`));
  expect(answer.header("etag")).toMatch(new RegExp(`^"${stat.czxid}-0(\\.[0-9a-f]+)?"$`));
  expect(answer.zxid).toBeGreaterThanOrEqual(stat.czxid);
  expect(stat).toMatchObject({ version: 0, cversion: 0, aversion: 0, dataLength: 5, numChildren: 0 });
  expect([stat.mzxid, stat.pzxid]).toEqual([stat.czxid, stat.czxid]);
  expect(await znodes.read(`${root}/a`)).toEqual({ path: `${root}/a`, data: "hello", stat });
});

test("each of the seven modes can be made and shows in the stat [C1, E1]", async ({
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const modes = [
    ["", {}],
    ["ephemeral=true", { ephemeralOwner: session.id }],
    ["sequential=true", { sequence: 2 }],
    ["ephemeral=true&sequential=true", { ephemeralOwner: session.id, sequence: 3 }],
    ["container=true", { container: true }],
    ["ttlMs=60000", { ttlMs: 60_000 }],
    ["ttlMs=60000&sequential=true", { ttlMs: 60_000, sequence: 6 }],
  ] as const;
  for (const [index, [query, shown]] of modes.entries()) {
    const { path, stat } = await znodes.create(`${root}/n${index}-`, "", { query, ...tokenOf(session) });
    const { sequence, ttlMs, container, ephemeralOwner } = stat;
    expect({ sequence, ttlMs, container, ephemeralOwner }, query).toEqual({
      ...{ sequence: undefined, ttlMs: undefined, container: undefined, ephemeralOwner: null },
      ...shown,
    });
    expect(path.endsWith("-")).toBe(stat.sequence === undefined);
    expect(await znodes.stat(path)).toEqual(stat);
  }
});

test("every other combination of modes is refused and leaves nothing [C1, C2]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const { headers } = tokenOf(await openSession());
  for (const query of [
    "ephemeral=true&ttlMs=1",
    "ephemeral=true&container=true",
    "sequential=true&container=true",
    "container=true&ttlMs=1",
    "ephemeral=true&sequential=true&container=true",
  ]) {
    expectProblem(await http.post(urlOf(`${root}/a`), { query, headers }), 400, "bad_mode");
  }
  for (const ttlMs of [-100, 0, 1_099_511_627_776]) {
    expectProblem(await http.post(urlOf(`${root}/a`), { query: { ttlMs } }), 400, "bad_ttl");
  }
  expect(await znodes.children(root)).toEqual([]);
  for (const ttlMs of [1, 1_099_511_627_775]) {
    expect((await znodes.create(`${root}/t${ttlMs}`, "", { query: { ttlMs } })).stat.ttlMs).toBe(ttlMs);
  }
});

test("a parent that is missing is 404, and parents=true makes it in the same transaction [C4]", async ({
  http,
  root,
  znodes,
}) => {
  const problem = expectProblem(await http.post(urlOf(`${root}/x/y/z`)), 404, "no_node");
  expect(problem.path).toBe(`${root}/x/y`);
  const { stat } = await znodes.create(`${root}/x/y/z`, "deep", { query: "parents=true" });
  for (const path of [`${root}/x`, `${root}/x/y`]) {
    expect(await znodes.read(path)).toMatchObject({ data: "", stat: { czxid: stat.czxid, numChildren: 1 } });
  }
});

test("creating what exists is 409 and leaves it as it was [C5]", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a`, "first");
  const before = await znodes.read(`${root}/a`);
  expectProblem(await http.post(urlOf(`${root}/a`), { body: "second" }), 409, "node_exists");
  expectProblem(await http.post(urlOf("/")), 409, "node_exists");
  expect(await znodes.read(`${root}/a`)).toEqual(before);
});

test("only an ephemeral parent refuses children [C6]", async ({ http, root, znodes, openSession }) => {
  const { headers } = tokenOf(await openSession());
  await znodes.create(`${root}/e`, "", { query: "ephemeral=true", headers });
  expectProblem(await http.post(urlOf(`${root}/e/x`)), 409, "ephemeral_parent");
  for (const query of ["container=true", "ttlMs=60000"]) {
    await znodes.create(`${root}/${query}`, "", { query });
    await znodes.create(`${root}/${query}/x`);
    await znodes.create(`${root}/${query}/e`, "", { query: "ephemeral=true", headers });
    expect(await znodes.children(`${root}/${query}`)).toEqual(["e", "x"]);
  }
});

test("no body and an empty body are the same data [C7]", async ({ http, root, znodes }) => {
  await http.post(urlOf(`${root}/none`));
  await http.post(urlOf(`${root}/empty`), { body: "" });
  for (const name of ["none", "empty"]) {
    expect(await znodes.read(`${root}/${name}`)).toMatchObject({ data: "", stat: { dataLength: 0 } });
  }
});

test("a set replaces the data and moves version, mzxid and mtime alone [S1, S2, S5, S8]", async ({
  http,
  root,
  znodes,
}) => {
  const created = (await znodes.create(`${root}/a`, "one")).stat;
  const answer = expectStatus(await http.put(urlOf(`${root}/a`), { body: "zweiß" }), 200);
  const { path, stat } = answer.json<Written>();
  expect(path).toBe(`${root}/a`);
  expect(answer.header("etag")).toMatch(new RegExp(`^"${created.czxid}-1(\\.[0-9a-f]+)?"$`));
  const { mzxid, mtimeMs } = stat;
  expect(mzxid).toBeGreaterThan(created.mzxid);
  expect(stat).toEqual({ ...created, version: 1, dataLength: 6, mzxid, mtimeMs });
  expect((await znodes.set(`${root}/a`, "zweiß")).version).toBe(2);
});

test("a version must be the current one; -1 is any, other negative ones never are [S5, D11]", async ({
  http,
  root,
  znodes,
}) => {
  const url = urlOf(`${root}/a`);
  await znodes.create(`${root}/a`);
  await znodes.set(`${root}/a`, "1", { query: "version=0" });
  await znodes.set(`${root}/a`, "2", { query: "version=-1" });
  const before = await znodes.read(`${root}/a`);
  for (const version of [0, 1, 3, -2]) {
    const problem = expectProblem(await http.put(url, { query: { version }, body: "x" }), 412, "bad_version");
    expect(problem.stat).toEqual(before.stat);
    expectProblem(await http.delete(url, { query: { version } }), 412, "bad_version");
  }
  expect(await znodes.read(`${root}/a`)).toEqual(before);
  await znodes.delete(`${root}/a`, { query: "version=2" });
  expect(await znodes.exists(`${root}/a`)).toBe(false);
});

test("If-Match tells incarnations apart, which a version cannot [S11]", async ({ http, root, znodes }) => {
  const url = urlOf(`${root}/a`);
  const first = (await http.post(url)).header("etag") as string;
  await znodes.delete(`${root}/a`);
  const second = (await http.post(url)).header("etag") as string;
  expect(second).not.toBe(first);
  expectProblem(await http.put(url, { headers: { "if-match": first }, body: "x" }), 412, "bad_version");
  expectProblem(await http.delete(url, { headers: { "if-match": first } }), 412, "bad_version");
  expectProblem(await http.put(url, { headers: { "if-match": '"garbage"' } }), 412, "bad_version");
  expectStatus(await http.put(url, { headers: { "if-match": `${first}, ${second}` }, body: "y" }), 200);
  expectStatus(await http.put(url, { headers: { "if-match": "*" }, body: "z" }), 200);
  expectStatus(await http.delete(url, { headers: { "if-match": "*" } }), 204);
  expectProblem(await http.put(url, { headers: { "if-match": "*" } }), 404, "no_node");
});

test("If-None-Match answers 304 to who has it already, and only to them [S11]", async ({
  http,
  root,
  znodes,
}) => {
  const url = urlOf(`${root}/a`);
  const etag = (await http.post(url, { body: "x" })).header("etag") as string;
  for (const tags of [etag, `"0-0", ${etag}`, `W/${etag}`, "*"]) {
    const answer = await http.get(url, { headers: { "if-none-match": tags } });
    expect([answer.status, answer.text, answer.header("etag")]).toEqual([304, "", etag]);
  }
  await znodes.set(`${root}/a`, "y");
  expect((await http.get(url, { headers: { "if-none-match": etag } })).json()).toMatchObject({ data: "y" });
});

test("a put creates only when asked to: upsert=true or If-None-Match: * [C5]", async ({
  http,
  root,
  znodes,
}) => {
  const url = urlOf(`${root}/a`);
  expectProblem(await http.put(url, { body: "x" }), 404, "no_node");
  const created = expectStatus(await http.put(url, { query: "upsert=true", body: "x" }), 201);
  expect(created.header("location")).toBe(url);
  expect(expectStatus(await http.put(url, { query: "upsert=true", body: "y" }), 200).json()).toMatchObject({
    stat: { version: 1 },
  });
  const onlyNew = { headers: { "if-none-match": "*" }, body: "z" };
  const problem = expectProblem(await http.put(url, onlyNew), 412, "bad_version");
  expect(problem.stat).toMatchObject({ version: 1 });
  expect((await znodes.read(`${root}/a`)).data).toBe("y");
  expectStatus(await http.put(urlOf(`${root}/b`), onlyNew), 201);
  expectProblem(await http.put(urlOf(`${root}/x/y`), { query: "upsert=true" }), 404, "no_node");
  expectProblem(await http.put(urlOf(`${root}/c`), { query: "upsert=true&version=3" }), 404, "no_node");
});

test("what has children is not deleted, and a wrong version is said first [O3]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/a/b`, "", { query: "parents=true" });
  expectProblem(await http.delete(urlOf(`${root}/a`)), 409, "not_empty");
  expectProblem(await http.delete(urlOf(`${root}/a`), { query: "version=7" }), 412, "bad_version");
  expectProblem(await http.delete(urlOf(`${root}/a/none`)), 404, "no_node");
  await znodes.delete(`${root}/a/b`);
  const answer = await znodes.delete(`${root}/a`);
  expect([answer.text, answer.header("content-type")]).toEqual(["", null]);
});

test("recursive=true takes a whole subtree at one zxid [Z2]", async ({ http, root, znodes }) => {
  for (const path of ["/a", "/a/b", "/a/b/c", "/a/d", "/ab"]) await znodes.create(root + path);
  expectProblem(
    await http.delete(urlOf(`${root}/a`), { query: "recursive=true&version=1" }),
    412,
    "bad_version",
  );
  const before = await znodes.stat(root);
  await znodes.delete(`${root}/a`, { query: "recursive=true&version=0" });
  expect(await znodes.children(root)).toEqual(["ab"]);
  expect(await znodes.exists(`${root}/a/b/c`)).toBe(false);
  expect((await znodes.stat(root)).cversion).toBe(before.cversion + 1);
});

test("the root can be read and set, and never deleted [P10, P12]", async ({ http, znodes }) => {
  const before = await znodes.stat("/");
  const set = expectStatus(await http.put("/v1/znodes", { body: (await znodes.read("/")).data ?? "" }), 200);
  expect(set.json<Written>()).toMatchObject({ path: "/", stat: { version: before.version + 1 } });
  for (const query of ["", "recursive=true", "version=99"]) {
    expectProblem(await http.delete("/v1/znodes", { query }), 403, "reserved_path");
    expectProblem(await http.delete("/v1/znodes/", { query }), 403, "reserved_path");
  }
});

test("children move a parent's pzxid and cversion, grandchildren and data do not [S3, S7]", async ({
  root,
  znodes,
}) => {
  const created = (await znodes.create(`${root}/p`)).stat;
  await znodes.create(`${root}/p/a`);
  const first = (await znodes.create(`${root}/p/b`)).stat;
  const deletion = await znodes.delete(`${root}/p/a`);
  await znodes.set(`${root}/p/b`, "x");
  await znodes.create(`${root}/p/b/c`);
  const { pzxid } = await znodes.stat(`${root}/p`);
  expect(pzxid).toBeGreaterThan(first.czxid);
  expect(pzxid).toBeLessThanOrEqual(deletion.zxid);
  expect(await znodes.stat(`${root}/p`)).toEqual({ ...created, pzxid, cversion: 3, numChildren: 1 });
});

test("HEAD says whether a znode is there, without a body [O6]", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a`, "some data");
  const there = await http.request("HEAD", urlOf(`${root}/a`));
  const asked = await http.get(urlOf(`${root}/a`));
  expect([there.status, there.text]).toEqual([200, ""]);
  for (const name of ["etag", "content-type", "content-length"]) {
    expect(there.header(name), name).toBe(asked.header(name));
  }
  const missing = await http.request("HEAD", urlOf(`${root}/b`));
  expect([missing.status, missing.text]).toEqual([404, ""]);
  expect(missing.zxid).toBeGreaterThan(0);
});

test("every answer says the last transaction done, and it never goes back [Z6, Z1]", async ({
  http,
  root,
  znodes,
}) => {
  const zxids: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const written = expectStatus(await http.post(urlOf(`${root}/n-`), { query: "sequential=true" }), 201);
    expect(written.zxid).toBeGreaterThanOrEqual(written.json<Written>().stat.czxid);
    const answers = [
      written,
      await http.get(urlOf(root)),
      await http.get(urlOf(`${root}/none`)),
      await http.get(`/v1/children${root}`),
      await http.put(urlOf(`${root}/none`)),
      await http.get("/v1/none"),
    ];
    zxids.push(...answers.map(({ zxid }) => zxid));
  }
  expect(zxids.every((zxid, index) => zxid > 0 && zxid >= (zxids[index - 1] ?? 0))).toBe(true);
  expect(await znodes.children(root)).toHaveLength(5);
});

test("a read that follows an answered write sees it [N18]", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a`);
  for (let value = 1; value <= 50; value += 1) {
    const { mzxid } = await znodes.set(`${root}/a`, String(value));
    const answer = await http.get(urlOf(`${root}/a`));
    expect(answer.json()).toMatchObject({ data: String(value), stat: { version: value, mzxid } });
  }
});

test("a reader has the old value or the new one, never a mix [O12]", async ({ http, root, znodes }) => {
  const values = ["a", "b"].map((letter) => letter.repeat(100_000));
  await znodes.create(`${root}/a`, values[0]);
  let isWriting = true;
  const write = async () => {
    for (let round = 1; round <= 30; round += 1) await znodes.set(`${root}/a`, values[round % 2] as string);
    isWriting = false;
  };
  const read = async () => {
    while (isWriting) {
      const { text } = await http.get(urlOf(`${root}/a`), { query: "raw=true" });
      expect(values.includes(text)).toBe(true);
    }
  };
  await Promise.all([write(), read(), read()]);
});
