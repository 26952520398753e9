// What an operation answers and refuses: the version argument, the order of checks, and fences.

import { expect } from "vitest";
import type { Check, Delete, DeleteTree, Increment, SetData } from "../../src/core/command.ts";
import { bytes, ephemeral, plain, refusal, sequential, test } from "../support/keeper.ts";

const data = bytes("new");

test("a version of -1 is any, every other must be the current one [O3]", async ({ keeper }) => {
  await keeper.create("/a");
  await keeper.set("/a", "x");
  for (const version of [-2, 0, 2, 4_294_967_297]) {
    expect(await refusal(keeper.set("/a", "y", version))).toBe("bad_version");
    expect(await refusal(keeper.delete("/a", version))).toBe("bad_version");
    expect(await refusal(keeper.store.submit({ type: "deleteTree", path: "/a", version }))).toBe(
      "bad_version",
    );
    expect(await refusal(keeper.multi([{ type: "check", path: "/a", version }]))).toBe("bad_version");
  }
  await keeper.multi([{ type: "check", path: "/a", version: -1 }]);
  expect((await keeper.set("/a", "y", -1)).version).toBe(2);
  expect((await keeper.set("/a", "y", 2)).version).toBe(3);
  await keeper.delete("/a", 3);
});

test("a wrong version is answered with the current stat [O3]", async ({ keeper }) => {
  await keeper.create("/a");
  const stat = await keeper.set("/a", "x");
  await expect(keeper.set("/a", "y", 0)).rejects.toMatchObject({
    code: "bad_version",
    details: { path: "/a", stat },
  });
});

test("checks of a create come in their order: session, fence, parent, name, ephemeral parent [O3]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/e", ephemeral, "", { sessionId });
  const dead = { sessionId: "00000000000000ff" };
  const stale = { fences: [{ path: "/e", czxid: 1 }] };
  expect(await refusal(keeper.create("//", plain, "", { ...dead, ...stale }))).toBe("bad_path");
  expect(await refusal(keeper.create("/missing/x", plain, "", { ...dead, ...stale }))).toBe(
    "session_expired",
  );
  expect(await refusal(keeper.create("/missing/x", plain, "", stale))).toBe("fence_stale");
  expect(await refusal(keeper.create("/missing/x"))).toBe("no_node");
  expect(await refusal(keeper.create("/e", plain))).toBe("node_exists");
  expect(await refusal(keeper.create("/e/x", plain))).toBe("ephemeral_parent");
});

test("checks of a delete come in their order: session, fence, root, znode, version, children [O3]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  await keeper.create("/a/b");
  const dead = { sessionId: "00000000000000ff" };
  const stale = { fences: [{ path: "/a", czxid: 7 }] };
  expect(await refusal(keeper.delete("/", 7, { ...dead, ...stale }))).toBe("session_expired");
  expect(await refusal(keeper.delete("/", 7, stale))).toBe("fence_stale");
  expect(await refusal(keeper.delete("/", 7))).toBe("reserved_path");
  expect(await refusal(keeper.delete("/missing/x", 7))).toBe("no_node");
  expect(await refusal(keeper.delete("/missing", 7))).toBe("no_node");
  expect(await refusal(keeper.delete("/a", 7))).toBe("bad_version");
  expect(await refusal(keeper.delete("/a", 0))).toBe("not_empty");
});

test("a fence holds while its znode is of that incarnation, changed or not", async ({ keeper }) => {
  const { czxid } = (await keeper.create("/lock")).stat;
  const fences = [{ path: "/lock", czxid }];
  await keeper.set("/lock", "changed");
  await keeper.create("/a", plain, "", { fences });
  await keeper.delete("/lock");
  expect(await refusal(keeper.set("/a", "late", -1, { fences }))).toBe("fence_stale");
  await keeper.create("/lock");
  expect(await refusal(keeper.set("/a", "late", -1, { fences }))).toBe("fence_stale");
  expect(await refusal(keeper.multi([{ type: "delete", path: "/a" }], { fences }))).toBe("fence_stale");
  const current = [{ path: "/lock", czxid: keeper.stat("/lock").czxid }];
  await keeper.set("/a", "in time", -1, { fences: current });
  expect(await refusal(keeper.set("/a", "", -1, { fences: [...current, ...fences] }))).toBe("fence_stale");
});

test("what does not exist is neither set nor deleted, and says so [O6]", async ({ keeper }) => {
  await expect(keeper.set("/a", "")).rejects.toMatchObject({ code: "no_node", details: { path: "/a" } });
  await expect(keeper.delete("/a")).rejects.toMatchObject({ code: "no_node", details: { path: "/a" } });
  expect(keeper.exists("/a")).toBe(false);
});

test("names of children are in code-unit order, each once, from anywhere [O8]", async ({ keeper }) => {
  await keeper.create("/p");
  const names = ["b", "a", "B", "10", "9", "ä", "a-", "aa", "\ufa00", "\u4e00"];
  for (const name of names) await keeper.create(`/p/${name}`);
  const inOrder = ["10", "9", "B", "a", "a-", "aa", "b", "ä", "\u4e00", "\ufa00"];
  expect(keeper.children("/p")).toEqual(inOrder);
  expect([...keeper.state.tree.childNames("/p", "a-")]).toEqual(inOrder.slice(4));
  expect([...keeper.state.tree.childNames("/p", "c")]).toEqual(inOrder.slice(7));
  expect(keeper.stat("/p").numChildren).toBe(names.length);
  expect([...keeper.state.tree.childNames("/missing")]).toEqual([]);
});

test("a subtree has parents before children, and no sibling with the same beginning [O8]", async ({
  keeper,
}) => {
  for (const path of ["/a", "/ab", "/a/x", "/a/b", "/a/b/c"]) await keeper.create(path);
  const paths = [...keeper.state.tree.subtree("/a")].map(({ path }) => path);
  expect(paths).toEqual(["/a", "/a/b", "/a/b/c", "/a/x"]);
});

test("a set replaces the whole value, and the value handed out before stays what it was [O12]", async ({
  keeper,
}) => {
  await keeper.create("/a", plain, "a long value");
  const before = keeper.state.tree.get("/a")?.data;
  await keeper.set("/a", "short");
  expect(keeper.data("/a")).toBe("short");
  expect(new TextDecoder().decode(before)).toBe("a long value");
});

test("upsert makes what is missing and sets what is there", async ({ keeper }) => {
  const upsert: SetData = { type: "setData", path: "/a", data, create: "upsert" };
  expect((await keeper.store.submit(upsert)).outcome).toMatchObject({ created: true, stat: { version: 0 } });
  expect((await keeper.store.submit(upsert)).outcome).toMatchObject({ created: false, stat: { version: 1 } });
  expect(await refusal(keeper.store.submit({ ...upsert, path: "/missing/x" }))).toBe("no_node");
});

test("who expects a version does not want the znode made", async ({ keeper }) => {
  const upsert: SetData = { type: "setData", path: "/a", data, create: "upsert" };
  expect(await refusal(keeper.store.submit({ ...upsert, version: 0 }))).toBe("no_node");
  expect(await refusal(keeper.store.submit({ ...upsert, ifMatch: [{ czxid: 1, version: 0 }] }))).toBe(
    "no_node",
  );
  expect((await keeper.store.submit({ ...upsert, version: -1 })).outcome.created).toBe(true);
});

test("create only refuses what is there, with its stat", async ({ keeper }) => {
  const only: SetData = { type: "setData", path: "/a", data, create: "only" };
  const { stat } = (await keeper.store.submit(only)).outcome;
  await expect(keeper.store.submit(only)).rejects.toMatchObject({ code: "bad_version", details: { stat } });
  expect(keeper.stat("/a").version).toBe(0);
});

test("a subtree goes in one transaction, children first, ephemerals of anybody with it", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  for (const path of ["/a", "/a/b", "/a/b/c", "/ab"]) await keeper.create(path);
  await keeper.create("/a/e", ephemeral, "", { sessionId });
  const { outcome, zxid } = await keeper.store.submit<DeleteTree>({ type: "deleteTree", path: "/a" });
  expect(outcome).toEqual({ path: "/a", deleted: 4 });
  expect(keeper.children("/")).toEqual(["ab"]);
  expect(keeper.stat("/")).toMatchObject({ pzxid: zxid, cversion: 3, numChildren: 1 });
  const told = keeper.applied.at(-1)?.message?.events.map(({ path }) => path);
  expect(told).toEqual(["/a/e", "/a/b/c", "/a/b", "/a"]);
  expect(await keeper.closeSession(sessionId)).toEqual([]);
});

test("a delete of what has children is refused, and leaf first it works", async ({ keeper }) => {
  for (const path of ["/a", "/a/b"]) await keeper.create(path);
  const remove: Delete = { type: "delete", path: "/a" };
  await expect(keeper.store.submit(remove)).rejects.toMatchObject({
    code: "not_empty",
    details: { path: "/a" },
  });
  await keeper.delete("/a/b");
  await keeper.store.submit(remove);
  expect(keeper.exists("/a")).toBe(false);
});

test("a write of an ended session is refused, whatever it is [N10]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/a");
  await keeper.closeSession(sessionId);
  const attempts = [
    keeper.create("/n-", sequential, "", { sessionId }),
    keeper.set("/a", "", -1, { sessionId }),
    keeper.delete("/a", -1, { sessionId }),
    keeper.multi([], { sessionId }),
    keeper.closeSession(sessionId),
  ];
  expect(new Set(await Promise.all(attempts.map(refusal)))).toEqual(new Set(["session_expired"]));
});

test("a session id that is in use is not opened again [N3]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  const open = { type: "openSession", sessionId, tokenHash: "other", timeoutMs: 1, name: "" } as const;
  expect(await refusal(keeper.store.submit(open))).toBe("bad_request");
  expect(keeper.state.session(sessionId)?.timeoutMs).toBe(10_000);
});

test("writes sent one after the other happen in that order, and are then read [N18]", async ({ keeper }) => {
  await keeper.create("/a");
  const writes = Array.from({ length: 20 }, (_, version) => keeper.set("/a", `${version}`, version));
  expect((await Promise.all(writes)).at(-1)?.version).toBe(20);
  await keeper.set("/a", "last");
  expect(keeper.data("/a")).toBe("last");
});

test("an increment and a check stand by themselves as well as in a transaction [M7]", async ({ keeper }) => {
  await keeper.create("/n", plain, "41");
  const { zxid, outcome } = await keeper.store.submit<Increment>({ type: "increment", path: "/n", by: 1 });
  expect([zxid, outcome]).toEqual([2, { op: "increment", path: "/n", value: "42", stat: keeper.stat("/n") }]);
  const checked = await keeper.store.submit<Check>({ type: "check", path: "/n", version: 1 });
  expect(checked).toEqual({ zxid: 2, outcome: { op: "check", path: "/n", stat: keeper.stat("/n") } });
  const wrong = keeper.store.submit<Check>({ type: "check", path: "/n", version: 0 });
  await expect(wrong).rejects.toMatchObject({ code: "bad_version", details: { stat: keeper.stat("/n") } });
  await expect(wrong).rejects.not.toHaveProperty("details.failedOperation");
  expect([keeper.store.zxid, keeper.applied.length]).toEqual([2, 2]);
});

test.for([{ version: 0 }, { version: -1 }, { czxid: 1 }])(
  "a check cannot ask for absence and for %j at once [M7]",
  async (expected, { keeper }) => {
    const check: Check = { type: "check", path: "/n", exists: false, ...expected };
    expect(await refusal(keeper.store.submit(check))).toBe("bad_request");
    expect(await refusal(keeper.multi([check]))).toBe("bad_request");
  },
);
