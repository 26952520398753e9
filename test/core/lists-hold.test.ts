// What lists let through and what they keep out, for each operation: the order of refusals is that of the table in section 5
// of the rules, and who is let in by a list is let in by nothing else here: access control is off.

import { expect } from "vitest";
import { type Acl, allPermissions, type Permission, permissionBits } from "../../src/core/acl/acl.ts";
import type { ImportedZnode, Operation } from "../../src/core/command.ts";
import { KeeperError } from "../../src/core/errors.ts";
import type { Reader } from "../../src/core/reader.ts";
import type { WriteContext } from "../../src/core/write-context.ts";
import { anyone } from "../../src/routes/wire/callers.ts";
import { bytes, ephemeral, type Keeper, plain, refusal, test } from "../support/keeper.ts";

const ann = { shown: { digests: ["ann:Zm9v"] } };
const eve = { shown: { digests: ["eve:YmFy"], address: "192.0.2.7" } };

/** A list that gives ann these, and nobody else anything. */
function annMay(...given: readonly Permission[]): Acl {
  const perms = given.reduce((sum, name) => sum + permissionBits[name], 0);
  return [{ perms, scheme: "digest", id: "ann:Zm9v" }];
}

/** All but these. */
function annMayNot(...missing: readonly Permission[]): Acl {
  const perms = missing.reduce((sum, name) => sum - permissionBits[name], allPermissions);
  return [{ perms, scheme: "digest", id: "ann:Zm9v" }];
}

async function close(keeper: Keeper, path: string, acl: Acl): Promise<void> {
  await keeper.store.submit({ type: "setAcl", path, acl, principal: "system" });
}

function readerOf(keeper: Keeper, shown: WriteContext["shown"] = {}): Reader {
  return keeper.store.reader({ ...anyone, shown });
}

function readRefusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof KeeperError) return error.code;
    throw error;
  }
  return "it was told";
}

const create = (path: string, more: object = {}) =>
  ({ type: "create", path, data: bytes(""), mode: plain, ...more }) as const;
const setData = (path: string, more: object = {}) =>
  ({ type: "setData", path, data: bytes("new"), ...more }) as const;
const remove = (path: string, more: object = {}) => ({ type: "delete", path, ...more }) as const;
const check = (path: string, more: object = {}) => ({ type: "check", path, ...more }) as const;
const increment = (path: string) => ({ type: "increment", path, by: 1 }) as const;

interface Row {
  readonly operation: Operation;
  /** Whose list is asked, and for what. */
  readonly at: string;
  readonly permission: Permission;
}

/** In a tree with `/p`, which has `/p/a` with `/p/a/b`, and `/p/n`, which is a number. */
const table: readonly Row[] = [
  { operation: create("/p/new"), at: "/p", permission: "create" },
  {
    operation: create("/p/n-", { mode: { kind: "persistent", sequential: true } }),
    at: "/p",
    permission: "create",
  },
  { operation: create("/p/x/y/z", { parents: true }), at: "/p", permission: "create" },
  { operation: setData("/p/new", { create: "upsert" }), at: "/p", permission: "create" },
  { operation: setData("/p/new", { create: "only" }), at: "/p", permission: "create" },
  { operation: setData("/p/n", { create: "upsert" }), at: "/p/n", permission: "write" },
  { operation: setData("/p/n"), at: "/p/n", permission: "write" },
  { operation: increment("/p/n"), at: "/p/n", permission: "write" },
  { operation: increment("/p/n"), at: "/p/n", permission: "read" },
  { operation: remove("/p/n"), at: "/p", permission: "delete" },
  { operation: check("/p/n"), at: "/p/n", permission: "read" },
];

async function plant(keeper: Keeper): Promise<void> {
  for (const path of ["/p", "/p/a", "/p/a/b"]) await keeper.create(path);
  await keeper.create("/p/n", plain, "7");
}

for (const [index, { operation, at, permission }] of table.entries()) {
  const name = `${index}: ${operation.type} of ${operation.path}`;
  test(`${name} takes ${permission} on ${at}, by itself and in a transaction [A2, A3]`, async ({
    keeper,
  }) => {
    const { store } = keeper;
    await plant(keeper);
    await close(keeper, at, annMayNot(permission));
    await expect(store.submit({ ...operation, ...ann })).rejects.toMatchObject({
      ...{ code: "forbidden", details: { path: at } },
      message: `The access control list of ${at} does not give you the permission \`${permission}\`.`,
    });
    for (const who of [ann, eve, {}]) {
      expect(await refusal(store.submit({ ...operation, ...who }))).toBe("forbidden");
      await expect(keeper.multi([check("/"), operation], who)).rejects.toMatchObject({
        ...{ code: "forbidden", details: { path: at, failedOperation: 1 } },
      });
    }
    const needed: Permission[] = operation.type === "increment" ? ["write", "read"] : [permission];
    await close(keeper, at, annMay(...needed));
    expect(await refusal(store.submit({ ...operation, ...eve }))).toBe("forbidden");
    await store.submit({ ...operation, ...ann });
  });
}

test("a list is set by whom the one that is there gives admin, who may lock themselves out [A3, A15]", async ({
  keeper,
}) => {
  const { store } = keeper;
  await plant(keeper);
  await close(keeper, "/p", annMayNot("admin"));
  const set = (who: WriteContext, aversion?: number) =>
    store.submit({
      ...{ type: "setAcl", path: "/p", acl: annMay("read"), ...who },
      ...(aversion !== undefined && { aversion }),
    });
  // Before the version is looked at.
  expect(await refusal(set(ann, 99))).toBe("forbidden");
  await close(keeper, "/p", annMay("admin"));
  expect(await refusal(set(eve))).toBe("forbidden");
  expect(await refusal(set(ann, 99))).toBe("bad_version");
  await set(ann);
  expect(await refusal(set(ann))).toBe("forbidden");
});

test("who may not create below a znode is not told what is there, nor who may not delete there [O2, A3]", async ({
  keeper,
}) => {
  const { store } = keeper;
  await plant(keeper);
  await close(keeper, "/p", annMayNot("create", "delete"));
  const answers = [];
  for (const name of ["a", "none"]) {
    const path = `/p/${name}`;
    for (const asked of [
      create(path),
      remove(path),
      remove(path, { version: 9 }),
      setData(path, { create: "only" }),
    ])
      answers.push(await refusal(store.submit({ ...asked, ...ann })));
    for (const type of ["deleteTree"] as const)
      answers.push(await refusal(store.submit({ type, path, ...ann })));
  }
  expect(new Set(answers)).toEqual(new Set(["forbidden"]));
  expect(await refusal(store.submit({ ...create("/none/x"), ...ann }))).toBe("no_node");
  expect(await refusal(store.submit({ ...remove("/none/x"), ...ann }))).toBe("no_node");
  expect(await refusal(store.submit({ ...remove("/"), ...ann }))).toBe("reserved_path");
});

test("a znode goes by its parent's list alone, whatever its own says [O5, A3]", async ({ keeper }) => {
  await plant(keeper);
  await close(keeper, "/p/n", annMay());
  await keeper.delete("/p/n", undefined, eve);
  expect(keeper.exists("/p/n")).toBe(false);
});

test("permission is asked for before quota and version are looked at [O4, A3]", async ({ keeper }) => {
  const { store } = keeper;
  await plant(keeper);
  await store.submit({ type: "setQuota", path: "/p", limits: { bytesHard: 1, countHard: 1 } });
  for (const path of ["/p", "/p/n"]) await close(keeper, path, annMay("read"));
  for (const asked of [setData("/p/n", { version: 9 }), create("/p/x"), increment("/p/n"), setData("/p/n")])
    expect(await refusal(store.submit({ ...asked, ...ann }))).toBe("forbidden");
  expect(await refusal(store.submit({ ...check("/p/n", { version: 9 }), ...eve }))).toBe("forbidden");
  expect(await refusal(store.submit({ ...check("/p/n", { exists: false }), ...eve }))).toBe("forbidden");
  expect(await refusal(store.submit({ ...check("/p/n", { exists: false }), ...ann }))).toBe("node_exists");
});

test("what a refusal says of a znode is for those to whom its list gives read [A3, A14]", async ({
  keeper,
}) => {
  const { store } = keeper;
  await plant(keeper);
  await close(keeper, "/p/n", annMay("write"));
  await close(keeper, "/p/a", annMay());
  const refused = async (asked: Operation) =>
    await store.submit({ ...asked, ...ann }).then(
      () => null,
      (error: KeeperError) => error,
    );
  const badVersion = await refused(setData("/p/n", { version: 9 }));
  expect(badVersion).toMatchObject({
    code: "bad_version",
    message: "/p/n is at another version, not at version 9.",
  });
  expect(badVersion?.details).not.toHaveProperty("stat");
  expect((await refused(create("/p/a")))?.details).not.toHaveProperty("stat");
  expect(await refused(remove("/p/a"))).toMatchObject({ code: "not_empty", message: /has children; / });
  await close(keeper, "/p/n", annMay("write", "read"));
  expect((await refused(setData("/p/n", { version: 9 })))?.details).toHaveProperty("stat.version", 0);
});

test("a subtree goes whole where every list in it lets its children go, and else it stays [A3]", async ({
  keeper,
}) => {
  const { store } = keeper;
  await plant(keeper);
  await close(keeper, "/p/a", annMayNot("delete"));
  await close(keeper, "/p/a/b", annMay());
  const whole = { type: "deleteTree", path: "/p", ...ann } as const;
  await expect(store.submit(whole)).rejects.toMatchObject({ code: "forbidden", details: { path: "/p" } });
  expect(keeper.exists("/p/n")).toBe(true);
  await close(keeper, "/p/a", annMay("delete"));
  expect(await refusal(store.submit({ ...whole, ...eve }))).toBe("forbidden");
  expect((await store.submit(whole)).outcome.deleted).toBe(4);
});

test("a subtree that goes in parts goes as far as lists let it [A3]", async ({ keeper }) => {
  const { store } = keeper;
  await plant(keeper);
  await close(keeper, "/p/a", annMayNot("delete"));
  const part = { type: "deletePart", path: "/p", znodesMax: 10, bytesMax: 1000, ...ann } as const;
  await expect(store.submit(part)).rejects.toMatchObject({ code: "forbidden", details: { path: "/p" } });
  expect(keeper.exists("/p/a/b")).toBe(true);
  await close(keeper, "/p/a", annMay("delete"));
  expect((await store.submit(part)).outcome).toMatchObject({ deleted: 4, remaining: 0 });
});

test("a fence takes read on its znode, also where a recipe is at work [A3]", async ({ keeper }) => {
  const { store } = keeper;
  await plant(keeper);
  const sessionId = await keeper.openSession();
  const { czxid } = keeper.stat("/p/n");
  await close(keeper, "/p/n", annMay("read"));
  const fences = [{ path: "/p/n", czxid }];
  const stale = [{ path: "/p/n", czxid: czxid + 1 }];
  expect(await refusal(keeper.create("/x", plain, "", { fences, ...eve }))).toBe("forbidden");
  expect(await refusal(keeper.create("/x", plain, "", { fences: stale, ...eve }))).toBe("forbidden");
  const count = { type: "addToCounter", name: "c", by: 1, fences } as const;
  expect(await refusal(store.submit({ ...count, ...eve }))).toBe("forbidden");
  await store.submit({ ...count, ...ann });
  await keeper.create("/x", ephemeral, "", { fences, sessionId, ...ann });
  expect(await refusal(keeper.create("/y", plain, "", { fences: stale, ...ann }))).toBe("fence_stale");
});

test("an import is held to the lists that it meets [A3]", async ({ keeper }) => {
  const { store } = keeper;
  await plant(keeper);
  const line = (path: string, data: string, acl?: Acl): ImportedZnode => ({
    ...{ path, data: bytes(data), mode: plain, sequence: null, nextSequence: 0 },
    ...(acl !== undefined && { acl }),
  });
  const bringIn = (onConflict: "skip" | "replace" | "fail", ...znodes: ImportedZnode[]) =>
    store.submit({ type: "import", znodes, onConflict, ...ann });
  await close(keeper, "/p", annMayNot("create"));
  await close(keeper, "/p/n", annMayNot("read"));
  await expect(bringIn("fail", line("/ok", ""), line("/p/new/x", ""))).rejects.toMatchObject({
    ...{ code: "forbidden", details: { path: "/p", failedOperation: 1 } },
  });
  expect(keeper.exists("/ok")).toBe(false);
  // Whether it is the same says what it is.
  expect(await refusal(bringIn("replace", line("/p/n", "7")))).toBe("forbidden");
  expect((await bringIn("skip", line("/p/n", "7"))).outcome.skipped).toBe(1);
  expect(await refusal(bringIn("fail", line("/p/n", "7")))).toBe("node_exists");
  await close(keeper, "/p/n", annMay("read"));
  expect((await bringIn("replace", line("/p/n", "7"))).outcome.unchanged).toBe(1);
  expect(await refusal(bringIn("replace", line("/p/n", "8")))).toBe("forbidden");
  await close(keeper, "/p/n", annMay("read", "write"));
  expect((await bringIn("replace", line("/p/n", "8"))).outcome.replaced).toBe(1);
  expect(await refusal(bringIn("replace", line("/p/n", "8", annMay())))).toBe("forbidden");
  await close(keeper, "/p/n", annMay("read", "admin"));
  expect((await bringIn("replace", line("/p/n", "8", annMay()))).outcome.replaced).toBe(1);
});

test("data, stat and children take read on the znode, and of what is not there a list says nothing [A3, O6]", async ({
  keeper,
}) => {
  await plant(keeper);
  await close(keeper, "/p", annMay("read"));
  const [anns, eves] = [readerOf(keeper, ann.shown), readerOf(keeper, eve.shown)];
  expect(anns.get("/p")?.path).toBe("/p");
  expect([...anns.childNames("/p")]).toEqual(["a", "n"]);
  for (const read of [() => eves.get("/p"), () => [...eves.childNames("/p")]])
    expect(readRefusal(read)).toBe("forbidden");
  expect(eves.get("/p/none")).toBeUndefined();
  // A list is of its own znode alone (A1).
  expect(eves.get("/p/a")?.path).toBe("/p/a");
  expect([eves.mayRead("/p"), eves.mayRead("/p/a"), anns.mayRead("/p")]).toEqual([false, true, true]);
});

test("a list is shown to those to whom it gives read or admin, with hashes to the latter [A3, A14]", async ({
  keeper,
}) => {
  await plant(keeper);
  const seen = (who: WriteContext) => {
    try {
      return readerOf(keeper, who.shown).listOf("/p")?.acl[0]?.id;
    } catch (error) {
      return (error as KeeperError).code;
    }
  };
  const shown = [];
  for (const acl of [annMay("read"), annMay("admin"), annMayNot("read", "admin")]) {
    await close(keeper, "/p", acl);
    shown.push([seen(ann), seen(eve)]);
  }
  expect(shown).toEqual([
    ["ann:x", "forbidden"],
    ["ann:Zm9v", "forbidden"],
    ["forbidden", "forbidden"],
  ]);
  expect(readerOf(keeper).listOf("/none")).toBeUndefined();
});

test("a walk leaves out what lists close, and all below it [A1, A3]", async ({ keeper }) => {
  await plant(keeper);
  await close(keeper, "/p/a", annMay("read"));
  const met = (who: WriteContext) => {
    const walk = readerOf(keeper, who.shown).walk({ roots: ["/p"], depthMax: 9 });
    const paths = [];
    for (let znode = walk.next(); znode !== undefined; znode = walk.next()) paths.push(znode.path);
    return paths;
  };
  expect(met(ann)).toEqual(["/p", "/p/a", "/p/a/b", "/p/n"]);
  expect(met(eve)).toEqual(["/p", "/p/n"]);
});

test("what the service does by itself, and what recipes do, no list holds up [A3]", async ({ keeper }) => {
  const { store } = keeper;
  const sessionId = await keeper.openSession();
  await keeper.create("/mine", ephemeral, "", { sessionId });
  await store.submit({ ...create("/c"), mode: { kind: "container" } });
  await keeper.create("/c/x");
  await keeper.delete("/c/x");
  const { czxid } = keeper.stat("/c");
  for (const path of ["/mine", "/c"]) await close(keeper, path, annMay());
  await close(keeper, "/", annMay());
  const swept = await store.submit({ type: "sweep", path: "/c", czxid, neverUsedMsMax: 0 });
  expect(swept.outcome.cause).toBe("container");
  await store.submit({ type: "addToCounter", name: "c", by: 1, ...eve });
  expect(keeper.data("/counters/c")).toBe("1");
  expect(await keeper.closeSession(sessionId)).toEqual(["/mine"]);
  expect(await refusal(keeper.create("/x", plain, "", eve))).toBe("forbidden");
});

test("no list holds for who is admin of the whole tree, and of less it holds [A10]", async ({ keeper }) => {
  const { store } = keeper;
  await plant(keeper);
  await close(keeper, "/p", annMay());
  await store.submit({ type: "turnOnAccess", principal: "system" });
  const rules = [{ prefix: "/", allow: ["read", "write", "create", "delete"] }] as const;
  await store.submit({ type: "setPolicy", policy: { name: "most", rules }, principal: "system" });
  await store.submit({
    ...{ type: "setPolicy", principal: "system" },
    policy: { name: "lord", rules: [{ prefix: "/p", allow: ["read", "create", "admin"] }] },
  });
  const as = (policy: string, root = "/") => ({
    principal: { identity: `jwt:${policy}`, policies: [policy], root },
  });
  expect(await refusal(keeper.create("/p/x", plain, "", as("most")))).toBe("forbidden");
  expect(await refusal(keeper.create("/p/x", plain, "", as("lord")))).toBe("forbidden");
  expect(await refusal(keeper.create("/x", plain, "", as("lord", "/p")))).toBe("forbidden");
  expect(await refusal(keeper.create("/p/x", plain, "", { ...as("lord"), ...ann }))).toBe("forbidden");
  await keeper.create("/p/x", plain, "", as("admin"));
  await store.submit({ type: "setAcl", path: "/p", acl: annMay("create"), ...as("admin") });
  // Both must allow.
  await keeper.create("/p/y", plain, "", { ...as("most"), ...ann });
  expect(await refusal(keeper.set("/p/y", "", undefined, { ...as("lord"), ...ann }))).toBe("forbidden");
});

test("a list counts from the next command on, at its place in the log [A16]", async ({ keeper }) => {
  const { store } = keeper;
  await plant(keeper);
  const outcomes = await Promise.allSettled([
    store.submit({ ...setData("/p/n"), ...eve }),
    store.submit({ type: "setAcl", path: "/p/n", acl: annMay("write"), ...eve }),
    store.submit({ ...setData("/p/n"), ...eve }),
    store.submit({ ...setData("/p/n"), ...ann }),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
});

test("the root's list holds for what is made right below it [A17]", async ({ keeper }) => {
  await plant(keeper);
  await close(keeper, "/", annMay("create"));
  expect(await refusal(keeper.create("/x", plain, "", eve))).toBe("forbidden");
  expect(await refusal(keeper.store.submit({ ...create("/x", { acl: [] }), ...eve }))).toBe("bad_acl");
  await keeper.create("/p/x", plain, "", eve);
  await keeper.create("/x", plain, "", ann);
});

test("an address counts as the one that the command brings [A8]", async ({ keeper }) => {
  await plant(keeper);
  await close(keeper, "/p/n", [{ perms: 2, scheme: "ip", id: "192.0.2.0/24" }]);
  await keeper.set("/p/n", "1", undefined, eve);
  expect(await refusal(keeper.set("/p/n", "2", undefined, { shown: { address: "198.51.100.1" } }))).toBe(
    "forbidden",
  );
  expect(await refusal(keeper.set("/p/n", "2"))).toBe("forbidden");
});
