// Quotas: what they count, what they refuse, and that nothing but a write that grows past them is refused.

import { expect } from "vitest";
import type { Create, Operation } from "../../src/core/command.ts";
import { exceededLimits, type Quota, type QuotaLimits } from "../../src/core/quotas/quota.ts";
import type { WriteContext } from "../../src/core/write-context.ts";
import {
  bytes,
  container,
  ephemeral,
  type Keeper,
  plain,
  refusal,
  sequential,
  test,
} from "../support/keeper.ts";

async function setQuota(keeper: Keeper, path: string, limits: QuotaLimits, options: WriteContext = {}) {
  return (await keeper.store.submit({ type: "setQuota", path, limits, ...options })).outcome;
}

async function deleteQuota(keeper: Keeper, path: string, options: WriteContext = {}) {
  return await keeper.store.submit({ type: "deleteQuota", path, ...options });
}

function quotaOf(keeper: Keeper, path: string): Quota {
  const quota = keeper.state.quotas.get(path);
  if (quota === undefined) throw new Error(`${path} has no quota`);
  return quota;
}

/** Znodes and bytes, as the quota counts them. */
function usageOf(keeper: Keeper, path: string): [count: number, bytes: number] {
  const { count, bytes: size } = quotaOf(keeper, path);
  return [count, size];
}

const create = (path: string, data = ""): Create => ({
  type: "create",
  path,
  data: bytes(data),
  mode: plain,
});

test("a quota has the limits it was given last, and no others [U1]", async ({ keeper }) => {
  await keeper.create("/a");
  const limits = { countSoft: 0, countHard: 3, bytesSoft: 4, bytesHard: Number.MAX_SAFE_INTEGER };
  expect(await setQuota(keeper, "/a", limits)).toMatchObject({ created: true, quota: { limits } });
  expect(await setQuota(keeper, "/a", { bytesSoft: 9 })).toMatchObject({ created: false });
  expect(quotaOf(keeper, "/a")).toEqual({ path: "/a", limits: { bytesSoft: 9 }, count: 1, bytes: 0 });
});

test.for<QuotaLimits>([{}, { countHard: -1 }, { bytesSoft: 1.5 }, { countSoft: 2 ** 53 }])(
  "limits that are none are refused: %j [U1]",
  async (limits, { keeper }) => {
    await keeper.create("/a");
    expect(await refusal(setQuota(keeper, "/a", limits))).toBe("bad_request");
    expect(keeper.store.zxid).toBe(1);
  },
);

test("a quota counts what was there before it, and nothing once it is deleted [U2]", async ({ keeper }) => {
  await keeper.create("/a", plain, "12");
  await keeper.create("/a/b", plain, "345");
  await setQuota(keeper, "/a", { countHard: 2 });
  expect(usageOf(keeper, "/a")).toEqual([2, 5]);
  expect(await refusal(keeper.create("/a/c"))).toBe("quota_exceeded");
  await deleteQuota(keeper, "/a");
  await keeper.create("/a/c");
  expect(await refusal(deleteQuota(keeper, "/a"))).toBe("no_node");
});

test("it counts the znodes from its root down, the root included, and the bytes of their data [U3]", async ({
  keeper,
}) => {
  await keeper.create("/a", plain, "1234");
  await setQuota(keeper, "/a", { countSoft: 9 });
  expect(usageOf(keeper, "/a")).toEqual([1, 4]);
  await keeper.create("/a/a-very-long-name", plain, "é€");
  await keeper.create("/a/a-very-long-name/b", container);
  expect(usageOf(keeper, "/a")).toEqual([3, 9]);
  await keeper.set("/a/a-very-long-name", "1");
  expect(usageOf(keeper, "/a")).toEqual([3, 5]);
  await keeper.delete("/a/a-very-long-name/b");
  expect(usageOf(keeper, "/a")).toEqual([2, 5]);
});

test("a path counts in the quota above it by whole segments, the quota's own path included [U4]", async ({
  keeper,
}) => {
  await keeper.multi([create("/a"), create("/ab"), create("/a/b")]);
  await setQuota(keeper, "/a", { countHard: 2, bytesHard: 0 });
  await keeper.create("/ab/c", plain, "x");
  await keeper.create("/a-b", plain, "x");
  expect(await refusal(keeper.set("/a", "x"))).toBe("quota_exceeded");
  expect(await refusal(keeper.create("/a/c"))).toBe("quota_exceeded");
  expect(await refusal(keeper.create("/a/b/c"))).toBe("quota_exceeded");
  expect(usageOf(keeper, "/a")).toEqual([2, 0]);
});

test("quotas do not nest, and each stands on a znode that is there and is not the root [U4]", async ({
  keeper,
}) => {
  await keeper.multi(["/a", "/a/b", "/a/b/c", "/a/bc", "/a-b"].map((path) => create(path)));
  await setQuota(keeper, "/a/b", { countHard: 5 });
  const attempt = (path: string) => setQuota(keeper, path, { countHard: 5 });
  for (const path of ["/a", "/a/b/c"]) {
    await expect(attempt(path)).rejects.toMatchObject({ code: "quota_nested", details: { path: "/a/b" } });
  }
  expect(await refusal(attempt("/missing"))).toBe("no_node");
  expect(await refusal(attempt("/a/b/missing"))).toBe("no_node");
  expect(await refusal(attempt("/"))).toBe("reserved_path");
  expect(await refusal(attempt("/a/"))).toBe("bad_path");
  for (const path of ["/a/bc", "/a-b"]) await attempt(path);
  expect([...keeper.state.quotas.from("")].map(({ path }) => path)).toEqual(["/a-b", "/a/b", "/a/bc"]);
  await deleteQuota(keeper, "/a/b");
  await attempt("/a/b/c");
});

test("a soft limit is shown when it is passed, and only a hard one refuses [U5]", async ({ keeper }) => {
  await keeper.create("/a", plain, "1234");
  await setQuota(keeper, "/a", { countSoft: 1, bytesSoft: 4, countHard: 3, bytesHard: 6 });
  expect(exceededLimits(quotaOf(keeper, "/a"))).toEqual([]);
  await keeper.create("/a/b", plain, "5");
  expect(exceededLimits(quotaOf(keeper, "/a"))).toEqual(["countSoft", "bytesSoft"]);
  await setQuota(keeper, "/a", { countSoft: 0, countHard: 1, bytesSoft: 0, bytesHard: 4 });
  const all = ["countSoft", "countHard", "bytesSoft", "bytesHard"];
  expect(exceededLimits(quotaOf(keeper, "/a"))).toEqual(all);
  expect(await refusal(keeper.create("/a/c"))).toBe("quota_exceeded");
});

test("what does not change a size is done above its limit too; what shrinks and stays above is not [U6]", async ({
  keeper,
}) => {
  await keeper.create("/a", plain, "12345678");
  await keeper.create("/a/b", plain, "1");
  await setQuota(keeper, "/a", { bytesHard: 6 });
  await keeper.set("/a", "same len");
  await keeper.create("/a/empty");
  expect(await refusal(keeper.set("/a", "123456"))).toBe("quota_exceeded");
  await keeper.set("/a", "12345");
  expect(usageOf(keeper, "/a")).toEqual([3, 6]);
  await setQuota(keeper, "/a", { countHard: 1 });
  await keeper.set("/a/b", "longer than before");
});

test("deletions are never measured, whatever the limits [U6]", async ({ keeper }) => {
  await keeper.multi([create("/a", "x"), create("/a/b", "x"), create("/a/c", "x"), create("/a/c/d", "x")]);
  await setQuota(keeper, "/a", { countHard: 0, bytesHard: 0 });
  await keeper.delete("/a/b");
  await keeper.multi([{ type: "delete", path: "/a/c/d" }]);
  expect(usageOf(keeper, "/a")).toEqual([2, 2]);
  await keeper.store.submit({ type: "deleteTree", path: "/a/c" });
  expect(usageOf(keeper, "/a")).toEqual([1, 1]);
});

test("exactly the limit is allowed, one more is not, and znodes are measured before bytes [U7]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  await setQuota(keeper, "/a", { countHard: 2, bytesHard: 3 });
  await expect(keeper.create("/a/b", plain, "1234")).rejects.toMatchObject({
    code: "quota_exceeded",
    message: expect.stringMatching(/ 3 bytes .* 4; .* bytesHard\.$/),
    details: { path: "/a", limit: "bytesHard", limitValue: 3, size: 4 },
  });
  await keeper.create("/a/b", plain, "123");
  await expect(keeper.create("/a/c", plain, "1234")).rejects.toMatchObject({
    code: "quota_exceeded",
    details: { path: "/a", limit: "countHard", limitValue: 2, size: 3 },
  });
});

test("a limit below what is there is taken, and stops growth alone [U8]", async ({ keeper }) => {
  await keeper.multi([create("/a"), create("/a/b"), create("/a/c"), create("/a/d")]);
  await setQuota(keeper, "/a", { countHard: 2 });
  expect(await refusal(keeper.create("/a/e"))).toBe("quota_exceeded");
  await keeper.delete("/a/b");
  await keeper.delete("/a/c");
  expect(await refusal(keeper.create("/a/e"))).toBe("quota_exceeded");
  await keeper.delete("/a/d");
  await keeper.create("/a/e");
});

test("counting moves nothing of a znode and tells nobody; setting takes one zxid and tells nobody [U9]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  const before = keeper.stat("/a");
  const set = await keeper.store.submit({ type: "setQuota", path: "/a", limits: { countHard: 9 } });
  expect(set.zxid).toBe(2);
  await keeper.create("/a/b", plain, "x");
  await keeper.set("/a/b", "xyz");
  expect((await deleteQuota(keeper, "/a")).zxid).toBe(5);
  expect(keeper.stat("/a")).toEqual({ ...before, pzxid: 3, cversion: 1, numChildren: 1 });
  const told = keeper.applied.map(({ txn, message }) => [
    txn.zxid,
    message?.events.map(({ type, path }) => `${type} ${path}`),
  ]);
  expect(told).toEqual([
    [1, ["created /a"]],
    [2, undefined],
    [3, ["created /a/b"]],
    [4, ["changed /a/b"]],
    [5, undefined],
  ]);
});

test("in a transaction each operation is measured with those before it [U10]", async ({ keeper }) => {
  await keeper.create("/a");
  await setQuota(keeper, "/a", { bytesHard: 10, countHard: 3 });
  await expect(keeper.multi([create("/a/b", "123456"), create("/a/c", "123456")])).rejects.toMatchObject({
    code: "quota_exceeded",
    details: {
      ...{ failedOperation: 1, path: "/a", limit: "bytesHard", limitValue: 10, size: 12 },
      results: [{ code: "rolled_back" }, { code: "quota_exceeded" }],
    },
  });
  expect(usageOf(keeper, "/a")).toEqual([1, 0]);
  const tooMany = ["/a/b", "/a/c", "/a/d"].map((path) => create(path));
  await expect(keeper.multi(tooMany)).rejects.toMatchObject({ details: { failedOperation: 2, size: 4 } });
  await keeper.multi([create("/a/b", "123456"), create("/a/c", "1234")]);
  expect(usageOf(keeper, "/a")).toEqual([3, 10]);
});

test("what a transaction deletes first makes room for what it makes after, and not before [U10]", async ({
  keeper,
}) => {
  await keeper.multi([create("/a"), create("/a/b", "12345")]);
  await setQuota(keeper, "/a", { countHard: 2, bytesHard: 5 });
  const remove: Operation = { type: "delete", path: "/a/b" };
  await expect(keeper.multi([create("/a/c", "1"), remove])).rejects.toMatchObject({
    code: "quota_exceeded",
    details: { failedOperation: 0 },
  });
  await keeper.multi([remove, create("/a/c", "12345")]);
  const set: Operation = { type: "setData", path: "/a/c", data: bytes("1") };
  await keeper.multi([set, { ...set, path: "/a", data: bytes("1234") }]);
  expect(usageOf(keeper, "/a")).toEqual([2, 5]);
});

test("whatever makes a znode or a value larger is measured [U6, U10]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/a", plain, "99");
  await setQuota(keeper, "/a", { countHard: 2, bytesHard: 2 });
  const upsert = { type: "setData", path: "/a/b", data: bytes("x"), create: "upsert" } as const;
  const attempts: [string, Promise<unknown>][] = [
    ["a missing parent", keeper.store.submit({ ...create("/a/b/c"), parents: true })],
    ["upsert", keeper.store.submit(upsert)],
    ["If-None-Match: *", keeper.store.submit({ ...upsert, create: "only" })],
    ["increment", keeper.multi([{ type: "increment", path: "/a", by: 1 }])],
    ["a numbered name", keeper.create("/a/n-", sequential, "x")],
    ["an ephemeral", keeper.create("/a/e", ephemeral, "x", { sessionId })],
  ];
  for (const [what, attempt] of attempts) expect(await refusal(attempt), what).toBe("quota_exceeded");
  expect(usageOf(keeper, "/a")).toEqual([1, 2]);
  await keeper.multi([{ type: "increment", path: "/a", by: -1 }]);
  await keeper.create("/a/e", ephemeral, "", { sessionId });
  await keeper.closeSession(sessionId);
  expect(usageOf(keeper, "/a")).toEqual([1, 2]);
});

test("the quota is judged last of a create, and of a set before the version [O4]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/a");
  await keeper.create("/a/e", ephemeral, "", { sessionId });
  await setQuota(keeper, "/a", { countHard: 0, bytesHard: 0 });
  expect(await refusal(keeper.create("/a/missing/x"))).toBe("no_node");
  expect(await refusal(keeper.create("/a/e"))).toBe("node_exists");
  expect(await refusal(keeper.create("/a/e/x"))).toBe("ephemeral_parent");
  expect(await refusal(keeper.create("/a/x"))).toBe("quota_exceeded");
  expect(await refusal(keeper.set("/a/missing", "x"))).toBe("no_node");
  expect(await refusal(keeper.set("/a", "x", 7))).toBe("quota_exceeded");
  expect(await refusal(keeper.set("/a", "", 7))).toBe("bad_version");
  expect(await refusal(keeper.multi([{ type: "increment", path: "/a", by: 0.5 }]))).toBe("bad_request");
});

test("a quota goes with its znode, in the same transaction, however the znode goes [U4]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  await keeper.multi([create("/a"), create("/b"), create("/b/c")]);
  await keeper.create("/e", ephemeral, "x", { sessionId });
  for (const path of ["/a", "/b/c", "/e"]) await setQuota(keeper, path, { countHard: 1, bytesHard: 1 });
  await keeper.delete("/a");
  await keeper.store.submit({ type: "deleteTree", path: "/b" });
  await keeper.closeSession(sessionId);
  expect(keeper.state.quotas.size).toBe(0);
  const [last] = keeper.applied.slice(-1);
  expect(last?.txn.changes.map(({ type }) => type)).toContain("quotaDeleted");
  await keeper.create("/a", plain, "more than before");
  await keeper.create("/a/b");
});

test("in one transaction too: what is made again at the path has no quota [U4]", async ({ keeper }) => {
  await keeper.create("/a", plain, "x");
  await setQuota(keeper, "/a", { countHard: 1, bytesHard: 1 });
  const remove: Operation = { type: "delete", path: "/a" };
  expect(await refusal(keeper.multi([remove, create("/a"), create("/a/b"), create("/a")]))).toBe(
    "node_exists",
  );
  expect(usageOf(keeper, "/a")).toEqual([1, 1]);
  await keeper.multi([remove, create("/a"), create("/a/b", "long")]);
  expect(keeper.state.quotas.get("/a")).toBeUndefined();
});

test("the session is judged first, then the fences, then the quota itself [O3]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  const { stat } = await keeper.create("/a");
  const [dead, stale] = [{ sessionId: "00000000000000ff" }, { fences: [{ path: "/a", czxid: 99 }] }];
  const limits = { countHard: 1 };
  for (const path of ["/", "/missing", "/a"]) {
    expect(await refusal(setQuota(keeper, path, limits, { ...dead, ...stale }))).toBe("session_expired");
    expect(await refusal(setQuota(keeper, path, limits, stale))).toBe("fence_stale");
    expect(await refusal(deleteQuota(keeper, path, stale))).toBe("fence_stale");
  }
  const holds = { sessionId, fences: [{ path: "/a", czxid: stat.czxid }] };
  await setQuota(keeper, "/a", limits, holds);
  expect(await refusal(setQuota(keeper, "/a", limits, { fences: [{ path: "//", czxid: 1 }] }))).toBe(
    "bad_path",
  );
  await deleteQuota(keeper, "/a", holds);
});
