// Conditions of HTTP: ETag, If-Match and If-None-Match on znodes and on listings of children (section 2 of the
// contract, RFC 9110 section 13).

import type { Answer, RequestOptions } from "../support/http.ts";
import { expect, expectProblem, expectStatus, test, urlOf } from "./fixture.ts";

const tagOf = (answer: Answer) => answer.header("etag") as string;
const known = (tags: string, query = ""): RequestOptions => ({ headers: { "if-none-match": tags }, query });

/** Tags in the ways HTTP lets them be written, all of which name the given one. */
const naming = (etag: string) => [
  etag,
  `W/${etag}`,
  `"other", ${etag}`,
  `"a,b" ,\t${etag}`,
  `,, ${etag} ,`,
  `W/"",W/${etag},"\u00e9"`,
  "*",
];

const naminglessTags = ['"other"', '""', 'W/"0-0"', '"a,b","c"', '"*"'];

const noTags = [
  "",
  " ",
  ",",
  "x",
  "1-0",
  '"',
  '"1-0',
  '1-0"',
  'w/"1-0"',
  '"1-0" "2-0"',
  '*, "1-0"',
  '"a b"',
  "**",
];

test("who has a znode already gets 304, from GET and HEAD alike, and only then [S11]", async ({
  http,
  root,
  znodes,
}) => {
  const url = urlOf(`${root}/a`);
  const etag = tagOf(await http.post(url, { body: "x" }));
  // The epoch that wrote it stands behind, so that it is a tag of this past of the store alone.
  expect(etag).toMatch(new RegExp(`^"${(await znodes.stat(`${root}/a`)).czxid}-0(\\.[0-9a-f]+)?"$`));
  for (const method of ["GET", "HEAD"]) {
    for (const [query, form] of Object.entries({
      "": "",
      "raw=true": "-bytes",
      "encoding=base64": "-base64",
    })) {
      const ofForm = etag.replace(/"$/, `${form}"`);
      for (const tags of naming(ofForm)) {
        const answer = await http.request(method, url, known(tags, query));
        expect([answer.status, answer.text, tagOf(answer)], `${method} ${tags}`).toEqual([304, "", ofForm]);
        expect(answer.zxid).toBeGreaterThan(0);
      }
    }
    for (const tags of naminglessTags)
      expect((await http.request(method, url, known(tags))).status).toBe(200);
  }
  await znodes.set(`${root}/a`, "y");
  expect((await http.get(url, known(etag))).json()).toMatchObject({ data: "y" });
  expectProblem(await http.get(urlOf(`${root}/none`), known("*")), 404, "no_node");
});

test("an ETag never comes again, whatever is made at its path [S11]", async ({ http, root, znodes }) => {
  const url = urlOf(`${root}/a`);
  const tags = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    tags.add(tagOf(await http.post(url, { body: "x" })));
    tags.add(tagOf(await http.put(url, { body: "x" })));
    await znodes.delete(`${root}/a`);
  }
  expect(tags.size).toBe(6);
});

test("a listing has an ETag, and who has it gets 304 until a child comes or goes [S3]", async ({
  http,
  root,
  znodes,
}) => {
  const url = `/v1/children${root}`;
  await znodes.create(`${root}/a`, "x");
  const first = await http.get(url);
  const etag = tagOf(first);
  expect(etag).toMatch(new RegExp(`^"${(await znodes.stat(root)).pzxid}(\\.[0-9a-f]+)?"$`));
  for (const method of ["GET", "HEAD"]) {
    for (const tags of naming(etag)) {
      const answer = await http.request(method, url, known(tags));
      expect([answer.status, answer.text, tagOf(answer)], `${method} ${tags}`).toEqual([304, "", etag]);
    }
    for (const tags of naminglessTags)
      expect((await http.request(method, url, known(tags))).status).toBe(200);
  }
  await znodes.set(`${root}/a`, "y");
  await znodes.create(`${root}/a/grandchild`);
  expect((await http.get(url, known(etag))).status).toBe(304);
  const tags = [etag];
  const next = async () => {
    const answer = expectStatus(await http.get(url, known(tags.at(-1) as string)), 200);
    tags.push(tagOf(answer));
    return answer.json<{ children: string[] }>().children;
  };
  await znodes.create(`${root}/b`);
  expect(await next()).toEqual(["a", "b"]);
  await znodes.delete(`${root}/b`);
  expect(await next()).toEqual(["a"]);
  expect(new Set(tags).size).toBe(3);
});

test("a listing of another incarnation has another ETag, though it lists the same [S11]", async ({
  http,
  root,
  znodes,
}) => {
  const tags: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    await znodes.create(`${root}/p`);
    tags.push(tagOf(await http.get(`/v1/children${root}/p`)));
    await znodes.delete(`${root}/p`);
  }
  expect(new Set(tags).size).toBe(3);
  expectProblem(await http.get(`/v1/children${root}/p`, known("*")), 404, "no_node");
});

test("a page, narrowed or cut, is current for as long as its list is", async ({ http, root, znodes }) => {
  for (const name of ["a", "b", "lock-1", "lock-2"]) await znodes.create(`${root}/${name}`);
  const url = `/v1/children${root}`;
  for (const query of ["limit=1", "limit=1&after=a", "prefix=lock-", "prefix=none"]) {
    const etag = tagOf(await http.get(url, { query }));
    expect((await http.get(url, known(etag, query))).status, query).toBe(304);
    await znodes.create(`${root}/z${query.length}`);
    expect((await http.get(url, known(etag, query))).status, query).toBe(200);
  }
});

test("a listing that includes what is in the children is current for as long as that is [S2, S3]", async ({
  http,
  root,
  znodes,
}) => {
  const url = `/v1/children${root}`;
  for (const name of ["a", "b", "c"]) await znodes.create(`${root}/${name}`, "0");
  const queries = ["include=data", "include=stat", "include=stat,data", "include=data&prefix=b"];
  const changes: [string, readonly boolean[], () => Promise<unknown>][] = [
    ["a child is set", [true, true, true, true], () => znodes.set(`${root}/b`, "1")],
    ["another child is set", [true, true, true, false], () => znodes.set(`${root}/a`, "1")],
    ["a child gets a child", [false, true, true, false], () => znodes.create(`${root}/b/x`)],
    ["a grandchild is set", [false, false, false, false], () => znodes.set(`${root}/b/x`, "1")],
    ["a child comes", [true, true, true, true], () => znodes.create(`${root}/d`)],
    [
      "a child is made anew",
      [true, true, true, true],
      () =>
        znodes.transact([
          { op: "delete", path: `${root}/c` },
          { op: "create", path: `${root}/c`, data: "0" },
        ]),
    ],
  ];
  for (const [what, isChange, change] of changes) {
    const tags = await Promise.all(queries.map(async (query) => tagOf(await http.get(url, { query }))));
    await change();
    for (const [index, query] of queries.entries()) {
      const { status } = await http.get(url, known(tags[index] as string, query));
      expect(status, `${query}: ${what}`).toBe(isChange[index] ? 200 : 304);
    }
  }
});

test("HEAD on a listing has the headers of GET and no body", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a`);
  const url = `/v1/children${root}`;
  const [head, get] = [await http.request("HEAD", url), await http.get(url)];
  expect([head.status, head.text]).toEqual([200, ""]);
  for (const name of ["etag", "content-type", "content-length"]) {
    expect(head.header(name), name).toBe(get.header(name));
  }
  expect((await http.request("HEAD", `${url}/none`)).status).toBe(404);
});

test("If-Match compares strongly: a weak tag, or one with other digits, matches nothing [S11]", async ({
  http,
  root,
  znodes,
}) => {
  const url = urlOf(`${root}/a`);
  const etag = tagOf(await http.post(url));
  const bare = etag.slice(1, -1);
  const others = [`W/${etag}`, `"0${bare}"`, `"${bare}0"`, `"${bare.replace("-", "-0")}"`, ...naminglessTags];
  for (const tags of others) {
    const headers = { "if-match": tags };
    expectProblem(await http.put(url, { headers, body: "x" }), 412, "bad_version");
    expectProblem(await http.delete(url, { headers }), 412, "bad_version");
    expectProblem(await http.delete(url, { headers, query: "recursive=true" }), 412, "bad_version");
  }
  let current = etag;
  for (const list of [(tag: string) => tag, (tag: string) => `"a,b" , W/"", ${tag},`, () => "*"]) {
    current = tagOf(expectStatus(await http.put(url, { headers: { "if-match": list(current) } }), 200));
  }
  expect((await znodes.stat(`${root}/a`)).version).toBe(3);
  expectStatus(await http.delete(url, { headers: { "if-match": current } }), 204);
});

test("If-Match and version must both be met", async ({ http, root }) => {
  const url = urlOf(root);
  const etag = tagOf(await http.get(url));
  const headers = { "if-match": etag };
  expectProblem(await http.put(url, { headers, query: "version=1" }), 412, "bad_version");
  const stale = { "if-match": '"1-0"' };
  expectProblem(await http.put(url, { headers: stale, query: "version=0" }), 412, "bad_version");
  expectStatus(await http.put(url, { headers, query: "version=0" }), 200);
});

test("who expects a znode to be there, by any If-Match, makes none [C5]", async ({ http, root, znodes }) => {
  const url = urlOf(`${root}/none`);
  for (const tags of ["*", '"1-0"']) {
    const headers = { "if-match": tags };
    expectProblem(await http.put(url, { headers }), 404, "no_node");
    expectProblem(await http.put(url, { headers, query: "upsert=true" }), 404, "no_node");
    expectProblem(await http.delete(url, { headers }), 404, "no_node");
    const both = { ...headers, "if-none-match": "*" };
    expectProblem(await http.put(url, { headers: both }), 400, "bad_request");
  }
  expect(await znodes.children(root)).toEqual([]);
});

test("what is no list of tags is refused, wherever it stands", async ({ http, root, znodes }) => {
  const url = urlOf(`${root}/a`);
  await znodes.create(`${root}/a`);
  for (const tags of noTags) {
    const requests = [
      http.get(url, known(tags)),
      http.get(`/v1/children${root}`, known(tags)),
      http.put(url, known(tags)),
      http.put(url, { headers: { "if-match": tags } }),
      http.delete(url, { headers: { "if-match": tags } }),
    ];
    for (const answer of await Promise.all(requests)) expectProblem(answer, 400, "bad_request");
  }
  expect((await znodes.stat(`${root}/a`)).version).toBe(0);
});

test("a long list of tags is read without delay", async ({ http, root }) => {
  const etag = tagOf(await http.get(urlOf(root)));
  const spaced = `${`"x" ${" ".repeat(20)},`.repeat(500)}${etag}`;
  expect((await http.get(urlOf(root), known(spaced))).status).toBe(304);
  expectProblem(await http.get(urlOf(root), known(`${spaced} x`)), 400, "bad_request");
});

test("a condition a write cannot keep is refused, not ignored", async ({ http, root, znodes }) => {
  const etag = tagOf(await http.get(urlOf(root)));
  const none = JSON.stringify({ operations: [] });
  const requests: [string, string, Record<string, string>, string][] = [
    ["POST", urlOf(`${root}/a`), { "if-match": etag }, ""],
    ["POST", urlOf(`${root}/a`), { "if-none-match": etag }, ""],
    ["PUT", urlOf(root), { "if-none-match": etag }, ""],
    ["DELETE", urlOf(root), { "if-none-match": etag }, ""],
    ["POST", "/v1/transactions", { "if-match": etag }, none],
    ["POST", "/v1/batch", { "if-none-match": "*" }, none],
  ];
  for (const [method, url, headers, body] of requests) {
    expectProblem(await http.request(method, url, { headers, body }), 400, "bad_request");
  }
  expect(await znodes.children(root)).toEqual([]);
  expectStatus(await http.post(urlOf(`${root}/a`), { headers: { "if-none-match": "*" } }), 201);
  expectProblem(
    await http.post(urlOf(`${root}/a`), { headers: { "if-none-match": "*" } }),
    409,
    "node_exists",
  );
});

test("a long poll answers with what came to be, or with 304 when its time is up", async ({ http, root }) => {
  const url = `/v1/children${root}`;
  const first = await http.get(url);
  const wait = (waitMs: number) => ({
    query: { waitAfterZxid: first.zxid, waitMs },
    headers: { "if-none-match": tagOf(first) },
  });
  expect((await http.get(url, wait(10))).status).toBe(304);
  const polled = http.get(url, wait(20_000));
  expectStatus(await http.post(urlOf(`${root}/child`)), 201);
  expect(expectStatus(await polled, 200).json()).toMatchObject({ children: ["child"] });
});
