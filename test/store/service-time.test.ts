// How long the service has run: it goes on over restarts, from what the log has, and with what others have measured.

import { expect, test } from "vitest";
import { encodeBatch } from "../../src/store/codec.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { ServiceTime } from "../../src/store/service-time.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, Keeper } from "../support/keeper.ts";

test("it runs with the monotonic clock alone, and never goes back", async () => {
  const clock = new FakeClock();
  await clock.advance(500);
  const time = new ServiceTime(clock, 1000);
  await clock.advance(20.5);
  clock.jumpWallClock(3_600_000);
  expect(time.nowMs()).toBe(1020);
  time.reach(900);
  expect(time.nowMs()).toBe(1020);
  time.reach(5000);
  await clock.advance(1);
  expect(time.nowMs()).toBe(5001);
});

test("it goes on over restarts, and time between them does not count", async () => {
  const entries = new MemoryEntries();
  const first = new Keeper(new FakeClock(), new MemoryLog("first", entries));
  await first.store.start();
  await first.clock.advance(60_000);
  await first.create("/a");
  const clock = new FakeClock(4_000_000_000_000);
  const second = new Keeper(clock, new MemoryLog("second", entries));
  await clock.advance(7000);
  await second.store.start();
  await clock.advance(5);
  expect(second.store.now()).toEqual({ timeMs: 4_000_000_007_005, ranMs: 60_005 });
  await second.create("/b");
  expect(second.state.ranMs).toBe(60_005);
});

test("a log that was written before there was such a time is replayed, and time begins", async () => {
  const entries = new MemoryEntries();
  const create = { type: "create", path: "/a", data: bytes(""), mode: { kind: "container" } } as const;
  entries.add("older", 1, encodeBatch({ timeMs: 5, commands: [create] }));
  const keeper = new Keeper(new FakeClock(), new MemoryLog("newer", entries));
  await keeper.store.start();
  expect(keeper.stat("/a")).toMatchObject({ ctimeMs: 5 });
  expect([keeper.state.ranMs, keeper.state.tree.get("/a")?.writtenRanMs]).toEqual([0, 0]);
  await keeper.clock.advance(30);
  await keeper.create("/b");
  expect(keeper.state.ranMs).toBe(30);
});
