// Lists in the tree: which znode has which, what setting one moves, and that each is there once while it is had.

import { expect } from "vitest";
import type { Verb } from "../../src/core/access/verbs.ts";
import type { Acl } from "../../src/core/acl/acl.ts";
import { aclAllows, nobodyKnown, openAcl, permissionBits } from "../../src/core/acl/acl.ts";
import { checkState } from "../../src/core/check.ts";
import { changeMessageOf } from "../../src/told/change-message.ts";
import { bytes, type Keeper, plain, refusal, sequential, test } from "../support/keeper.ts";

const ann = "ann:Zm9v";
const readOnly: Acl = [
  { perms: 1, scheme: "world", id: "anyone" },
  { perms: 30, scheme: "digest", id: ann },
];
const anns: Acl = [{ perms: 31, scheme: "digest", id: ann }];
/** No list in these tests is held against her. */
const shown = { digests: [ann] };

const create = (path: string, acl?: Acl) => ({
  ...{ type: "create" as const, path, data: bytes(""), mode: plain },
  ...(acl !== undefined && { acl }),
});
const setAcl = (keeper: Keeper, path: string, acl: Acl, aversion?: number) =>
  keeper.store.submit({ type: "setAcl", path, acl, shown, ...(aversion !== undefined && { aversion }) });
const aclOf = (keeper: Keeper, path: string) => keeper.reader.get(path)?.acl.entries;
const listsOf = (keeper: Keeper) => [...keeper.state.acls.values()].map(({ entries }) => entries);

test("a znode below a closed one is as open as its own list says [A1]", async ({ keeper }) => {
  await keeper.store.submit(create("/closed", anns));
  await keeper.store.submit({ ...create("/closed/open"), shown });
  const canRead = (path: string) => aclAllows(aclOf(keeper, path) as Acl, permissionBits.read, nobodyKnown);
  expect([canRead("/closed"), canRead("/closed/open")]).toEqual([false, true]);
});

test("every znode is open to all that was made without a list, the root too [A17, A18]", async ({
  keeper,
}) => {
  await keeper.store.submit({ ...create("/a/b", anns), parents: true });
  await keeper.create("/a/q-", sequential);
  await keeper.store.submit({ type: "setData", path: "/new", data: bytes("x"), create: "upsert" });
  for (const path of ["/", "/a", "/a/q-0000000001", "/new"])
    expect(aclOf(keeper, path)).toEqual(openAcl.entries);
  expect(aclOf(keeper, "/a/b")).toEqual(anns);
});

test("the root's list can be set [A17, P12]", async ({ keeper }) => {
  await setAcl(keeper, "/", readOnly);
  expect(aclOf(keeper, "/")).toEqual(readOnly);
  expect(keeper.stat("/").aversion).toBe(1);
});

test("a list comes in the place of the whole one, and moves aversion and nothing else [A15, S4]", async ({
  keeper,
}) => {
  await keeper.store.submit(create("/a", anns));
  await keeper.create("/a/b", plain, "", { shown });
  const before = keeper.stat("/a");
  await keeper.clock.advance(50);
  const { zxid, outcome } = await setAcl(keeper, "/a", readOnly);
  expect(outcome).toEqual({ path: "/a", stat: { ...before, aversion: 1 } });
  expect(keeper.stat("/a")).toEqual({ ...before, aversion: 1 });
  expect(aclOf(keeper, "/a")).toEqual(readOnly);
  expect(zxid).toBe(3);
  await keeper.create("/a/c", plain, "", { shown });
  expect(keeper.stat("/a")).toMatchObject({ aversion: 1, numChildren: 2 });
});

test("the same list again is a change like any other [A15]", async ({ keeper }) => {
  await keeper.create("/a");
  for (const aversion of [1, 2]) {
    const { outcome } = await setAcl(keeper, "/a", anns);
    expect(outcome.stat.aversion).toBe(aversion);
  }
  expect(listsOf(keeper)).toEqual([anns]);
});

test("nobody is told that a list was set [A15, W7]", async ({ keeper }) => {
  await keeper.create("/a");
  await setAcl(keeper, "/a", anns);
  const { namespaces } = keeper.state.access;
  const isTold = keeper.applied.map(({ txn }) => changeMessageOf(txn, namespaces) !== null);
  expect(isTold).toEqual([true, false]);
});

test("an aversion that is expected is that of the znode, -1 is any, and the refusal has the stat [A15]", async ({
  keeper,
}) => {
  await keeper.create("/a");
  await setAcl(keeper, "/a", anns, 0);
  await setAcl(keeper, "/a", anns, -1);
  for (const aversion of [0, 1, 3, -2])
    expect(await refusal(setAcl(keeper, "/a", readOnly, aversion))).toBe("bad_version");
  await expect(setAcl(keeper, "/a", readOnly, 7)).rejects.toMatchObject({
    details: { path: "/a", stat: keeper.stat("/a") },
  });
  expect(aclOf(keeper, "/a")).toEqual(anns);
  await setAcl(keeper, "/a", readOnly, 2);
  expect(keeper.stat("/a").aversion).toBe(3);
});

test("a path that is none comes before a list that is none, and that before a znode that is not there [O1]", async ({
  keeper,
}) => {
  expect(await refusal(setAcl(keeper, "/a/", []))).toBe("bad_path");
  expect(await refusal(setAcl(keeper, "/missing", []))).toBe("bad_acl");
  expect(await refusal(keeper.store.submit(create("/missing/x", [])))).toBe("bad_acl");
  expect(await refusal(setAcl(keeper, "/missing", anns))).toBe("no_node");
  expect(keeper.store.zxid).toBe(0);
});

test("a list is kept once however many have it, and each of them keeps it when one gets another [A19]", async ({
  keeper,
}) => {
  const paths = Array.from({ length: 100 }, (_, index) => `/n${index}`);
  for (const path of paths) await keeper.store.submit(create(path, anns));
  expect(listsOf(keeper)).toEqual([anns]);
  expect(new Set(paths.map((path) => keeper.reader.get(path)?.acl)).size).toBe(1);
  await setAcl(keeper, "/n7", readOnly);
  expect(listsOf(keeper)).toEqual([anns, readOnly]);
  for (const path of paths) expect(aclOf(keeper, path)).toEqual(path === "/n7" ? readOnly : anns);
});

test("a list that nobody has any more is forgotten, within a transaction as well [A19]", async ({
  keeper,
}) => {
  await keeper.multi([create("/a", anns), create("/b", readOnly)]);
  expect(listsOf(keeper)).toEqual([anns, readOnly]);
  const remove = (path: string) => ({ type: "delete" as const, path });
  await keeper.multi([remove("/a"), create("/a", anns), remove("/a"), create("/c", anns), remove("/b")]);
  expect(listsOf(keeper)).toEqual([anns]);
  expect(aclOf(keeper, "/c")).toEqual(anns);
  await setAcl(keeper, "/c", openAcl.entries);
  expect(listsOf(keeper)).toEqual([]);
  await keeper.store.submit({ ...create("/t/a", anns), parents: true });
  await keeper.store.submit({ type: "deleteTree", path: "/t" });
  expect(keeper.state.acls.size).toBe(0);
});

test("a list goes with the ephemerals that have it [A19, E5]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  const mode = { kind: "ephemeral" as const, sequential: false };
  await keeper.store.submit({ ...create("/mine", anns), mode, sessionId });
  expect(listsOf(keeper)).toEqual([anns]);
  await keeper.closeSession(sessionId);
  expect(listsOf(keeper)).toEqual([]);
});

test("a refused transaction leaves no list behind [A19, M8]", async ({ keeper }) => {
  expect(await refusal(keeper.multi([create("/a", anns), create("/a")]))).toBe("node_exists");
  expect(listsOf(keeper)).toEqual([]);
});

test("who holds a record from before sees the list as it was [A16]", async ({ keeper }) => {
  await keeper.store.submit(create("/a", anns));
  const before = keeper.reader.get("/a");
  await setAcl(keeper, "/a", readOnly);
  await keeper.store.submit(create("/b", [{ perms: 2, scheme: "world", id: "anyone" }]));
  expect(before?.acl.entries).toEqual(anns);
  expect(aclOf(keeper, "/a")).toEqual(readOnly);
});

test("to set a list takes admin on the path, and who is confined names paths of their part [A15]", async ({
  keeper,
}) => {
  const { store } = keeper;
  const principal = "system" as const;
  const policy = (name: string, allow: readonly Verb[]) =>
    store.submit({ type: "setPolicy", principal, policy: { name, rules: [{ prefix: "/a", allow }] } });
  await store.submit({ ...create("/a"), principal });
  await store.submit({ type: "turnOnAccess", principal });
  await policy("writers", ["read", "write", "create", "delete"]);
  await policy("admins", ["admin", "read"]);
  const as = (policies: readonly string[], root = "/") => ({
    principal: { identity: "jwt:ann", policies, root },
  });
  expect(await refusal(store.submit({ type: "setAcl", path: "/a", acl: anns, ...as(["writers"]) }))).toBe(
    "forbidden",
  );
  expect(await refusal(store.submit({ type: "setAcl", path: "/b", acl: anns, ...as(["admins"]) }))).toBe(
    "forbidden",
  );
  await store.submit({ ...create("/a/b", readOnly), ...as(["writers"]) });
  const znode = {
    ...{ path: "/a/c", data: bytes(""), mode: plain },
    sequence: null,
    nextSequence: 0,
    acl: anns,
  };
  const bringIn = (policies: readonly string[]) =>
    store.submit({ type: "import", znodes: [znode], onConflict: "fail", ...as(policies) });
  expect(await refusal(bringIn(["writers"]))).toBe("forbidden");
  await bringIn(["writers", "admins"]);
  const { outcome } = await store.submit({
    type: "setAcl",
    path: "/b",
    acl: anns,
    shown,
    ...as(["admins"], "/a"),
  });
  expect(outcome).toMatchObject({ path: "/b", stat: { aversion: 1 } });
  expect(["/a", "/a/b", "/a/c"].map((path) => aclOf(keeper, path))).toEqual([openAcl.entries, anns, anns]);
});

test("a state with a list that is miscounted, doubled, unsound or not kept is found out", async ({
  keeper,
}) => {
  await keeper.store.submit(create("/a", anns));
  const { acls, tree } = keeper.state;
  const acl = keeper.reader.get("/a")?.acl;
  if (acl === undefined) throw new Error("there is no list");
  const faults = () => checkState(keeper.state).join("\n");
  acls.count(acl, 1);
  expect(faults()).toMatch(/list 1: 1 znodes have it, said to be 2/);
  acls.count(acl, -1);
  const record = keeper.reader.get("/a");
  if (record === undefined) throw new Error("there is no znode");
  tree.replace({ ...record, acl: { ...acl } });
  expect(faults()).toMatch(/list 1: is none of those that are kept/);
  tree.replace(record);
  for (const [entries, fault] of [
    [openAcl.entries, /list 2: is there twice/],
    [[], /list 2: is not sound/],
    [readOnly, /list 2: 0 znodes have it/],
  ] as const) {
    const other = { id: 2, entries };
    acls.put(other);
    expect(faults()).toMatch(fault);
    acls.remove(other);
  }
});
