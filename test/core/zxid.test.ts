// The one counter everything is ordered by: what takes a number, what does not, and who sees it when.

import { expect } from "vitest";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, ephemeral, Keeper, plain, refusal, test } from "../support/keeper.ts";

test("every transaction takes one number, whatever it is, and reads take none [Z1, Z5]", async ({
  keeper,
}) => {
  const numbers: number[] = [];
  const note = () => numbers.push(keeper.store.zxid);
  note();
  const sessionId = await keeper.openSession();
  note();
  await keeper.create("/a", ephemeral, "", { sessionId });
  note();
  await keeper.set("/a", "x");
  note();
  for (let read = 0; read < 100; read += 1) keeper.stat("/a");
  note();
  await keeper.closeSession(sessionId);
  note();
  expect(numbers).toEqual([0, 1, 2, 3, 3, 4]);
});

test("a transaction of many operations takes one number [Z2]", async ({ keeper }) => {
  const create = { type: "create", data: bytes(""), mode: plain } as const;
  await keeper.multi(["/a", "/b", "/c", "/c/d"].map((path) => ({ ...create, path })));
  expect(["/a", "/b", "/c", "/c/d"].map((path) => keeper.stat(path).czxid)).toEqual([1, 1, 1, 1]);
  expect(keeper.store.zxid).toBe(1);
});

test("what takes a subtree, or makes missing parents, takes one number [Z2]", async ({ keeper }) => {
  await keeper.store.submit({ type: "create", path: "/a/b/c", data: bytes(""), mode: plain, parents: true });
  expect(keeper.store.zxid).toBe(1);
  await keeper.store.submit({ type: "deleteTree", path: "/a" });
  expect(keeper.store.zxid).toBe(2);
});

test("what is refused takes no number [Z3]", async ({ keeper }) => {
  await keeper.create("/a");
  await refusal(keeper.create("/a"));
  await refusal(keeper.set("/missing", ""));
  await refusal(keeper.delete("/a", 7));
  await refusal(
    keeper.multi([
      { type: "delete", path: "/a" },
      { type: "check", path: "/missing" },
    ]),
  );
  await refusal(keeper.closeSession("00000000000000ff"));
  expect(keeper.store.zxid).toBe(1);
  expect((await keeper.create("/b")).stat.czxid).toBe(2);
});

test("numbers follow the order in which commands came, and so do answers [Z4]", async ({ keeper }) => {
  const answered: number[] = [];
  const creates = Array.from({ length: 30 }, async (_, index) => {
    const { stat } = await keeper.create(`/${index}`);
    answered.push(stat.czxid);
    return stat.czxid;
  });
  expect(await Promise.all(creates)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  expect(answered).toEqual([...answered].sort((a, b) => a - b));
});

test("a restart goes on where the last one ended [Z5]", async ({ keeper }) => {
  const entries = new MemoryEntries();
  for (const [round, writer] of ["first", "second", "third"].entries()) {
    const restarted = new Keeper(new FakeClock(), new MemoryLog(writer, entries));
    await restarted.store.start();
    expect(restarted.store.zxid).toBe(round);
    await restarted.create(`/${writer}`);
    await restarted.store.close();
  }
  expect(keeper.store.zxid).toBe(0);
});

test("who is answered finds the store at that number or beyond [Z6]", async ({ keeper }) => {
  const seen: number[] = [];
  const writes = Array.from({ length: 20 }, async (_, index) => {
    const commit = await keeper.store.submit({
      type: "create",
      path: `/${index}`,
      data: bytes(""),
      mode: plain,
    });
    expect(commit.zxid).toBe(keeper.stat(`/${index}`).mzxid);
    expect(keeper.store.zxid).toBeGreaterThanOrEqual(commit.zxid);
    seen.push(keeper.store.zxid);
  });
  await Promise.all(writes);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

test("the number moves on when the whole transaction is done, not before [Z8, M9]", async ({ keeper }) => {
  const sums = new Set<number>();
  keeper.store.onApplied(() => {
    if (keeper.exists("/y")) sums.add(Number(keeper.data("/x")) + Number(keeper.data("/y")));
  });
  const create = { type: "create", mode: plain } as const;
  await keeper.multi([
    { ...create, path: "/x", data: bytes("100") },
    { ...create, path: "/y", data: bytes("0") },
  ]);
  const transfers = Array.from({ length: 50 }, (_, index) =>
    keeper.multi([
      { type: "increment", path: "/x", by: -index },
      { type: "increment", path: "/y", by: index },
    ]),
  );
  await Promise.all(transfers);
  expect([...sums]).toEqual([100]);
});

test("events carry the number of their transaction [Z9]", async ({ keeper }) => {
  await keeper.create("/a");
  await keeper.set("/a", "x");
  await keeper.create("/a/b");
  await keeper.delete("/a/b");
  const told = keeper.applied.map(({ message }) => message?.zxid);
  expect(told).toEqual([1, 2, 3, 4]);
  expect(keeper.stat("/a")).toMatchObject({ mzxid: 2, pzxid: 4 });
});
