// A tree that grows is refused before memory ends, by name; what makes room, and what keeps sessions, goes on.

import { expect, test } from "vitest";
import { openAcl } from "../../src/core/acl/acl.ts";
import { memoryOf } from "../../src/core/memory.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, ephemeral, Keeper, plain, refusal } from "../support/keeper.ts";

const mebibyte = 1_048_576;

async function keeperOf(treeBytesMax: number, entries = new MemoryEntries()): Promise<Keeper> {
  const log = new MemoryLog(`from ${entries.tail} on`, entries);
  const keeper = new Keeper(new FakeClock(), log, { treeBytesMax });
  await keeper.store.start();
  return keeper;
}

test("what would make the tree larger than memory may hold is refused naming the limit, and does not happen", async () => {
  const keeper = await keeperOf(mebibyte);
  const half = "x".repeat(mebibyte / 2);
  const sessionId = await keeper.openSession();
  await keeper.create("/a", plain, half);
  await expect(keeper.create("/b", plain, half)).rejects.toMatchObject({
    code: "too_large",
    details: { limit: "treeBytesMax", limitValue: mebibyte },
  });
  const large = { data: bytes(half), mode: plain } as const;
  const claim = { mode: "exclusive", metadata: bytes(""), orElse: "wait", sessionId } as const;
  expect(await refusal(keeper.multi([{ type: "create", path: "/b", ...large }]))).toBe("too_large");
  const imported = { path: "/i", ...large, sequence: null, nextSequence: 0 };
  const growing = [
    keeper.set("/a", "x".repeat(mebibyte)),
    keeper.store.submit({ type: "setData", path: "/b", data: bytes(half), create: "upsert" }),
    keeper.store.submit({ type: "import", znodes: [imported], onConflict: "fail" }),
    keeper.store.submit({
      type: "create",
      path: "/d".repeat(1000),
      data: bytes(""),
      mode: plain,
      parents: true,
    }),
  ];
  for (const write of growing) expect(await refusal(write)).toBe("too_large");
  expect(keeper.children("/")).toEqual(["a"]);
  // What is left is still there for what is small.
  await keeper.store.submit({ type: "claimLock", name: "l", ...claim });
  await keeper.create("/e", ephemeral, "", { sessionId });
  await keeper.store.close();
});

test("policies and tokens take room, and give it back", async () => {
  const keeper = await keeperOf(256 * 1024);
  const { store, state } = keeper;
  const principal = "system";
  const setPolicy = (name: string) => {
    const rules = Array.from({ length: 50 }, (_, index) => ({
      ...{ prefix: `/${index}${"p".repeat(500)}`, allow: ["read"] as const },
    }));
    return store.submit({ type: "setPolicy", policy: { name, rules }, principal });
  };
  await store.submit({ type: "turnOnAccess", principal });
  const before = memoryOf(state);
  await setPolicy("a");
  await setPolicy("a");
  const ofOne = memoryOf(state) - before;
  expect(ofOne).toBeGreaterThan(50 * 500);
  await setPolicy("b");
  expect(await refusal(setPolicy("c"))).toBe("too_large");
  const token = { name: "t", policies: ["a"], root: "/", validUntilMs: null };
  await store.submit({ type: "createToken", token, principal });
  await store.submit({ type: "revokeToken", name: "t", principal });
  for (const name of ["a", "b"]) await store.submit({ type: "deletePolicy", name, principal });
  expect(memoryOf(state)).toBe(before);
  await store.close();
});

test("where memory is full, nobody learns from it how large something is that they may not read", async () => {
  const keeper = await keeperOf(256 * 1024);
  const { store } = keeper;
  const bySystem = { principal: "system" } as const;
  await store.submit({ type: "turnOnAccess", ...bySystem });
  const rules = [{ prefix: "/a", allow: ["write"] as const }];
  await store.submit({ type: "setPolicy", policy: { name: "p", rules }, ...bySystem });
  const token = { name: "t", policies: ["p"], root: "/", validUntilMs: null };
  const { outcome } = await store.submit({ type: "createToken", token, ...bySystem });
  const principal = { token: "t", made: outcome.token.madeZxid };
  for (const path of ["/a", "/secret"])
    await store.submit({ type: "create", path, data: bytes("x".repeat(100_000)), mode: plain, ...bySystem });
  const set = (path: string) =>
    store.submit({ type: "setData", path, data: bytes("x".repeat(200_000)), create: "upsert", principal });
  for (const path of ["/secret", "/none"])
    await expect(set(path)).rejects.toMatchObject({ code: "forbidden" });
  const full: unknown = await set("/a").catch((error: unknown) => error);
  expect(full).toMatchObject({
    code: "too_large",
    details: { limit: "treeBytesMax", limitValue: 256 * 1024 },
    message: expect.not.stringMatching(/\d/),
  });
  expect(full).not.toHaveProperty("details.size");
  await store.close();
});

test("access control lists take room, once however many znodes have them, and give it back", async () => {
  const keeper = await keeperOf(64 * 1024);
  const listOf = (name: string) =>
    Array.from({ length: 50 }, (_, index) => ({
      ...{ perms: index % 32, scheme: "digest" as const, id: `${index}:${name.repeat(100)}` },
    }));
  const put = (path: string, name: string) =>
    keeper.store.submit({ type: "setAcl", path, acl: listOf(name) });
  for (const path of ["/a", "/b", "/c", "/d"]) await keeper.create(path);
  const before = memoryOf(keeper.state);
  await put("/a", "x");
  const withOne = memoryOf(keeper.state);
  expect(withOne).toBeGreaterThan(before + 50 * 100);
  await put("/b", "y");
  expect(await refusal(put("/c", "z"))).toBe("too_large");
  await keeper.delete("/b");
  await keeper.store.submit({
    ...{ type: "setAcl", path: "/a", acl: openAcl.entries, shown: { digests: [`31:${"x".repeat(100)}`] } },
  });
  await put("/c", "z");
  await put("/d", "z");
  expect(memoryOf(keeper.state)).toBeLessThan(withOne);
  await keeper.store.close();
});

test("a full tree takes what leaves it as large as it is or smaller, and then grows again", async () => {
  const keeper = await keeperOf(64 * 1024);
  const sessionId = await keeper.openSession();
  await keeper.create("/e", ephemeral, "", { sessionId });
  let made = 0;
  while ((await keeper.create(`/n${made}`, plain, "x".repeat(1000)).catch(() => null)) !== null) made += 1;
  expect(made).toBeGreaterThan(10);
  expect(memoryOf(keeper.state)).toBeLessThanOrEqual(64 * 1024);
  await keeper.set("/n0", "y".repeat(1000));
  await keeper.set("/n1", "z");
  await keeper.multi([
    { type: "check", path: "/n0" },
    { type: "delete", path: "/n2" },
  ]);
  await keeper.closeSession(sessionId);
  await keeper.store.submit({ type: "deleteTree", path: "/n3" });
  await keeper.create("/again", plain, "x".repeat(1000));
  await keeper.store.close();
});

test("a tree that is larger than the bound comes up, and can be made smaller", async () => {
  const entries = new MemoryEntries();
  const before = await keeperOf(Number.POSITIVE_INFINITY, entries);
  for (let index = 0; index < 100; index += 1) await before.create(`/n${index}`, plain, "x".repeat(1000));
  const used = memoryOf(before.state);
  await before.store.close();
  const keeper = await keeperOf(50_000, entries);
  expect(memoryOf(keeper.state)).toBe(used);
  expect(await refusal(keeper.create("/more"))).toBe("too_large");
  for (let index = 0; index < 100; index += 1) await keeper.delete(`/n${index}`);
  await keeper.create("/more");
  await keeper.store.close();
});

test("a write that was done is answered when it is sent again, also when the tree has grown to its bound [D19]", async () => {
  const keeper = await keeperOf(64 * 1024);
  const idempotency = { key: "k", request: "r", ageMsMax: 1000, keysMax: 10, bytesMax: 10_000 };
  const sent = { type: "create", path: "/a", mode: plain, data: bytes(""), idempotency } as const;
  const first = await keeper.store.submit(sent);
  let made = 0;
  while ((await keeper.create(`/n${made}`, plain, "x".repeat(1000)).catch(() => null)) !== null) made += 1;
  while ((await keeper.create(`/m${made}`).catch(() => null)) !== null) made += 1;
  expect(await keeper.store.submit(sent)).toEqual({ ...first, replayed: true });
  const other = { ...sent, path: "/b", idempotency: { ...idempotency, key: "other" } };
  expect(await refusal(keeper.store.submit(other))).toBe("too_large");
  await keeper.clock.advance(1000);
  expect(await refusal(keeper.store.submit({ ...sent, path: "/b" }))).toBe("too_large");
  await keeper.store.close();
});

test("so is one that is still on its way: who sends it again hears what becomes of it [D19]", async () => {
  const keeper = await keeperOf(8 * 1024);
  const idempotency = { key: "k", request: "r", ageMsMax: 1000, keysMax: 10, bytesMax: 10_000 };
  const sent = {
    type: "create",
    path: "/a",
    mode: plain,
    data: bytes("x".repeat(6000)),
    idempotency,
  } as const;
  keeper.log.hold();
  const first = keeper.store.submit(sent);
  await keeper.clock.advance(0);
  const full = keeper.create("/full", plain, "");
  const again = keeper.store.submit(sent);
  keeper.log.release();
  expect(await again).toEqual({ ...(await first), replayed: true });
  await full;
  await keeper.store.close();
});
