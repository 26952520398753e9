// When sweeps come, what they take and how they behave toward a store that is busy or full.

import { describe, expect, onTestFinished } from "vitest";
import type { Operation } from "../../src/core/command.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { systemContext } from "../../src/core/reader.ts";
import { State } from "../../src/core/state.ts";
import type { CreateMode } from "../../src/core/tree/znode.ts";
import { Sweeper, type SweepSettings } from "../../src/duties/sweeper.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, container, type Keeper, plain, refusal, test } from "../support/keeper.ts";

const settings: SweepSettings = {
  sweepIntervalMs: 60_000,
  sweepsPerMinuteMax: 10_000,
  containerNeverUsedMsMax: 300_000,
};

const ttl = (ttlMs: number): CreateMode => ({ kind: "persistent", sequential: false, ttlMs });

function startSweeper(store: Store, changed: Partial<SweepSettings> = {}): Sweeper {
  const sweeper = new Sweeper(store, { ...settings, ...changed });
  sweeper.start();
  onTestFinished(() => sweeper.stop());
  return sweeper;
}

async function createUsedContainer(keeper: Keeper, path: string): Promise<void> {
  await keeper.create(path, container);
  await keeper.create(`${path}/child`);
  await keeper.delete(`${path}/child`);
}

/** When each deletion by a sweep was ordered, since `startMs`. */
function sweptAtMs(keeper: Keeper, startMs: number): number[] {
  return keeper.applied
    .filter(({ txn }) => txn.cause === "ttl" || txn.cause === "container")
    .map(({ txn }) => txn.timeMs - startMs);
}

describe("the interval", () => {
  test("the first sweep comes one interval after the start, not earlier [K1]", async ({ keeper }) => {
    await keeper.create("/t", ttl(1));
    await createUsedContainer(keeper, "/c");
    await keeper.clock.advance(1_000_000);
    startSweeper(keeper.store);
    await keeper.clock.advance(59_999);
    expect(keeper.children("/")).toEqual(["c", "t"]);
    await keeper.clock.advance(100);
    expect(keeper.children("/")).toEqual([]);
  });

  test("sweeps go on, one interval after another [K1]", async ({ keeper }) => {
    const startMs = keeper.clock.wallMs();
    startSweeper(keeper.store);
    for (let round = 0; round < 3; round += 1) {
      await keeper.create("/t", ttl(1));
      await keeper.clock.advance(60_100);
      expect(keeper.exists("/t")).toBe(false);
    }
    expect(sweptAtMs(keeper, startMs)).toEqual([60_000, 120_006, 180_012]);
  });

  test("an empty container outlives a sweep, and goes once it was used or waited for too long [K2]", async ({
    keeper,
  }) => {
    await keeper.create("/used", container);
    await keeper.create("/never", container);
    startSweeper(keeper.store);
    await keeper.clock.advance(60_000);
    expect(keeper.children("/")).toEqual(["never", "used"]);
    await keeper.create("/used/child");
    await keeper.delete("/used/child");
    await keeper.clock.advance(60_000);
    expect(keeper.children("/")).toEqual(["never"]);
    await keeper.clock.advance(179_000);
    expect(keeper.children("/")).toEqual(["never"]);
    await keeper.clock.advance(1_100);
    expect(keeper.children("/")).toEqual([]);
  });

  test("with a bound of 0 a container that was never used stays [K2]", async ({ keeper }) => {
    await keeper.create("/never", container);
    startSweeper(keeper.store, { containerNeverUsedMsMax: 0 });
    await keeper.clock.advance(3_600_000);
    expect(keeper.exists("/never")).toBe(true);
  });

  test("after its TTL a znode is there until the next sweep [K3, K5]", async ({ keeper }) => {
    startSweeper(keeper.store);
    await keeper.clock.advance(50_000);
    await keeper.create("/t", ttl(10_000), "tea");
    await keeper.clock.advance(10_000);
    await keeper.clock.advance(59_000);
    expect(keeper.data("/t")).toBe("tea");
    await keeper.clock.advance(1_000);
    expect(keeper.exists("/t")).toBe(false);
  });

  test("a znode that is set every half of its TTL lives on, and goes when that ends [K4]", async ({
    keeper,
  }) => {
    await keeper.create("/t", ttl(5000));
    startSweeper(keeper.store, { sweepIntervalMs: 1000 });
    for (let round = 0; round < 10; round += 1) {
      await keeper.clock.advance(2500);
      await keeper.set("/t", "alive");
    }
    await keeper.clock.advance(5000);
    expect(keeper.exists("/t")).toBe(true);
    await keeper.clock.advance(1010);
    expect(keeper.exists("/t")).toBe(false);
  });
});

describe("one sweep", () => {
  test("spreads its deletions: at 60 in a minute, four candidates go one per second [K6]", async ({
    keeper,
  }) => {
    for (const path of ["/a", "/b", "/c", "/d"]) await createUsedContainer(keeper, path);
    const startMs = keeper.clock.wallMs();
    startSweeper(keeper.store, { sweepsPerMinuteMax: 60 });
    await keeper.clock.advance(70_000);
    expect(sweptAtMs(keeper, startMs)).toEqual([60_000, 61_000, 62_000, 63_000]);
  });

  test("the time a slow disk takes counts as spreading [K6]", async ({ keeper }) => {
    for (const path of ["/a", "/b", "/c"]) await createUsedContainer(keeper, path);
    const startMs = keeper.clock.wallMs();
    keeper.log.hold();
    startSweeper(keeper.store, { sweepsPerMinuteMax: 60 });
    await keeper.clock.advance(60_400);
    keeper.log.release();
    await keeper.clock.advance(0);
    keeper.log.hold();
    await keeper.clock.advance(4_100);
    keeper.log.release();
    await keeper.clock.advance(0);
    await keeper.clock.advance(5_000);
    expect(sweptAtMs(keeper, startMs)).toEqual([60_000, 61_000, 64_500]);
  });

  test("each znode goes by its own transaction, the root is left [K7]", async ({ keeper }) => {
    for (const name of ["a", "b", "c"]) await keeper.create(`/${name}`, ttl(1));
    const zxid = keeper.store.zxid;
    startSweeper(keeper.store);
    await keeper.clock.advance(60_100);
    expect(keeper.store.zxid).toBe(zxid + 3);
    expect(keeper.children("/")).toEqual([]);
  });

  test("a sweep with nothing to do sends nothing to the log", async ({ keeper }) => {
    await keeper.create("/c", container);
    await keeper.create("/t", ttl(1_000_000));
    const before = await keeper.log.tail();
    startSweeper(keeper.store);
    await keeper.clock.advance(120_100);
    expect(await keeper.log.tail()).toBe(before);
  });

  test("containers in containers go one level at a time [K8]", async ({ keeper }) => {
    await keeper.create("/a", container);
    await keeper.create("/a/b", container);
    await keeper.create("/a/b/c", container);
    await keeper.create("/a/b/c/child");
    await keeper.delete("/a/b/c/child");
    startSweeper(keeper.store);
    for (const left of ["/a/b", "/a"]) {
      await keeper.clock.advance(60_050);
      expect([...keeper.state.mortals].at(-1)).toBe(left);
    }
    await keeper.clock.advance(60_050);
    expect(keeper.children("/")).toEqual([]);
  });

  test("what is refreshed, gets a child or is made anew while it waits its turn stays [K7, K9]", async ({
    keeper,
  }) => {
    for (const name of ["a", "b", "c", "d"]) await keeper.create(`/${name}`, ttl(30_000));
    startSweeper(keeper.store, { sweepsPerMinuteMax: 60 });
    await keeper.clock.advance(60_000);
    expect(keeper.children("/")).toEqual(["b", "c", "d"]);
    await keeper.set("/b", "refreshed");
    await keeper.create("/c/child");
    await keeper.delete("/d");
    await keeper.create("/d");
    await keeper.clock.advance(10_000);
    expect(keeper.children("/")).toEqual(["b", "c", "d"]);
  });

  test("who creates under a container that was swept is told, and makes it again [K10]", async ({
    keeper,
  }) => {
    startSweeper(keeper.store);
    await createUsedContainer(keeper, "/lock");
    await keeper.clock.advance(60_050);
    expect(await refusal(keeper.create("/lock/n-", { kind: "persistent", sequential: true }))).toBe(
      "no_node",
    );
    await keeper.create("/lock", container);
    const { path } = await keeper.create("/lock/n-", { kind: "persistent", sequential: true });
    expect(path).toBe("/lock/n-0000000000");
    await keeper.clock.advance(600_000);
    expect(keeper.exists(path)).toBe(true);
  });

  test("two servers that sweep the same tree delete everything once [K9]", async ({ keeper }) => {
    for (let index = 0; index < 20; index += 1) await createUsedContainer(keeper, `/c${index}`);
    const zxid = keeper.store.zxid;
    startSweeper(keeper.store);
    startSweeper(keeper.store);
    await keeper.clock.advance(61_000);
    expect([keeper.children("/"), keeper.store.zxid]).toEqual([[], zxid + 20]);
  });

  test("among very many znodes that live on, requests have their turns while it looks", async ({
    keeper,
  }) => {
    const count = 20_000;
    for (let from = 0; from < count; from += 1000) {
      const creates = Array.from({ length: 1000 }, (_, index): Operation => {
        return { type: "create", path: `/t${from + index}`, data: bytes(""), mode: ttl(1_000_000) };
      });
      await keeper.multi(creates);
    }
    await keeper.create("/due", ttl(1));
    startSweeper(keeper.store);
    void keeper.clock.advance(60_000);
    let turns = 0;
    for (; keeper.exists("/due"); turns += 1) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(turns).toBeGreaterThanOrEqual(count / 1000);
    expect(keeper.state.tree.size).toBe(count + 1);
    await keeper.clock.advance(0);
  });
});

describe("a store that refuses", () => {
  test("a log without room still takes deletions by sweeps, which make room [K7]", async ({ keeper }) => {
    await keeper.create("/t", ttl(1));
    keeper.log.injectFault("notAppended");
    expect(await refusal(keeper.create("/x"))).toBe("read_only");
    startSweeper(keeper.store);
    await keeper.clock.advance(60_000);
    expect([keeper.exists("/t"), keeper.store.logState.state]).toEqual([false, "connected"]);
  });

  test("one that refuses even those is asked again every second, for the same znode [K7]", async ({
    keeper,
  }) => {
    for (const name of ["a", "b"]) await keeper.create(`/${name}`, ttl(1));
    const startMs = keeper.clock.wallMs();
    startSweeper(keeper.store);
    for (let count = 0; count < 4; count += 1) keeper.log.injectFault("notAppended");
    await keeper.clock.advance(62_900);
    expect(keeper.children("/")).toEqual(["a", "b"]);
    await keeper.clock.advance(200);
    expect(keeper.children("/")).toEqual([]);
    expect(sweptAtMs(keeper, startMs)).toEqual([63_000, 63_006]);
  });

  test("one with too many writes waiting is left alone until they are done [L1]", async () => {
    const [clock, log] = [new FakeClock(), new MemoryLog("busy")];
    const store = new Store({
      state: State.fresh(),
      position: { appliedLsn: 0, historyFloorZxid: 0 },
      ...{ log, clock, limits: { ...defaultLimits, queueCommandsMax: 1, queueBytesMax: 1_000_000 } },
    });
    await store.start();
    const create = (path: string, mode: CreateMode) =>
      store.submit({ type: "create", path, data: bytes(""), mode });
    await create("/t", ttl(1));
    startSweeper(store);
    await clock.advance(59_999);
    log.hold();
    const writes: Promise<unknown>[] = [];
    for (const path of ["/a", "/b", "/c"]) {
      writes.push(create(path, plain));
      await clock.advance(0);
    }
    expect(await refusal(create("/d", plain))).toBe("throttled");
    await clock.advance(10_000);
    expect(store.reader(systemContext).get("/t")).toBeDefined();
    log.release();
    await Promise.all(writes);
    await clock.advance(1000);
    expect([...store.reader(systemContext).childNames("/")]).toEqual(["a", "b", "c"]);
    await store.close();
  });
});

describe("the end", () => {
  test("once stopped it takes nothing more: not before a sweep, not within one", async ({ keeper }) => {
    for (const name of ["a", "b", "c"]) await keeper.create(`/${name}`, ttl(1));
    startSweeper(keeper.store).stop();
    const sweeper = startSweeper(keeper.store, { sweepsPerMinuteMax: 60 });
    await keeper.clock.advance(61_000);
    expect(keeper.children("/")).toEqual(["c"]);
    sweeper.stop();
    await keeper.clock.advance(1_000_000);
    expect(keeper.children("/")).toEqual(["c"]);
  });

  test("stopped while a deletion is on its way, it lets that happen and asks for no other", async ({
    keeper,
  }) => {
    for (const name of ["a", "b"]) await keeper.create(`/${name}`, ttl(1));
    const sweeper = startSweeper(keeper.store);
    keeper.log.hold();
    await keeper.clock.advance(60_000);
    sweeper.stop();
    keeper.log.release();
    await keeper.clock.advance(1_000_000);
    expect(keeper.children("/")).toEqual(["b"]);
  });

  test("stopped while it looks, it asks for nothing", async ({ keeper }) => {
    for (const name of ["a", "b"]) await keeper.create(`/${name}`, ttl(1));
    const sweeper = startSweeper(keeper.store);
    const looking = keeper.clock.advance(60_000);
    sweeper.stop();
    await looking;
    await keeper.clock.advance(1_000_000);
    expect(keeper.children("/")).toEqual(["a", "b"]);
  });
});
