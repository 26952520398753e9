// What refusals say: the values that may be given, the way that leads there, and what really was at fault. One row is
// one request and what its `detail` has in it.

import { expect, expectProblem, test, urlOf } from "./fixture.ts";

const values = [
  ["GET", "/v1/znodes?encoding=hex", "at encoding: it must be base64."],
  ["GET", "/v1/watch?path=/&scope=all", "at scope: it must be one of node, children, subtree."],
  ["GET", "/v1/watch?path=/&types=made", "at types: it must be created, changed or deleted, or several"],
  ["GET", "/v1/children?include=all", "at include: it must be stat, data or stat,data."],
  ["GET", "/v1/services/w?state=gone", "at state: it must be one of up, draining, disabled."],
  ["POST", "/v1/import?onConflict=stop", "at onConflict: it must be one of fail, skip, replace."],
  ["POST", "/v1/locks/l/claims", "at mode: it must be one of exclusive, shared.", '{"mode":"x"}'],
  ["POST", "/v1/barriers/b", "at action: it must be one of enter, leave.", '{"action":"x"}'],
  ["POST", "/v1/znodes/a?ephemeral=1", "at ephemeral: it must be true or false, as in ephemeral=true."],
  ["POST", "/v1/znodes/a?ephemeral", "at ephemeral: it must be true or false, as in ephemeral=true."],
  ["PUT", "/v1/znodes/a?upsert=yes", "at upsert: it must be true or false, as in upsert=true."],
  ["PUT", "/v1/znodes/a?version=1&version=2", "at version: it may be there once."],
  ["POST", "/v1/transactions", "No member of the body may be named", '{"operations":[],"__proto__":{}}'],
  ["POST", "/v1/transactions", "The body is not valid JSON.", '{operations:[],"__proto__":{}}'],
  [
    "POST",
    "/v1/transactions",
    "character U+1F600 ",
    '{"operations":[{"op":"delete","path":"/\\ud83d\\ude00"}]}',
  ],
  ["POST", "/v1/transactions", "character U+D83D ", '{"operations":[{"op":"delete","path":"/\\ud83d"}]}'],
  [
    "POST",
    "/v1/import",
    'Line 1: The znode is not valid: it has an unknown member "foo".',
    '{"path":"/i","foo":1}',
  ],
  ["POST", "/v1/import", "required property 'path'", "{}"],
  ["DELETE", "/v1/znodes/%F0%9F%98%80", "character U+1F600 "],
] as const;

test("a refusal names the values that may be given, and what was really at fault", async ({ http }) => {
  for (const [method, target, sentence, body] of values) {
    const [path = "", query] = target.split("?");
    const answer = await http.request(method, path, {
      ...(query !== undefined && { query }),
      ...(body !== undefined && { body }),
    });
    expect([target, answer.json()]).toEqual([target, expect.objectContaining({ status: 400 })]);
    expect(answer.json().detail, target).toContain(sentence);
  }
});

test("a refusal names the parameter or method that does what was meant", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a`);
  await znodes.create(`${root}/a/b`);
  const rows = [
    ["PUT", `${root}/c`, "", 404, "With upsert=true it is created."],
    ["POST", `${root}/a`, "", 409, "PUT"],
    ["POST", `${root}/c/d`, "", 404, "With parents=true it is created too."],
    ["DELETE", `${root}/a`, "", 409, "With recursive=true they are deleted with it."],
  ] as const;
  for (const [method, path, query, status, hint] of rows) {
    const answer = await http.request(method, urlOf(path), { query });
    expect([answer.status, answer.json().detail]).toEqual([status, expect.stringContaining(hint)]);
  }
});

test("nobody is told of a parameter that would not help", async ({ http, root }) => {
  const path = `${root}/c`;
  const answers = [
    await http.put(urlOf(path), { query: "version=3" }),
    await http.put(urlOf(path), { headers: { "if-match": '"1-0"' } }),
    await http.put(urlOf(`${path}/d`), { query: "upsert=true" }),
    await http.post("/v1/transactions", { json: { operations: [{ op: "set", path }] } }),
    await http.post("/v1/transactions", { json: { operations: [{ op: "create", path: `${path}/d` }] } }),
  ];
  for (const answer of answers) expect(expectProblem(answer, 404, "no_node").detail).not.toContain("=true");
});

test("null is empty data, as nothing is", async ({ http, root, znodes }) => {
  const create = (path: string, data: object) => ({ op: "create", path: `${root}/${path}`, ...data });
  await znodes.transact([create("a", { data: null }), create("b", { dataBase64: null, data: "x" })]);
  const lines = `{"path":"${root}/c","data":null}\n`;
  expect((await http.post("/v1/import", { body: lines })).status).toBe(200);
  const read = async (name: string) => (await znodes.read(`${root}/${name}`)).data;
  expect([await read("a"), await read("b"), await read("c")]).toEqual(["", "x", ""]);
});

test("a byte order mark before a line of an import is none of its JSON", async ({ http, root, znodes }) => {
  const lines = `\ufeff{"path":"${root}/a","data":"1"}\n\ufeff{"path":"${root}/b","data":"2"}\n`;
  const answer = await http.post("/v1/import", { body: lines });
  expect(answer.json()).toMatchObject({ created: 2 });
  expect((await znodes.read(`${root}/b`)).data).toBe("2");
});

test("a URL that names no session is none, and not that of one that is gone", async ({ http }) => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    expectProblem(await http.request(method, "/v1/sessions/"), 404, "no_route");
  }
  expectProblem(await http.get("/v1/sessions//events"), 404, "no_route");
});

test("too many headers are not called too many bytes", async ({ http }) => {
  const many = Array.from({ length: 1500 }, (_, index) => `a${index}: b\r\n`).join("");
  const counted = await http.rawRequest("GET", "/v1/znodes", many);
  expect([counted.status, JSON.parse(counted.body)]).toMatchObject([
    431,
    { limit: "headersMax", limitValue: 1000 },
  ]);
  const long = await http.rawRequest("GET", "/v1/znodes", `a: ${"b".repeat(60_000)}\r\n`);
  expect([long.status, JSON.parse(long.body)]).toMatchObject([431, { limit: "headerBytesMax" }]);
});
