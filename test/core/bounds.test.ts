// One transaction changes so much and no more, whatever asks for it: everybody waits while it is done. The end of a
// session always fits.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Namespaces } from "../../src/core/access/namespaces.ts";
import type { Acl } from "../../src/core/acl/acl.ts";
import { deletedLength, type TransactionBounds, writtenLength } from "../../src/core/bounds.ts";
import { checkState } from "../../src/core/check.ts";
import type { Command, Operation } from "../../src/core/command.ts";
import { formatInstance, type Instance, instanceIn } from "../../src/core/coordination/instances.ts";
import { watchEventsOf } from "../../src/core/watch-event.ts";
import { decodeBatch, encodeBatch } from "../../src/store/codec.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import type { Applied } from "../../src/store/replica.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, ephemeral, Keeper, plain, refusal, sequential } from "../support/keeper.ts";

const noNamespaces = new Namespaces();

const small: TransactionBounds = {
  transactionChangesMax: 20,
  transactionChangeBytesMax: 1000,
  ephemeralsPerSessionMax: 10,
};

async function keeperOf(bounds: Partial<TransactionBounds>, entries = new MemoryEntries()): Promise<Keeper> {
  const log = new MemoryLog(`from ${entries.tail} on`, entries);
  const keeper = new Keeper(new FakeClock(), log, { ...small, ...bounds });
  await keeper.store.start();
  return keeper;
}

async function close(keeper: Keeper): Promise<void> {
  await keeper.store.close();
  expect(checkState(keeper.state)).toEqual([]);
}

function creates(count: number, from = 0): Operation[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ type: "create", path: `/n${from + index}`, data: bytes(""), mode: plain },
  }));
}

const changesLimit = { limit: "transactionChangesMax", limitValue: 20 };

test("a transaction changes as many znodes as it may, and one more is refused naming the limit", async () => {
  const keeper = await keeperOf({});
  await keeper.multi(creates(20));
  const oneMore: Command = { type: "multi", operations: creates(21, 100) };
  await expect(keeper.store.submit(oneMore)).rejects.toMatchObject({
    code: "too_many_changes",
    details: { ...changesLimit, size: 21, failedOperation: 20 },
  });
  const deep = { type: "create", path: `/d${"/d".repeat(20)}`, data: bytes(""), mode: plain } as const;
  expect(await refusal(keeper.store.submit({ ...deep, parents: true }))).toBe("too_many_changes");
  const znodes = Array.from({ length: 21 }, (_, index) => ({
    ...{ path: `/i${index}`, data: bytes(""), mode: plain, sequence: null, nextSequence: 0 },
  }));
  await expect(keeper.store.submit({ type: "import", znodes, onConflict: "fail" })).rejects.toMatchObject({
    details: { ...changesLimit, failedOperation: 20 },
  });
  expect(keeper.children("/")).toHaveLength(20);
  await close(keeper);
});

test("a subtree goes whole up to the bound, and one that is larger is refused with its size before it is walked", async () => {
  const keeper = await keeperOf({});
  await keeper.create("/a");
  for (let index = 0; index < 20; index += 1) await keeper.create(`/a/${index}`);
  await expect(keeper.store.submit({ type: "deleteTree", path: "/a" })).rejects.toMatchObject({
    code: "too_many_changes",
    details: { ...changesLimit, size: 21 },
  });
  await keeper.delete("/a/0");
  const { outcome } = await keeper.store.submit({ type: "deleteTree", path: "/a" });
  expect([outcome.deleted, keeper.children("/")]).toEqual([20, []]);
  await close(keeper);
});

test("a subtree goes in parts, leaves first: each leaves a tree, and the last is its root", async () => {
  const keeper = await keeperOf({});
  for (const path of ["/a", "/a/b", "/a/b/c", "/a/b/d", "/a/e", "/f"]) await keeper.create(path);
  const part = { type: "deletePart", path: "/a", znodesMax: 2, bytesMax: 1000 } as const;
  const told: unknown[] = [];
  let czxid: number | undefined;
  for (let remaining = 1; remaining > 0; ) {
    const { outcome } = await keeper.store.submit({ ...part, ...(czxid !== undefined && { czxid }) });
    czxid = outcome.czxid;
    remaining = outcome.remaining;
    const events = watchEventsOf((keeper.applied.at(-1) as Applied).txn);
    told.push([events.map(({ znode }) => znode.path), remaining]);
    expect(checkState(keeper.state)).toEqual([]);
  }
  expect(told).toEqual([
    [["/a/b/c", "/a/b/d"], 3],
    [["/a/b", "/a/e"], 1],
    [["/a"], 0],
  ]);
  await keeper.create("/a");
  const late = await keeper.store.submit({ ...part, czxid: czxid as number });
  expect([late.outcome, keeper.exists("/a")]).toEqual([{ czxid, deleted: 0, remaining: 0 }, true]);
  expect(await refusal(keeper.store.submit({ ...part, version: 7 }))).toBe("bad_version");
  expect(await refusal(keeper.store.submit({ ...part, path: "/" }))).toBe("reserved_path");
  expect(await refusal(keeper.store.submit({ ...part, path: "/none" }))).toBe("no_node");
  await close(keeper);
});

test("a part ends before it tells more than it may, and takes one znode at least", async () => {
  const keeper = await keeperOf({});
  for (const path of ["/a", "/a/b", "/a/c"]) await keeper.create(path);
  const part = { type: "deletePart", path: "/a", znodesMax: 10 } as const;
  expect((await keeper.store.submit({ ...part, bytesMax: 1 })).outcome.deleted).toBe(1);
  expect((await keeper.store.submit({ ...part, bytesMax: 5 })).outcome.deleted).toBe(1);
  expect((await keeper.store.submit({ ...part, bytesMax: 5 })).outcome.remaining).toBe(0);
  await close(keeper);
});

test("what came to be under a higher bound can be deleted under a lower one", async () => {
  const entries = new MemoryEntries();
  const path = `/services/s/${'"'.repeat(900)}`;
  const before = await keeperOf({ transactionChangeBytesMax: 10_000 }, entries);
  await before.store.submit({ type: "create", path, data: bytes(""), mode: plain, parents: true });
  await before.store.close();
  const keeper = await keeperOf({}, entries);
  await keeper.delete(path);
  await close(keeper);
});

test("what a transaction tells is bounded as it stands in JSON", async () => {
  const keeper = await keeperOf({});
  const fits = "x".repeat(1000 - "/a".length);
  await keeper.create("/a", plain, fits);
  await expect(keeper.create("/b", plain, `${fits}x`)).rejects.toMatchObject({
    code: "too_large",
    details: { limit: "transactionChangeBytesMax", limitValue: 1000, size: 1001 },
  });
  expect(await refusal(keeper.set("/a", "\u0001".repeat(200)))).toBe("too_large");
  const parent = `/${'"'.repeat(200)}`;
  await keeper.create(parent);
  await keeper.create(`${parent}/c`);
  expect(await refusal(keeper.create(`${parent}/c/${'"'.repeat(300)}`))).toBe("too_large");
  await keeper.create(`${parent}/d`);
  expect(await refusal(keeper.store.submit({ type: "deleteTree", path: parent }))).toBe("too_large");
  await close(keeper);
});

test("text counts for as many characters as its JSON has, a path and what is told of an instance too", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.integer({ min: 0, max: 0x7e }).map(String.fromCharCode) }), (text) => {
      const inJson = (value: string) => JSON.stringify(value).length - 2;
      const path = `/services/s/${text.replaceAll(/[\0-\x1f]/g, "")}`;
      expect(writtenLength({ path: "/a", data: bytes(text) })).toBe(2 + inJson(text));
      expect(deletedLength({ path: "/a", data: bytes(text) }, noNamespaces)).toBe(2);
      expect(deletedLength({ path, data: bytes(text) }, noNamespaces)).toBeGreaterThanOrEqual(inJson(path));
    }),
  );
  const data = bytes('{"a":1}');
  expect(deletedLength({ path: "/services/s/i", data }, noNamespaces)).toBe(13 + 9);
});

test("a session owns so many ephemerals, whatever they are, and they all go in one transaction with it [N10]", async () => {
  const keeper = await keeperOf({});
  const sessionId = await keeper.openSession();
  const claim = { mode: "exclusive", metadata: bytes(""), orElse: "wait", sessionId } as const;
  for (let index = 0; index < 4; index += 1) {
    await keeper.store.submit({ type: "configureLock", name: `l${index}`, lockDelayMs: 1000 });
    await keeper.store.submit({ type: "claimLock", name: `l${index}`, ...claim });
    await keeper.store.submit({ type: "enterBarrier", name: `b${index}`, count: 1, sessionId });
  }
  await keeper.store.submit({ type: "standForElection", name: "e", value: bytes(""), sessionId });
  await keeper.create("/own", ephemeral, "", { sessionId });
  const instance = instanceIn('{"address":"a","port":1}') as Instance;
  const beyond: Command[] = [
    { type: "create", path: "/more", data: bytes(""), mode: ephemeral, sessionId },
    { type: "claimLock", name: "more", ...claim },
    { type: "standForElection", name: "more", value: bytes(""), sessionId },
    { type: "enterBarrier", name: "more", count: 1, sessionId },
    { type: "registerInstance", name: "s", id: "i", data: formatInstance(instance), sessionId },
  ];
  for (const command of beyond) {
    await expect(keeper.store.submit(command)).rejects.toMatchObject({
      code: "too_large",
      details: { limit: "ephemeralsPerSessionMax", limitValue: 10, size: 11 },
    });
  }
  // One that goes in the same transaction makes room for another.
  const exchange: Operation[] = [
    { type: "delete", path: "/own" },
    { type: "create", path: "/other", data: bytes(""), mode: ephemeral },
  ];
  await keeper.multi(exchange, { sessionId });
  const before = keeper.applied.length;
  expect(await keeper.closeSession(sessionId, "session_expired")).toHaveLength(10);
  expect(keeper.applied).toHaveLength(before + 1);
  expect(keeper.exists("/barriers/b0/ready")).toBe(false);
  await close(keeper);
});

test("the paths of a session's ephemerals leave room to tell of its end", async () => {
  const keeper = await keeperOf({});
  const sessionId = await keeper.openSession();
  await keeper.create(`/${"x".repeat(399)}`, ephemeral, "", { sessionId });
  await expect(keeper.create(`/${"y".repeat(100)}`, ephemeral, "", { sessionId })).rejects.toMatchObject({
    code: "too_large",
    details: { limit: "transactionChangeBytesMax", size: 501 },
  });
  expect(await keeper.closeSession(sessionId)).toHaveLength(1);
  await close(keeper);
});

test("a session that owns more than may go at once goes in parts, and is closed with the last", async () => {
  const entries = new MemoryEntries();
  const older = await keeperOf({ ephemeralsPerSessionMax: 100, transactionChangesMax: 200 }, entries);
  const sessionId = await older.openSession();
  for (let index = 0; index < 25; index += 1) await older.create(`/e${index}`, ephemeral, "", { sessionId });
  await older.store.close();
  const keeper = new Keeper(new FakeClock(), new MemoryLog("newer", entries), small);
  await keeper.store.start();
  const close_ = { type: "closeSession", sessionId, reason: "session_expired" } as const;
  const parts: unknown[] = [];
  for (let remaining: number | undefined = 25; remaining !== undefined; ) {
    const { outcome } = await keeper.store.submit(close_);
    parts.push([outcome.ephemerals.length, outcome.remaining, keeper.state.session(sessionId) === undefined]);
    remaining = outcome.remaining;
  }
  expect(parts).toEqual([
    [10, 15, false],
    [10, 5, false],
    [5, undefined, true],
  ]);
  expect(keeper.children("/")).toEqual([]);
  await close(keeper);
});

test("an entry keeps the bounds it was decided by, and one from before there were bounds has none", async () => {
  const entries = new MemoryEntries();
  const large: Command = { type: "multi", operations: creates(30) };
  entries.add("older", 1, encodeBatch({ timeMs: 1, commands: [large] }));
  const first = await keeperOf({}, entries);
  expect(first.children("/")).toHaveLength(30);
  const another: Command = { type: "multi", operations: creates(30, 100) };
  expect(await refusal(first.store.submit(another))).toBe("too_many_changes");
  await first.store.close();
  const [, refused] = [...entries.from(1)].map(({ body }) => decodeBatch(body));
  expect(refused?.bounds).toEqual(small);
  const wider = new Keeper(new FakeClock(), new MemoryLog("wider", entries), { transactionChangesMax: 1000 });
  await wider.store.start();
  expect(wider.children("/")).toHaveLength(30);
  await wider.store.submit(another);
  await close(wider);
});

test("names that somebody took are skipped in few steps, however many they are [Q9]", async () => {
  const keeper = await keeperOf({ transactionChangesMax: 10_000, transactionChangeBytesMax: 1_000_000 });
  const taken = Array.from({ length: 3000 }, (_, index) => `/n-${String(index + 3000).padStart(10, "0")}`);
  await keeper.multi(
    taken.map((path) => ({ type: "create", path, data: bytes(""), mode: plain }) as const).slice(0, 1000),
  );
  await keeper.multi(
    taken.map((path) => ({ type: "create", path, data: bytes(""), mode: plain }) as const).slice(1000, 2000),
  );
  await keeper.multi(
    taken.map((path) => ({ type: "create", path, data: bytes(""), mode: plain }) as const).slice(2000),
  );
  const paths = [await keeper.create("/n-", sequential), await keeper.create("/n-", sequential)];
  const [one, other] = paths.map(({ stat }) => stat.sequence as number) as [number, number];
  expect(one).toBeGreaterThan(5999);
  expect(other).toBe(one + 1);
  await close(keeper);
});

test("a transaction counts each list that is told of once, and what goes in parts goes all the same [A19]", async () => {
  const keeper = await keeperOf({ transactionChangesMax: 100 });
  const listOf = (index: number): Acl => [
    { perms: 31, scheme: "digest", id: `${index}:${"x".repeat(240)}` },
    everybody,
  ];
  const closed = (index: number, list: number): Operation => ({
    ...{ type: "create", path: `/t/${index}`, data: bytes(""), mode: plain, acl: listOf(list) },
  });
  await keeper.create("/t");
  await keeper.multi(Array.from({ length: 20 }, (_, index) => closed(index, index % 2)));
  expect(await refusal(keeper.multi([2, 3, 4, 5].map((list) => closed(100 + list, list))))).toBe("too_large");
  for (const list of [2, 3, 4, 5]) await keeper.multi([closed(100 + list, list)]);
  expect(await refusal(keeper.store.submit({ type: "deleteTree", path: "/t" }))).toBe("too_large");
  const part = { type: "deletePart", path: "/t", znodesMax: 100, bytesMax: 600 } as const;
  let remaining = 25;
  for (let parts = 0; remaining > 0 && parts < 25; parts += 1)
    remaining = (await keeper.store.submit(part)).outcome.remaining;
  expect(remaining).toBe(0);
  await close(keeper);
});

const everybody = { perms: 31, scheme: "world", id: "anyone" } as const;
