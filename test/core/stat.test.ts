// What a znode's stat says, and what moves which part of it.

import { expect } from "vitest";
import { type Stat, statOf, statText } from "../../src/core/tree/stat.ts";
import type { Keeper } from "../support/keeper.ts";
import {
  bytes,
  ephemeral,
  ephemeralSequential,
  plain,
  refusal,
  sequential,
  test,
} from "../support/keeper.ts";

/** The fields of P's stat that differ once the work is done. */
async function moved(keeper: Keeper, path: string, work: () => Promise<unknown>): Promise<(keyof Stat)[]> {
  const before = keeper.stat(path);
  await keeper.clock.advance(1000);
  await work();
  const after = keeper.stat(path);
  return (Object.keys(after) as (keyof Stat)[]).filter((field) => after[field] !== before[field]);
}

test("a new znode's numbers are its own transaction's, the rest is 0 [S1, S5]", async ({ keeper }) => {
  await keeper.create("/before");
  const { stat } = await keeper.create("/a", plain, "hello");
  const timeMs = keeper.clock.wallMs();
  expect(stat).toEqual({
    ...{
      czxid: 2,
      mzxid: 2,
      pzxid: 2,
      ctimeMs: timeMs,
      mtimeMs: timeMs,
      version: 0,
      cversion: 0,
      aversion: 0,
    },
    ...{ ephemeralOwner: null, dataLength: 5, numChildren: 0 },
  });
});

test("czxid and ctime never change [S1]", async ({ keeper }) => {
  const { stat } = await keeper.create("/a");
  await keeper.clock.advance(1000);
  await keeper.set("/a", "x");
  await keeper.create("/a/b");
  await keeper.delete("/a/b");
  expect(keeper.stat("/a")).toMatchObject({ czxid: stat.czxid, ctimeMs: stat.ctimeMs });
});

test("a set moves mzxid, mtime, version and length, and nothing of the parent [S2, S3, S5]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  await keeper.create("/a/b");
  expect(await moved(keeper, "/a/b", () => keeper.set("/a/b", "xyz"))).toEqual([
    "mzxid",
    "mtimeMs",
    "version",
    "dataLength",
  ]);
  expect(await moved(keeper, "/a", () => keeper.set("/a/b", "more"))).toEqual([]);
});

test("a child that comes or goes moves pzxid, cversion and count, a grandchild none [S2, S3, S7]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  expect(keeper.stat("/a").pzxid).toBe(keeper.stat("/a").czxid);
  const ofChildren = ["pzxid", "cversion", "numChildren"];
  expect(await moved(keeper, "/a", () => keeper.create("/a/b"))).toEqual(ofChildren);
  expect(await moved(keeper, "/a", () => keeper.create("/a/b/c"))).toEqual([]);
  expect(await moved(keeper, "/a", () => keeper.delete("/a/b/c"))).toEqual([]);
  expect(await moved(keeper, "/a", () => keeper.delete("/a/b"))).toEqual(ofChildren);
  expect(keeper.stat("/a").pzxid).toBe(keeper.store.zxid);
});

test("a set with equal bytes counts like any other [S5]", async ({ keeper }) => {
  await keeper.create("/a", plain, "same");
  await keeper.set("/a", "same");
  expect((await keeper.set("/a", "same")).version).toBe(2);
  expect(keeper.stat("/a").mzxid).toBe(3);
});

test("versions go on beyond 32 bits [S6]", async ({ keeper }) => {
  await keeper.create("/a");
  const znode = keeper.state.tree.get("/a");
  if (znode === undefined) throw new Error("/a is not there");
  keeper.state.tree.replace({ ...znode, version: 2_147_483_647 });
  expect((await keeper.set("/a", "", 2_147_483_647)).version).toBe(2_147_483_648);
  expect((await keeper.set("/a", "", 2_147_483_648)).version).toBe(2_147_483_649);
});

test("cversion counts children that came and children that went [S7]", async ({ keeper }) => {
  await keeper.create("/a");
  for (const name of ["x", "y", "z"]) await keeper.create(`/a/${name}`);
  await keeper.delete("/a/y");
  expect(keeper.stat("/a")).toMatchObject({ cversion: 4, numChildren: 2 });
});

test("dataLength is in bytes, numChildren counts children alone [S8]", async ({ keeper }) => {
  await keeper.create("/a", plain, "äöü€");
  for (const path of ["/a/b", "/a/c", "/a/b/d", "/a/b/d/e"]) await keeper.create(path);
  expect(keeper.stat("/a")).toMatchObject({ dataLength: 9, numChildren: 2 });
  await keeper.set("/a", "");
  expect(keeper.stat("/a").dataLength).toBe(0);
});

test("all operations of a transaction share the wall clock, which does not go back [S9]", async ({
  keeper,
}) => {
  const create = { type: "create", data: bytes(""), mode: plain } as const;
  await keeper.multi([
    { ...create, path: "/a" },
    { ...create, path: "/b" },
  ]);
  const timeMs = keeper.clock.wallMs();
  expect([keeper.stat("/a").ctimeMs, keeper.stat("/b").mtimeMs]).toEqual([timeMs, timeMs]);
  keeper.clock.jumpWallClock(-60_000);
  expect((await keeper.set("/a", "x")).mtimeMs).toBe(timeMs);
  await keeper.clock.advance(60_001);
  expect((await keeper.set("/a", "y")).mtimeMs).toBe(timeMs + 1);
  expect(keeper.stat("/a").mzxid).toBeGreaterThan(keeper.stat("/a").czxid);
});

test("a result in a transaction has the stat right after its operation [S10]", async ({ keeper }) => {
  const path = "/a";
  const results = await keeper.multi([
    { type: "create", path, data: bytes(""), mode: plain },
    { type: "setData", path, data: bytes("one"), version: 0 },
    { type: "create", path: "/a/b", data: bytes(""), mode: plain },
    { type: "check", path, version: 1 },
    { type: "setData", path, data: bytes("three"), version: 1 },
  ]);
  const seen = results.map(({ stat }) => [stat?.version, stat?.dataLength, stat?.numChildren, stat?.mzxid]);
  expect(seen).toEqual([
    [0, 0, 0, 1],
    [1, 3, 0, 1],
    [0, 0, 0, 1],
    [1, 3, 1, 1],
    [2, 5, 1, 1],
  ]);
});

test("made again, a znode starts anew; its tag tells the incarnations apart [S11]", async ({ keeper }) => {
  const first = (await keeper.create("/a")).stat;
  await keeper.delete("/a");
  const second = (await keeper.create("/a")).stat;
  expect(second).toMatchObject({ version: 0, cversion: 0, czxid: 3, pzxid: 3 });
  const set = { type: "setData", path: "/a", data: bytes("x") } as const;
  const stale = { czxid: first.czxid, version: first.version };
  expect(await refusal(keeper.store.submit({ ...set, ifMatch: [stale] }))).toBe("bad_version");
  expect(await refusal(keeper.store.submit({ ...set, ifMatch: [] }))).toBe("bad_version");
  const current = { czxid: second.czxid, version: second.version };
  const { outcome } = await keeper.store.submit({ ...set, version: 0, ifMatch: [stale, current] });
  expect(outcome.stat.version).toBe(1);
});

test("session ids are text of 16 hex digits, beyond 2^53 too, and come back as they are [S12]", async ({
  keeper,
}) => {
  const sessionId = "7fffffffffffffff";
  await keeper.store.submit({ type: "openSession", sessionId, tokenHash: "", timeoutMs: 1000, name: "" });
  expect((await keeper.create("/e", ephemeral, "", { sessionId })).stat.ephemeralOwner).toBe(sessionId);
  const text = keeper.applied.at(-1)?.message?.events[0]?.tail;
  expect(text).toContain('"ephemeralOwner":"7fffffffffffffff"');
});

test("what a znode was made with stays in its stat [S1]", async ({ keeper }) => {
  const { path } = await keeper.create("/n-", sequential);
  await keeper.create("/t", { kind: "persistent", sequential: false, ttlMs: 5 });
  await keeper.create("/c", { kind: "container" });
  for (const each of [path, "/t", "/c"]) await keeper.set(each, "x");
  expect(keeper.stat(path).sequence).toBe(0);
  expect(keeper.stat("/t").ttlMs).toBe(5);
  expect(keeper.stat("/c").container).toBe(true);
});

test("the stat as text is the stat as JSON, to the byte, whatever kind the znode is [S1]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/plain", plain, "data");
  await keeper.set("/plain", "more");
  await keeper.create("/plain/n-", { kind: "persistent", sequential: true, ttlMs: 5000 });
  await keeper.create("/container", { kind: "container" });
  await keeper.create("/plain/e-", ephemeralSequential, "", { sessionId });
  for (const znode of keeper.state.tree.values()) {
    expect(statText(znode)).toBe(JSON.stringify(statOf(znode)));
  }
});
