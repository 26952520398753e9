// A subtree read whole: in pages, and as lines of JSON at one zxid whatever is written meanwhile.

import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Answer } from "../support/http.ts";
import { expect, expectProblem, expectStatus, type Read, test, type Znodes } from "./fixture.ts";

const lines = { headers: { accept: "application/x-ndjson" } };

interface Page {
  readonly path: string;
  readonly znodes: Read[];
  readonly next?: string;
}

function znodesIn(answer: Answer): Read[] {
  expect(answer.header("content-type")).toBe("application/x-ndjson");
  expect(answer.text === "" || answer.text.endsWith("\n")).toBe(true);
  return answer.text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

async function plant(znodes: Znodes, root: string): Promise<string[]> {
  const names = ["a", "a/b", "a/b/c", "a/é", "a b", "a-b", "b"];
  for (const name of names) await znodes.create(`${root}/${name}`, `in ${name}`);
  return ["", "/a", "/a/b", "/a/b/c", "/a/é", "/a b", "/a-b", "/b"].map((path) => root + path);
}

test("a subtree comes with parents before children, siblings in code-unit order, each as it is alone", async ({
  http,
  root,
  znodes,
}) => {
  const paths = await plant(znodes, root);
  const answer = expectStatus(await http.get(`/v1/tree${root}`), 200).json<Page>();
  expect(answer).toEqual({ path: root, znodes: await Promise.all(paths.map((path) => znodes.read(path))) });
  expect(znodesIn(await http.get(`/v1/tree${root}`, lines))).toEqual(answer.znodes);
});

test("depth says how many levels below come along", async ({ http, root, znodes }) => {
  const paths = await plant(znodes, root);
  for (const [depth, levels] of [0, 1, 2, 3, 100].entries()) {
    const shown = paths.filter((path) => path.slice(root.length).split("/").length - 1 <= levels);
    const query = { depth: levels, include: "" };
    const page = (await http.get(`/v1/tree${root}`, { query })).json<Page>();
    expect([depth, page.znodes]).toEqual([depth, shown.map((path) => ({ path }))]);
    expect(znodesIn(await http.get(`/v1/tree${root}`, { query, ...lines }))).toEqual(page.znodes);
  }
});

test("pages follow each other by next, also where the last znode went meanwhile", async ({
  http,
  root,
  znodes,
}) => {
  const paths = await plant(znodes, root);
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const query = { limit: 2, include: "stat", ...(after !== undefined && { after }) };
    const page = expectStatus(await http.get(`/v1/tree${root}`, { query }), 200).json<Page>();
    expect(page.znodes.length).toBeLessThanOrEqual(2);
    for (const { path, stat, data } of page.znodes) {
      expect([data, stat.czxid > 0]).toEqual([undefined, true]);
      seen.push(path);
    }
    after = page.next;
    if (after === `${root}/a/b/c`) await znodes.delete(after);
  } while (after !== undefined);
  expect(seen).toEqual(paths);
});

test("lines can begin after a path too", async ({ http, root, znodes }) => {
  const paths = await plant(znodes, root);
  const query = { after: `${root}/a/b/c`, include: "" };
  const rest = znodesIn(await http.get(`/v1/tree${root}`, { query, ...lines }));
  expect(rest.map(({ path }) => path)).toEqual(paths.slice(4));
});

test("children come as lines as well, with what include asks for, a prefix and a cursor", async ({
  http,
  root,
  znodes,
}) => {
  await plant(znodes, root);
  const url = `/v1/children${root}`;
  const shown = async (query: Record<string, string>) => znodesIn(await http.get(url, { query, ...lines }));
  expect(await shown({})).toEqual(["a", "a b", "a-b", "b"].map((name) => ({ path: `${root}/${name}` })));
  expect(await shown({ prefix: "a" })).toEqual(
    ["a", "a b", "a-b"].map((name) => ({ path: `${root}/${name}` })),
  );
  expect(await shown({ prefix: "a", after: "a b" })).toEqual([{ path: `${root}/a-b` }]);
  expect(await shown({ prefix: "none" })).toEqual([]);
  expect(await shown({ include: "data,stat", after: "a-b" })).toEqual([await znodes.read(`${root}/b`)]);
});

test("lines show one state, that of the answer's zxid, whatever is written while they are read [M9]", async ({
  http,
  root,
  znodes,
}) => {
  const data = "x".repeat(2000);
  const path = (index: number) => `${root}/n${String(index).padStart(4, "0")}`;
  const indexes = Array.from({ length: 3000 }, (_, index) => index);
  for (let from = 0; from < indexes.length; from += 1000) {
    const part = indexes.slice(from, from + 1000);
    await znodes.transact(part.map((index) => ({ op: "create", path: path(index), data })));
  }
  const query = { include: "data,stat" };
  const answer = await http.fetch("GET", `/v1/children${root}`, { query, ...lines });
  const zxid = Number(answer.headers.get("zxid"));
  const reader = createInterface({ input: Readable.fromWeb(answer.body as never) })[Symbol.asyncIterator]();
  const seen = [(await reader.next()).value as string];
  for (let from = 0; from < indexes.length; from += 1000) {
    const part = indexes.slice(from, from + 1000);
    await znodes.transact(
      part.map((index) =>
        index % 3 === 0
          ? { op: "set", path: path(index), data: "new" }
          : index % 3 === 1
            ? { op: "delete", path: path(index) }
            : { op: "create", path: `${path(index)}-new` },
      ),
    );
  }
  for (let line = await reader.next(); line.done !== true; line = await reader.next()) seen.push(line.value);
  const shown = seen.map((line) => JSON.parse(line) as Read);
  expect(shown.map((znode) => znode.path)).toEqual(indexes.map(path));
  expect(shown.every((znode) => znode.data === data && znode.stat.mzxid <= zxid)).toBe(true);
  expect((await http.get(`/v1/children${root}`, { query: { limit: 1 } })).zxid).toBeGreaterThan(zxid);
});

test("what cannot be listed so is refused", async ({ http, root, znodes }) => {
  await plant(znodes, root);
  const url = `/v1/tree${root}`;
  const refused = async (query: string, headers = {}) => http.get(url, { query, headers });
  expectProblem(await http.get(`${url}/none`), 404, "no_node");
  expectProblem(await http.get(`${url}/none`, lines), 404, "no_node");
  expectProblem(await refused("", { accept: "text/html" }), 406, "not_acceptable");
  expectProblem(await refused("limit=5", lines.headers), 400, "bad_request");
  expectProblem(await http.get(`/v1/children${root}`, { query: "limit=5", ...lines }), 400, "bad_request");
  expectProblem(
    await http.get(`/v1/children${root}`, { headers: { accept: "text/html" } }),
    406,
    "not_acceptable",
  );
  for (const query of [
    "limit=0",
    "limit=10001",
    "depth=-1",
    "depth=x",
    "include=all",
    "include=stat,",
    "x=1",
  ])
    expectProblem(await refused(query), 400, "bad_request");
  for (const after of ["/elsewhere", `${root}x`])
    expectProblem(await refused(`after=${after}`), 400, "bad_request");
  expectProblem(await refused(`depth=1&after=${root}/a/b`), 400, "bad_request");
  expectProblem(await refused("after=a"), 400, "bad_path");
});

test("a HEAD of lines has their headers and no body", async ({ http, root }) => {
  const answer = expectStatus(await http.request("HEAD", `/v1/tree${root}`, lines), 200);
  expect([answer.header("content-type"), answer.bytes.byteLength]).toEqual(["application/x-ndjson", 0]);
});
