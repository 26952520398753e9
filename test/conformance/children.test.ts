// Listings of children: in order, in pages, with as much of each child as is asked for.

import type { Stat } from "../../src/core/tree/stat.ts";
import { expect, expectProblem, expectStatus, type Read, test, tokenOf, type Znodes } from "./fixture.ts";

interface Page {
  readonly path: string;
  readonly stat: Stat;
  readonly children: string[];
  readonly znodes?: Read[];
  readonly next?: string;
}

async function createAll(znodes: Znodes, root: string, names: readonly string[]): Promise<void> {
  await znodes.transact(names.map((name) => ({ op: "create", path: `${root}/${name}`, data: `of ${name}` })));
}

test("children come in code-unit order with the parent's stat as of the same zxid [O8]", async ({
  http,
  root,
  znodes,
}) => {
  const names = ["b", "a", "B", "10", "9", "é", "z", "~", "_", "aa", "a b"];
  await createAll(znodes, root, names);
  const answer = expectStatus(await http.get(`/v1/children${root}`), 200);
  const { children, path, stat, next } = answer.json<Page>();
  expect({ children, path, next }).toEqual({ children: names.toSorted(), path: root, next: undefined });
  expect(stat).toEqual(await znodes.stat(root));
  expect(stat.numChildren).toBe(names.length);
});

test("a listing has no grandchildren, and an empty one is a listing too [O8, S8]", async ({
  http,
  root,
  znodes,
}) => {
  expect((await http.get(`/v1/children${root}`)).json<Page>().children).toEqual([]);
  await znodes.create(`${root}/a/b/c`, "", { query: "parents=true" });
  expect((await http.get(`/v1/children${root}`)).json<Page>().children).toEqual(["a"]);
  expectProblem(await http.get(`/v1/children${root}/none`), 404, "no_node");
});

test("pages follow each other by next, without gap or repetition [O8]", async ({ http, root, znodes }) => {
  const names = Array.from({ length: 23 }, (_, index) => `n${String(index).padStart(3, "0")}`);
  await createAll(znodes, root, names);
  const pages: string[][] = [];
  let after: string | undefined;
  do {
    const query = { limit: 5, ...(after !== undefined && { after }) };
    const page: Page = (await http.get(`/v1/children${root}`, { query })).json<Page>();
    pages.push(page.children);
    after = page.next;
    // A sibling that comes and goes meanwhile moves nobody else.
    await znodes.create(`${root}/a-sibling`);
    await znodes.delete(`${root}/a-sibling`);
  } while (after !== undefined);
  expect(pages.map((page) => page.length)).toEqual([5, 5, 5, 5, 3]);
  expect(pages.flat()).toEqual(names);
});

test("a page that ends with the last child has no next", async ({ http, root, znodes }) => {
  await createAll(znodes, root, ["a", "b", "c"]);
  const page = (await http.get(`/v1/children${root}`, { query: "limit=3" })).json<Page>();
  expect([page.children, page.next]).toEqual([["a", "b", "c"], undefined]);
  const beyond = (await http.get(`/v1/children${root}`, { query: "after=x" })).json<Page>();
  expect([beyond.children, beyond.next]).toEqual([[], undefined]);
  const between = (await http.get(`/v1/children${root}`, { query: "after=aa&limit=1" })).json<Page>();
  expect([between.children, between.next]).toEqual([["b"], "b"]);
});

test("prefix narrows the listing, alone and with a cursor", async ({ http, root, znodes }) => {
  await createAll(znodes, root, ["a", "lock-1", "lock-2", "lock-3", "lock", "locket", "z"]);
  const list = async (query: string) =>
    (await http.get(`/v1/children${root}`, { query })).json<Page>().children;
  expect(await list("prefix=lock-")).toEqual(["lock-1", "lock-2", "lock-3"]);
  expect(await list("prefix=lock-&after=lock-1")).toEqual(["lock-2", "lock-3"]);
  expect(await list("prefix=lock-&after=a")).toEqual(["lock-1", "lock-2", "lock-3"]);
  expect(await list("prefix=lock-&after=z")).toEqual([]);
  expect(await list("prefix=lock&limit=2")).toEqual(["lock", "lock-1"]);
  expect(await list("prefix=none")).toEqual([]);
});

test("include adds stat and data of each child, beside the names", async ({ http, root, znodes }) => {
  await createAll(znodes, root, ["a", "b"]);
  const stats = [await znodes.stat(`${root}/a`), await znodes.stat(`${root}/b`)];
  const list = async (include: string) =>
    (await http.get(`/v1/children${root}`, { query: { include } })).json<Page>();
  const [a, b] = [
    { path: `${root}/a`, data: "of a" },
    { path: `${root}/b`, data: "of b" },
  ];
  expect((await list("data")).znodes).toEqual([a, b]);
  expect((await list("stat")).znodes).toEqual([
    { path: a.path, stat: stats[0] },
    { path: b.path, stat: stats[1] },
  ]);
  for (const both of ["stat,data", "data,stat"]) {
    const { children, znodes: included } = await list(both);
    expect(children).toEqual(["a", "b"]);
    expect(included).toEqual([
      { ...a, stat: stats[0] },
      { ...b, stat: stats[1] },
    ]);
  }
  expect((await http.get(`/v1/children${root}`)).json<Page>().znodes).toBeUndefined();
});

test("a page with data ends early rather than grow without bound", async ({ http, root, znodes }) => {
  for (let index = 0; index < 6; index += 1) await znodes.create(`${root}/n${index}`, "x".repeat(1_000_000));
  const names: string[] = [];
  let pages = 0;
  for (let after: string | undefined = ""; after !== undefined; pages += 1) {
    const query = { include: "data", ...(after !== "" && { after }) };
    const page: Page = (await http.get(`/v1/children${root}`, { query })).json<Page>();
    names.push(...page.children);
    expect(page.next).toBe(names.length < 6 ? page.children.at(-1) : undefined);
    after = page.next;
  }
  expect(names).toEqual(["n0", "n1", "n2", "n3", "n4", "n5"]);
  expect(pages).toBeGreaterThan(1);
});

test("a listing renews the session whose token it carries, and refuses one that is gone [N7, N12]", async ({
  http,
  root,
  openSession,
}) => {
  const session = await openSession();
  expect((await http.get(`/v1/children${root}`, tokenOf(session))).status).toBe(200);
  await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  expectProblem(await http.get(`/v1/children${root}`, tokenOf(session)), 410, "session_expired");
});
