// How znodes come to be: the modes, the numbers in names, and what belongs to a session.

import { expect } from "vitest";
import { ttlMsMax } from "../../src/core/limits.ts";
import type { CreateMode } from "../../src/core/tree/znode.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  bytes,
  container,
  ephemeral,
  ephemeralSequential,
  Keeper,
  plain,
  refusal,
  sequential,
  test,
} from "../support/keeper.ts";

const ttl: CreateMode = { kind: "persistent", sequential: false, ttlMs: 60_000 };
const ttlSequential: CreateMode = { kind: "persistent", sequential: true, ttlMs: 60_000 };

test("each of the seven modes makes what it says, and only an ephemeral has an owner [C1, E1]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const modes = [plain, sequential, ephemeral, ephemeralSequential, container, ttl, ttlSequential];
  const made: unknown[] = [];
  for (const [index, mode] of modes.entries()) {
    const { path, stat } = await keeper.create(`/${"abcdefg"[index]}`, mode, "", { sessionId });
    made.push([path, stat.ephemeralOwner, stat.sequence, stat.ttlMs, stat.container]);
  }
  expect(made).toEqual([
    ["/a", null, undefined, undefined, undefined],
    ["/b0000000001", null, 1, undefined, undefined],
    ["/c", sessionId, undefined, undefined, undefined],
    ["/d0000000003", sessionId, 3, undefined, undefined],
    ["/e", null, undefined, undefined, true],
    ["/f", null, undefined, 60_000, undefined],
    ["/g0000000006", null, 6, 60_000, undefined],
  ]);
});

test("a TTL is an integer from 1 to 2^40-1, and a refused one makes nothing [C2, C3]", async ({ keeper }) => {
  for (const ttlMs of [-100, 0, ttlMsMax + 1, 1.5, Number.NaN]) {
    expect(await refusal(keeper.create("/a", { kind: "persistent", sequential: false, ttlMs }))).toBe(
      "bad_ttl",
    );
  }
  expect(keeper.exists("/a")).toBe(false);
  for (const ttlMs of [1, ttlMsMax]) {
    const { stat } = await keeper.create(`/${ttlMs}`, { kind: "persistent", sequential: false, ttlMs });
    expect(stat.ttlMs).toBe(ttlMs);
  }
});

test("without its parent a znode is not made [C4]", async ({ keeper }) => {
  await expect(keeper.create("/x/y")).rejects.toMatchObject({ code: "no_node", details: { path: "/x" } });
  expect(keeper.children("/")).toEqual([]);
});

test("missing parents are made as plain persistent znodes, in the same transaction [C4]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const create = {
    type: "create",
    path: "/x/y/z",
    data: bytes("z"),
    mode: ephemeral,
    parents: true,
  } as const;
  const { zxid } = await keeper.store.submit({ ...create, sessionId });
  expect(["/x", "/x/y", "/x/y/z"].map((path) => keeper.stat(path).czxid)).toEqual([zxid, zxid, zxid]);
  expect(["/x", "/x/y", "/x/y/z"].map((path) => keeper.stat(path).ephemeralOwner)).toEqual([
    null,
    null,
    sessionId,
  ]);
  expect(["/x", "/x/y", "/x/y/z"].map((path) => keeper.data(path))).toEqual(["", "", "z"]);
});

test("missing parents are not made below an ephemeral, nor left behind by a refusal [C4, C6]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/e", ephemeral, "", { sessionId });
  const create = { type: "create", data: bytes(""), mode: plain, parents: true } as const;
  expect(await refusal(keeper.store.submit({ ...create, path: "/e/x/y" }))).toBe("ephemeral_parent");
  expect(keeper.children("/e")).toEqual([]);
});

test("what exists is not made again, and stays as it was [C5]", async ({ keeper }) => {
  await keeper.create("/a", plain, "first");
  const before = keeper.stat("/a");
  expect(await refusal(keeper.create("/a", plain, "second"))).toBe("node_exists");
  expect(keeper.stat("/a")).toEqual(before);
  expect(keeper.data("/a")).toBe("first");
  expect(keeper.applied).toHaveLength(1);
});

test("an ephemeral has no children; containers and TTL znodes have any kind [C6]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/e", ephemeral, "", { sessionId });
  expect(await refusal(keeper.create("/e/x"))).toBe("ephemeral_parent");
  expect(await refusal(keeper.create("/e/", sequential))).toBe("ephemeral_parent");
  await keeper.create("/c", container);
  await keeper.create("/t", ttl);
  for (const parent of ["/c", "/t"]) {
    for (const mode of [plain, ephemeral, container, ttl]) {
      await keeper.create(`${parent}/${mode.kind}${mode === ttl}`, mode, "", { sessionId });
    }
    expect(keeper.children(parent)).toHaveLength(4);
  }
});

test("no data is empty data [C7]", async ({ keeper }) => {
  expect((await keeper.create("/a", plain, "")).stat.dataLength).toBe(0);
  expect(keeper.data("/a")).toBe("");
});

test("a create answers with the path and the stat a read then finds [C8]", async ({ keeper }) => {
  const { path, stat } = await keeper.create("/a-", sequential, "hello");
  expect(path).toBe("/a-0000000000");
  expect(stat).toEqual(keeper.stat(path));
});

test("numbers count the children made, not the children gone, and are not cversion [Q1, Q4]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const paths: string[] = [];
  for (let round = 0; round < 3; round += 1) paths.push((await keeper.create("/q/n-", sequential)).path);
  await keeper.delete("/q/n-0000000000");
  await keeper.delete("/q/n-0000000002");
  paths.push((await keeper.create("/q/n-", sequential)).path);
  expect(paths.map((path) => path.slice(-1))).toEqual(["0", "1", "2", "3"]);
  expect(keeper.stat("/q").cversion).toBe(6);
});

test("a create without a number uses one up [Q2]", async ({ keeper }) => {
  await keeper.create("/q");
  await keeper.create("/q/x");
  expect((await keeper.create("/q/n-", sequential)).path).toBe("/q/n-0000000001");
});

test("one counter serves all prefixes and modes [Q3]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/q");
  const paths = [
    await keeper.create("/q/a-", sequential),
    await keeper.create("/q/b-", ephemeralSequential, "", { sessionId }),
    await keeper.create("/q/", ttlSequential),
    await keeper.create("/q/a-", sequential),
  ].map(({ path }) => path);
  expect(paths).toEqual(["/q/a-0000000000", "/q/b-0000000001", "/q/0000000002", "/q/a-0000000003"]);
});

test("what is refused uses no number [Q4]", async ({ keeper }) => {
  await keeper.create("/q");
  await keeper.create("/q/x");
  await refusal(keeper.create("/q/x"));
  await refusal(keeper.create("/q/n-", ephemeralSequential));
  await refusal(keeper.create("/q/n-", sequential, "", { sessionId: "00000000000000ff" }));
  const create = { type: "create", path: "/q/n-", data: bytes(""), mode: sequential } as const;
  await refusal(keeper.multi([create, create, { type: "delete", path: "/missing" }]));
  expect((await keeper.create("/q/n-", sequential)).path).toBe("/q/n-0000000001");
});

test("the number has ten digits and follows the prefix at once [Q5]", async ({ keeper }) => {
  await keeper.create("/q");
  for (let number = 0; number < 105; number += 1) {
    const { path, stat } = await keeper.create("/q/n-", sequential, `${number}`);
    expect(path).toBe(`/q/n-${String(number).padStart(10, "0")}`);
    expect(stat.sequence).toBe(number);
  }
  const inOrder = keeper.children("/q").map((name) => keeper.data(`/q/${name}`));
  expect(inOrder).toEqual(Array.from({ length: 105 }, (_, number) => `${number}`));
});

test("a parent made anew counts from 0 [Q6]", async ({ keeper }) => {
  for (let incarnation = 0; incarnation < 2; incarnation += 1) {
    await keeper.create("/q");
    const { path } = await keeper.create("/q/n-", sequential);
    expect(path).toBe("/q/n-0000000000");
    await keeper.delete(path);
    await keeper.delete("/q");
  }
});

test("numbers go on after a restart [Q7]", async ({ keeper }) => {
  const entries = new MemoryEntries();
  const paths: string[] = [];
  for (const writer of ["first", "second"]) {
    const restarted = new Keeper(new FakeClock(), new MemoryLog(writer, entries));
    await restarted.store.start();
    if (!restarted.exists("/q")) await restarted.create("/q");
    for (const prefix of ["/q/a-", "/q/b-"]) paths.push((await restarted.create(prefix, sequential)).path);
    await restarted.store.close();
  }
  expect(paths.map((path) => path.slice(-1))).toEqual(["0", "1", "2", "3"]);
  expect(keeper.store.zxid).toBe(0);
});

test("fifty creates at once have fifty numbers without a gap, in the order of czxid [Q8]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const creates = Array.from({ length: 50 }, (_, index) => keeper.create(`/q/${index % 3}-`, sequential));
  const stats = (await Promise.all(creates)).map(({ stat }) => stat);
  stats.sort((a, b) => a.czxid - b.czxid);
  expect(stats.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 50 }, (_, number) => number));
});

test("a taken name is skipped, and the skipped number never comes [Q9]", async ({ keeper }) => {
  await keeper.create("/q");
  for (const number of [2, 3, 5]) await keeper.create(`/q/n-000000000${number}`);
  const next = async (prefix = "/q/n-") => (await keeper.create(prefix, sequential)).path;
  expect(await next()).toBe("/q/n-0000000004");
  expect(await next()).toBe("/q/n-0000000006");
  await keeper.delete("/q/n-0000000005");
  expect(await next("/q/m-")).toBe("/q/m-0000000007");
});

test("past ten digits the number grows, exactly [Q10]", async ({ keeper }) => {
  const { tree } = keeper.state;
  await keeper.create("/q");
  const paths: string[] = [];
  for (const nextSequence of [2_147_483_647, 9_999_999_999, 4_294_967_296_000]) {
    const znode = tree.get("/q");
    if (znode !== undefined) tree.replace({ ...znode, nextSequence });
    for (let round = 0; round < 2; round += 1) paths.push((await keeper.create("/q/", sequential)).path);
  }
  expect(paths).toEqual([
    "/q/2147483647",
    "/q/2147483648",
    "/q/9999999999",
    "/q/10000000000",
    "/q/4294967296000",
    "/q/4294967296001",
  ]);
});

test("creates of one transaction see each other's numbers [Q11]", async ({ keeper }) => {
  await keeper.create("/q");
  await keeper.create("/q/x");
  const create = { type: "create", path: "/q/n-", data: bytes(""), mode: sequential } as const;
  const results = await keeper.multi([create, { ...create, path: "/q/y", mode: plain }, create]);
  expect(results.map(({ path }) => path)).toEqual(["/q/n-0000000001", "/q/y", "/q/n-0000000003"]);
});

test("others may set and delete an ephemeral, and do not own it by that [E3]", async ({ keeper }) => {
  const [a, b] = [await keeper.openSession(), await keeper.openSession()];
  await keeper.create("/e", ephemeral, "a", { sessionId: a });
  expect((await keeper.set("/e", "b", 0, { sessionId: b })).ephemeralOwner).toBe(a);
  await keeper.closeSession(b);
  expect(keeper.data("/e")).toBe("b");
  await keeper.delete("/e", 1);
  expect(await keeper.closeSession(a)).toEqual([]);
});

test("a session that ends leaves alone what another made at the same path [E4]", async ({ keeper }) => {
  const [a, b] = [await keeper.openSession(), await keeper.openSession()];
  await keeper.create("/e", ephemeral, "a", { sessionId: a });
  await keeper.delete("/e");
  await keeper.create("/e", ephemeral, "b", { sessionId: b });
  expect(await keeper.closeSession(a)).toEqual([]);
  expect(keeper.data("/e")).toBe("b");
});

test("all ephemerals of a session go at one zxid, in the order they were created [E5, N10]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const other = await keeper.openSession();
  for (const path of ["/p", "/q"]) await keeper.create(path);
  const paths = ["/q/b", "/p/z", "/q/a", "/p/y"];
  for (const path of paths) await keeper.create(path, ephemeral, "", { sessionId });
  await keeper.create("/p/other", ephemeral, "", { sessionId: other });
  await keeper.create("/p/stays", plain, "", { sessionId });
  expect(await keeper.closeSession(sessionId)).toEqual(paths);
  expect(keeper.children("/p")).toEqual(["other", "stays"]);
  expect([keeper.stat("/p").pzxid, keeper.stat("/q").pzxid]).toEqual([keeper.store.zxid, keeper.store.zxid]);
  expect(keeper.applied.at(-1)?.message?.events.map(({ path }) => path)).toEqual(paths);
});

test("an ephemeral ordered behind the end of its session is not made [E6]", async ({ keeper }) => {
  for (let round = 0; round < 10; round += 1) {
    const sessionId = await keeper.openSession();
    const closing = keeper.closeSession(sessionId);
    const creating = refusal(keeper.create("/e", ephemeral, "", { sessionId }));
    await closing;
    expect(await creating).toBe("session_expired");
    expect(keeper.exists("/e")).toBe(false);
  }
});

test("an ephemeral of a transaction belongs to its session, and a refused one leaves none [E7]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const create = { type: "create", path: "/e", data: bytes(""), mode: ephemeral } as const;
  const failing = keeper.multi([create, { type: "check", path: "/missing" }], { sessionId });
  expect(await refusal(failing)).toBe("no_node");
  expect([...keeper.state.ephemeralsOf(sessionId)]).toEqual([]);
  await keeper.multi([create], { sessionId });
  expect(keeper.stat("/e").ephemeralOwner).toBe(sessionId);
  expect(await keeper.closeSession(sessionId)).toEqual(["/e"]);
});

test("the ephemerals of a session are listed, and nobody else's [O10]", async ({ keeper }) => {
  const [a, b] = [await keeper.openSession(), await keeper.openSession()];
  for (const path of ["/base0", "/base1", "/base1/z"]) await keeper.create(path);
  for (const path of ["/base0/x", "/base1/y"]) await keeper.create(path, ephemeral, "", { sessionId: a });
  await keeper.create("/base1/w", ephemeral, "", { sessionId: b });
  await keeper.delete("/base0/x");
  await keeper.create("/base0/v", ephemeral, "", { sessionId: a });
  expect([...keeper.state.ephemeralsOf(a)].sort()).toEqual(["/base0/v", "/base1/y"]);
  expect([...keeper.state.ephemeralsOf(b)]).toEqual(["/base1/w"]);
  expect([...keeper.state.ephemeralsOf("00000000000000ff")]).toEqual([]);
});

test("an ephemeral needs a session, everything else needs none [N20]", async ({ keeper }) => {
  expect(await refusal(keeper.create("/e", ephemeral))).toBe("session_required");
  expect(await refusal(keeper.create("/e", ephemeralSequential))).toBe("session_required");
  const create = { type: "create", path: "/e", data: bytes(""), mode: ephemeral } as const;
  expect(await refusal(keeper.multi([create]))).toBe("session_required");
  for (const mode of [plain, container, ttl]) await keeper.create(`/${mode.kind}${mode === ttl}`, mode);
});
