// Paths as they come over the wire: odd ones that are legal, illegal ones that are refused as they stand, and none
// that is folded, trimmed or decoded twice. Raw sockets, because URL libraries fold before they send.

import { encodeSegments, expect, expectProblem, test, urlOf, type Written } from "./fixture.ts";

const oddNames = [
  ..."%#?+:\\&=;@!$'()*,~|^`{}[]<>\"".split("").map((character) => `a${character}b`),
  "with space",
  " ",
  "a%2Fb",
  "%41",
  "中文 路径",
  "...",
  ".a",
  "a.",
  "..a",
  "a..",
  "\u007e",
  "\u00a0",
  "\ud7ff",
  "\uf900",
  "\uffef",
  "__proto__",
  "constructor",
];

test("odd names are names like any other: made, read, listed and deleted [P4, P5, P6, P11]", async ({
  root,
  znodes,
}) => {
  for (const name of oddNames) {
    const path = `${root}/${name}`;
    expect((await znodes.create(path, name)).path).toBe(path);
    expect(await znodes.read(path)).toMatchObject({ path, data: name });
  }
  expect(await znodes.children(root)).toEqual(oddNames.toSorted());
  for (const name of oddNames) await znodes.delete(`${root}/${name}`);
  expect(await znodes.children(root)).toEqual([]);
});

test("the Location of a create leads to the znode, whatever its name [P6]", async ({ http, root }) => {
  const path = `${root}/中文 路径`;
  await http.post(urlOf(path));
  const created = await http.post(urlOf(`${path}/a%2Fb`), { body: "here" });
  expect(created.status).toBe(201);
  const answer = await http.get(created.header("location") as string);
  expect(answer.json()).toMatchObject({ path: `${path}/a%2Fb`, data: "here" });
});

test("slashes may be percent-encoded or not: it is the same znode [P14]", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a/b`, "here", { query: "parents=true" });
  const name = root.slice(1);
  for (const target of [`/${name}/a/b`, `/%2F${name}%2Fa%2Fb`, `/%2f${name}/a%2fb`, `/${name}%2Fa/b`]) {
    const answer = await http.rawRequest("GET", `/v1/znodes${target}`);
    expect(JSON.parse(answer.body), target).toMatchObject({ path: `${root}/a/b`, data: "here" });
    expect((await http.rawRequest("GET", `/v1/children${target}`)).status, target).toBe(200);
  }
  for (const target of ["/v1/znodes", "/v1/znodes/", "/v1/znodes/%2F"]) {
    expect(JSON.parse((await http.rawRequest("GET", target)).body), target).toMatchObject({ path: "/" });
  }
});

test("names are compared code unit by code unit: two spellings are two znodes [P1]", async ({
  root,
  znodes,
}) => {
  for (const name of ["é", "e\u0301", "E\u0301", "a", "A"]) await znodes.create(`${root}/${name}`);
  expect(await znodes.children(root)).toEqual(["A", "E\u0301", "a", "e\u0301", "é"]);
});

const badTargets = [
  ...["//", "///", "//b", "/a//b", "/a/b//", "/a/", "/a/b/"],
  ...["/.", "/..", "/a/./b", "/a/../b", "/a/.", "/a/..", "/./", "/../", "/./a", "/../a"],
  ...["/%2E", "/%2e%2e", "/a/%2e%2E/b", "/a%2F..%2Fb", "/a%2F%2Fb", "/%2F%2Fa", "/a%2F"],
  ...["/a%00b", "/%01", "/%1F", "/a%0Ab", "/a%7Fb", "/%C2%80", "/%C2%9F"],
  ...["/%EE%80%80", "/%EF%A3%BF", "/%EF%BF%B0", "/%EF%BF%BF", "/%F0%9F%99%82"],
  ...["/%", "/%zz", "/%a", "/%ff", "/%C3", "/%ED%A0%80", "/%C0%80"],
];

test("what is no path is refused by every method as it stands, and nothing is folded [P2, P3, P4, P5, P14]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/a`);
  await znodes.create(`${root}/b`);
  for (const target of badTargets) {
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      const answer = await http.rawRequest(method, `/v1/znodes${root}${target}`);
      expect(`${answer.status} ${answer.body}`, `${method} ${target}`).toMatch(/^400 .*"code":"bad_path"/);
    }
    const answer = await http.rawRequest("GET", `/v1/children${root}${target}`);
    expect(`${answer.status} ${answer.body}`, target).toMatch(/^400 .*"code":"bad_path"/);
  }
  expect(await znodes.children(root)).toEqual(["a", "b"]);
});

test("paths inside JSON and queries are judged alike [P2, P3, P4, P5]", async ({ http, root, znodes }) => {
  const bad = ["", "a", "a/b", `${root}/`, `${root}//b`, `${root}/..`, `${root}/./b`];
  const characters = ["\u0000", "\u001f", "\u007f", "\u009f", "\ud800", "\udfff", "\uf8ff", "\ufff0", "🙂"];
  for (const path of [...bad, ...characters.map((character) => `${root}/x${character}y`)]) {
    for (const op of ["create", "set", "delete", "check"]) {
      const answer = await http.post("/v1/transactions", { json: { operations: [{ op, path }] } });
      expect(expectProblem(answer, 400, "bad_path").failedOperation, JSON.stringify(path)).toBe(0);
    }
    if (!path.isWellFormed()) continue;
    expectProblem(await http.get("/v1/watch", { query: { path } }), 400, "bad_path");
  }
  expect(await znodes.children(root)).toEqual([]);
});

test("a sequential prefix may end in a slash or in dots, a path may not [P7, P8]", async ({ http, root }) => {
  const create = async (prefix: string) => {
    const target = `/v1/znodes${root}${prefix}?sequential=true`;
    const answer = await http.rawRequest("POST", target);
    return answer.status === 201
      ? (JSON.parse(answer.body) as Written).path.slice(root.length)
      : answer.status;
  };
  expect(await create("/")).toBe("/0000000000");
  expect(await create("/.")).toBe("/.0000000001");
  expect(await create("/..")).toBe("/..0000000002");
  for (const prefix of ["//", "/./", "/../", "/a//b-"]) expect(await create(prefix), prefix).toBe(400);
  const atRoot = await http.post("/v1/znodes/", { query: "sequential=true" });
  const { path } = atRoot.json<Written>();
  expect(path).toMatch(/^\/\d{10}$/);
  await http.delete(urlOf(path));
});

test("a path has at most 4096 characters [P9]", async ({ http, root, znodes }) => {
  const longest = `${root}/${"x".repeat(4095 - root.length)}`;
  await znodes.create(longest, "here");
  expect((await znodes.read(longest)).data).toBe("here");
  const problem = expectProblem(await http.post(urlOf(`${longest}x`)), 400, "bad_path");
  expect(problem).toMatchObject({ limit: "pathLengthMax", limitValue: 4096, size: 4097 });
  expectProblem(await http.put(urlOf(`${longest}x`)), 400, "bad_path");
  expectProblem(await http.delete(urlOf(`${longest}x`)), 400, "bad_path");
});

test("the part of a URL that names the resource is taken as written, never for a path [P14]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/a`, "here");
  const absolute = await http.rawRequest("GET", `http://localhost${urlOf(`${root}/a`)}`);
  expect(JSON.parse(absolute.body)).toMatchObject({ path: `${root}/a`, data: "here" });
  for (const target of [`/v1/znode%73${root}/b`, `/v1/%7Anodes${root}/b`, `//v1/znodes${root}/b`]) {
    const answer = await http.rawRequest("POST", target);
    expect([answer.status, JSON.parse(answer.body).code], target).toEqual([404, "no_route"]);
  }
  for (const end of ["#", "#x", "#ttlMs=1", "?raw=true#"]) {
    const answer = await http.rawRequest("POST", `/v1/znodes${encodeSegments(root)}/b${end}`);
    expect([answer.status, JSON.parse(answer.body).code], end).toEqual([400, "bad_request"]);
  }
  expect(await znodes.children(root)).toEqual(["a"]);
});

test("a query that is not percent-encoded UTF-8 is refused, not guessed at", async ({ http }) => {
  for (const query of ["path=/%zz", "path=/%", "path=/%ff", "path=/%ED%A0%80"]) {
    const answer = await http.rawRequest("GET", `/v1/watch?${query}`);
    expect([answer.status, JSON.parse(answer.body).code], query).toEqual([400, "bad_request"]);
  }
});
