// Transactions of several operations: all or nothing, each seeing the one before, and what is said of a
// refusal.

import { expect } from "vitest";
import type { Check, Create, Delete, Increment, Operation, SetData } from "../../src/core/command.ts";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { bytes, ephemeral, plain, refusal, sequential, test } from "../support/keeper.ts";

const create = (path: string, data = ""): Create => ({
  type: "create",
  path,
  data: bytes(data),
  mode: plain,
});
const set = (path: string, data: string, version?: number): SetData => ({
  type: "setData",
  path,
  data: bytes(data),
  ...(version !== undefined && { version }),
});
const remove = (path: string, version?: number): Delete => ({
  type: "delete",
  path,
  ...(version !== undefined && { version }),
});
const check = (path: string, stated: Partial<Check> = {}): Check => ({ type: "check", path, ...stated });
const increment = (path: string, by: number): Increment => ({ type: "increment", path, by });

test("an operation sees what those before it did [M2]", async ({ keeper }) => {
  const results = await keeper.multi([create("/m"), set("/m", "1", 0), set("/m", "2", 1), remove("/m", 2)]);
  expect(results.map(({ op, path }) => [op, path])).toEqual([
    ["create", "/m"],
    ["set", "/m"],
    ["set", "/m"],
    ["delete", "/m"],
  ]);
  expect(keeper.exists("/m")).toBe(false);
});

test("a subtree is built and taken down in one transaction [M2]", async ({ keeper }) => {
  await keeper.multi([
    ...[create("/a"), create("/a/b"), create("/a/b/c")],
    ...[remove("/a/b/c"), remove("/a/b"), remove("/a")],
  ]);
  expect(keeper.stat("/")).toMatchObject({ numChildren: 0, cversion: 2, pzxid: 1 });
});

test("the first refusal undoes all of it [M2]", async ({ keeper }) => {
  await keeper.create("/a", plain, "before");
  const before = keeper.stat("/");
  const attempt = keeper.multi([create("/x"), set("/a", "after"), create("/x/y"), remove("/x")]);
  expect(await refusal(attempt)).toBe("not_empty");
  expect(keeper.children("/")).toEqual(["a"]);
  expect(keeper.data("/a")).toBe("before");
  expect(keeper.stat("/")).toEqual(before);
});

test("a refusal says the fate of each operation, and which was the first to fail [M3, M4]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  const operations = [create("/b"), check("/a"), set("/a", "", 7), remove("/missing"), create("/a")];
  await expect(keeper.multi(operations)).rejects.toMatchObject({
    code: "bad_version",
    details: {
      failedOperation: 2,
      path: "/a",
      results: [
        { code: "rolled_back" },
        { code: "rolled_back" },
        { code: "bad_version" },
        { code: "not_evaluated" },
        { code: "not_evaluated" },
      ],
    },
  });
});

const noSession: Create = { ...create("/e"), mode: ephemeral };
const noTtl: Create = { ...create("/t"), mode: { kind: "persistent", sequential: false, ttlMs: 0 } };
const tooLarge = create("/l", "x".repeat(defaultLimits.dataBytesMax + 1));

test.for<[string, Operation]>([
  ["bad_path", remove("/a/")],
  ["bad_path", create("")],
  ["session_required", noSession],
  ["bad_ttl", noTtl],
  ["too_large", tooLarge],
])(
  "a malformed operation fails the transaction as any other does: %s [M5]",
  async ([code, operation], { keeper }) => {
    await expect(keeper.multi([create("/b"), operation, create("/c")])).rejects.toMatchObject({
      code,
      details: {
        failedOperation: 1,
        results: [{ code: "rolled_back" }, { code }, { code: "not_evaluated" }],
      },
    });
    expect(keeper.store.zxid).toBe(0);
  },
);

test("no operations are done at once, with no results and no number [M6]", async ({ keeper }) => {
  await keeper.create("/a");
  expect(await keeper.store.submit({ type: "multi", operations: [] })).toEqual({
    zxid: 1,
    outcome: { results: [] },
  });
  expect(keeper.applied).toHaveLength(1);
});

test("a check states existence, absence, version or incarnation, and changes nothing [M7]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  await keeper.set("/a", "x");
  const before = keeper.stat("/a");
  const right = [
    check("/a"),
    check("/a", { exists: true }),
    check("/a", { version: -1 }),
    check("/a", { version: 1 }),
    check("/a", { czxid: 1, version: 1 }),
    check("/missing", { exists: false }),
  ];
  const { zxid, outcome } = await keeper.store.submit({ type: "multi", operations: right });
  expect(outcome.results.map(({ stat }) => stat)).toEqual([
    before,
    before,
    before,
    before,
    before,
    undefined,
  ]);
  expect(zxid).toBe(2);
  expect(keeper.stat("/a")).toEqual(before);
  expect(keeper.applied).toHaveLength(2);
});

test.for<[string, Check, string]>([
  ["existence", check("/missing"), "no_node"],
  ["absence", check("/a", { exists: false }), "node_exists"],
  ["the version", check("/a", { version: 0 }), "bad_version"],
  ["the version of what is not there", check("/missing", { version: 0 }), "no_node"],
  ["the incarnation", check("/a", { czxid: 2 }), "bad_version"],
])("a check that is wrong about %s stops the transaction [M7]", async ([, wrong, code], { keeper }) => {
  await keeper.create("/a");
  expect(await refusal(keeper.multi([set("/a", "x"), create("/b"), wrong]))).toBe(code);
  expect(keeper.stat("/a").version).toBe(0);
});

test("a refused transaction leaves nothing that is noticed later [M8]", async ({ keeper }) => {
  await keeper.create("/p");
  await keeper.create("/p/child");
  const digest = Digest.of(keeper.state).toString();
  const numbered: Create = { ...create("/p/n-"), mode: sequential };
  const operations = [numbered, set("/p", "x"), remove("/p/n-0000000001"), remove("/p")];
  expect(await refusal(keeper.multi(operations))).toBe("not_empty");
  expect(Digest.of(keeper.state).toString()).toBe(digest);
  expect(keeper.applied).toHaveLength(2);
  await keeper.delete("/p/child");
  const results = await keeper.multi(operations);
  expect(results[0]?.path).toBe("/p/n-0000000001");
  expect(keeper.exists("/p")).toBe(false);
});

test("each operation is an event, in order, none merged with another [M10]", async ({ keeper }) => {
  await keeper.multi([create("/x", "1"), set("/x", "2"), set("/x", "2"), check("/x"), remove("/x")]);
  expect(keeper.applied).toHaveLength(1);
  const events = keeper.applied[0]?.message?.events.map(({ type, path, data }) => [type, path, data]);
  expect(events).toEqual([
    ["created", "/x", ',"data":"1"'],
    ["changed", "/x", ',"data":"2"'],
    ["changed", "/x", ',"data":"2"'],
    ["deleted", "/x", ""],
  ]);
});

test("a transaction is judged by what those before it left [M11]", async ({ keeper }) => {
  await keeper.create("/q");
  const numbered: Create = { ...create("/q/n-"), mode: sequential };
  const attempts = Array.from({ length: 4 }, () => keeper.multi([numbered, create("/q/same")]));
  const outcomes = await Promise.allSettled(attempts);
  expect(outcomes[0]?.status).toBe("fulfilled");
  for (const outcome of outcomes.slice(1)) {
    expect(outcome).toMatchObject({
      status: "rejected",
      reason: { code: "node_exists", details: { failedOperation: 1 } },
    });
  }
  expect((await keeper.create("/q/n-", sequential)).path).toBe("/q/n-0000000002");
});

test("a transaction has at most 1000 operations [M12]", async ({ keeper }) => {
  const { operationsMax } = defaultLimits;
  const creates = Array.from({ length: operationsMax + 1 }, (_, index) => create(`/${index}`));
  await expect(keeper.multi(creates)).rejects.toMatchObject({
    code: "too_many_operations",
    details: { limit: "operationsMax", limitValue: 1000, size: 1001 },
  });
  await keeper.multi(creates.slice(1));
  expect(keeper.stat("/").numChildren).toBe(1000);
});

test("for a session that is gone a transaction is refused as a whole, without fates [M13]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  await keeper.closeSession(sessionId);
  const operations = [create("/a"), { ...create("/e"), mode: ephemeral }];
  const error: unknown = await keeper.multi(operations, { sessionId }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "session_expired", details: {} });
  expect(error).not.toHaveProperty("details.failedOperation");
  expect(keeper.exists("/a")).toBe(false);
});

test("an increment adds to a decimal text, and empty counts as 0", async ({ keeper }) => {
  await keeper.create("/n");
  const results = await keeper.multi([increment("/n", 5), increment("/n", -7), increment("/n", 0)]);
  expect(results.map(({ value }) => value)).toEqual(["5", "-2", "-2"]);
  expect(keeper.data("/n")).toBe("-2");
  expect(keeper.stat("/n").version).toBe(3);
});

test.for(["x", "1.5", "1e3", " 1", "0x10", "9007199254740992", "1".repeat(40), "--1", "-"])(
  "%j is not a number to add to",
  async (text, { keeper }) => {
    await keeper.create("/n", plain, text);
    expect(await refusal(keeper.multi([increment("/n", 1)]))).toBe("bad_request");
    expect(keeper.data("/n")).toBe(text);
  },
);

test("an increment stays within 2^53-1, to the number", async ({ keeper }) => {
  await keeper.create("/n", plain, "9007199254740990");
  expect((await keeper.multi([increment("/n", 1)]))[0]?.value).toBe("9007199254740991");
  expect(await refusal(keeper.multi([increment("/n", 1)]))).toBe("bad_request");
  expect(await refusal(keeper.multi([increment("/n", 0.5)]))).toBe("bad_request");
  expect(await refusal(keeper.multi([increment("/missing", 1)]))).toBe("no_node");
});
