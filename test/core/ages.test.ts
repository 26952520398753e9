// How old things are: judged by how long the service has run, and by no clock that somebody can set.

import { expect } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { execute } from "../../src/core/execute.ts";
import { State } from "../../src/core/state.ts";
import { bytes, container, type Keeper, test } from "../support/keeper.ts";

const year = 31_536_000_000;
const ttl = (ttlMs: number) => ({ kind: "persistent", sequential: false, ttlMs }) as const;

async function sweep(keeper: Keeper, path: string) {
  const { czxid } = keeper.stat(path);
  const command = { type: "sweep", path, czxid, neverUsedMsMax: 5000 } as const;
  return (await keeper.store.submit(command)).outcome.cause;
}

test("a clock that is set forward makes no znode with a TTL and no container older [K2, K4]", async ({
  keeper,
}) => {
  await keeper.create("/t", ttl(86_400_000));
  await keeper.create("/c", container);
  await keeper.clock.advance(3000);
  keeper.clock.jumpWallClock(50 * year);
  expect([await sweep(keeper, "/t"), await sweep(keeper, "/c")]).toEqual([null, null]);
  expect((await keeper.set("/t", "x")).mtimeMs).toBeGreaterThan(50 * year);
  keeper.clock.jumpWallClock(-90 * year);
  await keeper.clock.advance(2001);
  expect([await sweep(keeper, "/t"), await sweep(keeper, "/c")]).toEqual([null, "container"]);
  await keeper.clock.advance(86_400_000);
  expect(await sweep(keeper, "/t")).toBe("ttl");
});

test("a clock that is set forward forgets no answer to a request that is sent again [D19]", async ({
  keeper,
}) => {
  const bounds = { ageMsMax: 86_400_000, keysMax: 10, bytesMax: 100_000 };
  const create = (key: string) =>
    keeper.store.submit({
      ...{ type: "create", path: "/q-", data: bytes(""), mode: { kind: "persistent", sequential: true } },
      idempotency: { key, request: "r", ...bounds },
    });
  const first = await create("k");
  await keeper.clock.advance(10_000);
  keeper.clock.jumpWallClock(26 * 3_600_000);
  await create("other");
  expect(await create("k")).toEqual({ ...first, replayed: true });
  await keeper.clock.advance(86_400_000);
  expect((await create("k")).outcome.path).toBe("/q-0000000002");
});

const made: Command = { type: "create", path: "/t", data: bytes(""), mode: ttl(1000) };
const swept: Command = { type: "sweep", path: "/t", czxid: 1, neverUsedMsMax: 0 };

test("time that ran never goes back, whoever says so", () => {
  const state = State.fresh();
  execute(state, made, { timeMs: 0, ranMs: 5000 });
  execute(state, { type: "setData", path: "/t", data: bytes("x") }, { timeMs: 0, ranMs: 200 });
  expect([state.ranMs, state.tree.get("/t")?.writtenRanMs]).toEqual([5000, 5000]);
  expect(execute(state, swept, { timeMs: 0, ranMs: 6000 }).txn).toBe(null);
  expect(execute(state, swept, { timeMs: 0, ranMs: 6001 }).txn).toMatchObject({ cause: "ttl", ranMs: 6001 });
});

test("refused commands let time pass as others do", () => {
  const state = State.fresh();
  const refused: Command = { type: "delete", path: "/none" };
  expect(() => execute(state, refused, { timeMs: 0, ranMs: 7 })).toThrow(/does not exist/);
  expect(state.ranMs).toBe(7);
});

test("entries of versions that went by the wall clock are judged by it again", () => {
  const state = State.fresh();
  execute(state, made, { timeMs: 10_000 });
  expect(execute(state, swept, { timeMs: 11_000 }).txn).toBe(null);
  expect(execute(state, swept, { timeMs: 11_001 }).txn).toMatchObject({ cause: "ttl" });
});

test("what such entries have made begins to age with the first entry that says how long the service ran", () => {
  const state = State.fresh();
  execute(state, made, { timeMs: 0 });
  expect(execute(state, swept, { timeMs: year, ranMs: 1000 }).txn).toBe(null);
  expect(execute(state, swept, { timeMs: 0, ranMs: 1001 }).txn).toMatchObject({ cause: "ttl" });
});
