// What a batch gets from a server that is full: a queue with little room, an answer with little room, a full disk.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test as processTest } from "../support/process.ts";
import { test } from "./server-fixture.ts";

interface Entry {
  readonly status: number;
  readonly code?: string;
  readonly [member: string]: unknown;
}

async function send(http: Http, operations: readonly object[]): Promise<Entry[]> {
  const answer = await http.post("/v1/batch", { json: { operations } });
  expect(answer.status).toBe(200);
  return answer.json<{ results: Entry[] }>().results;
}

processTest(
  "a write that finds the queue full is 429 by itself, and did not happen [L1, R1]",
  async ({ start }) => {
    const http = new Http((await start("--queue-commands-max", "20")).url);
    const creates = Array.from({ length: 25 }, (_, index) => ({ op: "create", path: `/${index}` }));
    const [list, ...entries] = await send(http, [{ op: "children", path: "/" }, ...creates]);
    const done = entries.flatMap(({ status }, index) => (status === 201 ? [`${index}`] : []));
    expect(done).toEqual(Array.from({ length: 10 }, (_, index) => `${index}`));
    for (const entry of entries.slice(10)) {
      expect(entry).toMatchObject({ status: 429, code: "throttled", retryAfterSeconds: 1 });
    }
    expect(list).toMatchObject({ status: 200, children: done.toSorted() });
    expect((await send(http, creates.slice(10, 20))).map(({ status }) => status)).toEqual(
      Array(10).fill(201),
    );
  },
);

processTest(
  "the reads of a batch have as much room as the setting says, and no more [R1]",
  async ({ start }) => {
    const http = new Http((await start("--batch-read-bytes-max", "1KiB")).url);
    await http.post("/v1/znodes/a", { body: "x".repeat(300) });
    await http.post("/v1/znodes/b", { body: "x".repeat(2000) });
    const get = (path: string) => ({ op: "get", path });
    const operations = [
      get("/a"),
      get("/b"),
      get("/a"),
      { op: "exists", path: "/a" },
      { op: "delete", path: "/a" },
    ];
    expect((await send(http, operations.slice(0, 4))).map(({ status }) => status)).toEqual([
      200, 413, 413, 413,
    ]);
    const entries = await send(http, operations.toReversed());
    expect(entries.map(({ status }) => status)).toEqual([204, 404, 404, 413, 413]);
    expect(entries[3]).toMatchObject({ code: "too_large", limit: "batchReadBytesMax", limitValue: 1024 });
  },
);

test("a batch on a full disk is read, and deletes, and writes nothing [R1]", async ({ http, keeper }) => {
  await keeper.create("/a");
  await keeper.create("/b");
  keeper.log.injectFault("notAppended");
  expect((await http.put("/v1/znodes/a")).status).toBe(503);
  const operations = [
    { op: "create", path: "/c" },
    { op: "set", path: "/a" },
    { op: "check", path: "/a" },
    { op: "delete", path: "/b" },
    { op: "get", path: "/a" },
  ];
  const entries = await send(http, operations);
  expect(entries.map(({ status }) => status)).toEqual([503, 503, 503, 204, 200]);
  expect(entries[0]).toMatchObject({ code: "read_only", retryAfterSeconds: 5 });
  expect(keeper.children("/")).toEqual(["a"]);
});

test("a batch makes as few entries of the log as its writes fit into [R1]", async ({ http, keeper }) => {
  const creates = Array.from({ length: 1000 }, (_, index) => ({ op: "create", path: `/${index}` }));
  const before = await keeper.log.tail();
  await send(http, creates);
  expect([keeper.store.zxid, (await keeper.log.tail()) - before]).toEqual([1000, 1]);
});
