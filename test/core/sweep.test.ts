// When a container or a znode with a TTL may go, decided at the place of the sweep's command in the log.

import { describe, expect } from "vitest";
import type { SweepCause } from "../../src/core/sweep.ts";
import type { CreateMode } from "../../src/core/tree/znode.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { container, ephemeral, Keeper, plain, sequential, test } from "../support/keeper.ts";

const ttl = (ttlMs: number): CreateMode => ({ kind: "persistent", sequential: false, ttlMs });

/** Asks for the deletion of the znode as it is now, or of an earlier incarnation. */
async function sweep(
  keeper: Keeper,
  path: string,
  { czxid = keeper.stat(path).czxid, neverUsedMsMax = 300_000 } = {},
): Promise<SweepCause | null> {
  const commit = await keeper.store.submit({ type: "sweep", path, czxid, neverUsedMsMax });
  return commit.outcome.cause;
}

describe("containers", () => {
  test("one whose last child has gone may go, one that waits for its first child stays [K2]", async ({
    keeper,
  }) => {
    await keeper.create("/c", container);
    expect(await sweep(keeper, "/c")).toBe(null);
    await keeper.create("/c/child");
    expect(await sweep(keeper, "/c")).toBe(null);
    await keeper.delete("/c/child");
    expect(await sweep(keeper, "/c")).toBe("container");
    expect(keeper.exists("/c")).toBe(false);
  });

  test("children of every kind keep it, and count as use once they are gone [K2]", async ({ keeper }) => {
    const sessionId = await keeper.openSession();
    const children: [string, CreateMode][] = [
      ["/c/plain", plain],
      ["/c/e", ephemeral],
      ["/c/n-", sequential],
      ["/c/c", container],
      ["/c/ttl", ttl(1)],
    ];
    for (const [path, mode] of children) {
      await keeper.create("/c", container);
      const child = await keeper.create(path, mode, "", { sessionId });
      expect(await sweep(keeper, "/c")).toBe(null);
      await keeper.delete(child.path);
      expect(await sweep(keeper, "/c"), path).toBe("container");
    }
  });

  test("one that never had a child goes when it waited for longer than the bound [K2]", async ({
    keeper,
  }) => {
    await keeper.create("/c", container);
    await keeper.clock.advance(300_000);
    expect(await sweep(keeper, "/c")).toBe(null);
    await keeper.clock.advance(1);
    expect(await sweep(keeper, "/c")).toBe("container");
  });

  test("a bound of 0 lets it wait for ever [K2]", async ({ keeper }) => {
    await keeper.create("/c", container);
    await keeper.clock.advance(1_000_000_000);
    expect(await sweep(keeper, "/c", { neverUsedMsMax: 0 })).toBe(null);
  });

  test("setting its data starts the wait again [K2, K4]", async ({ keeper }) => {
    await keeper.create("/c", container);
    await keeper.clock.advance(300_001);
    await keeper.set("/c", "still wanted");
    expect(await sweep(keeper, "/c")).toBe(null);
  });

  test("one made again has not had the children of the one before [K2]", async ({ keeper }) => {
    await keeper.create("/c", container);
    await keeper.create("/c/child");
    await keeper.delete("/c/child");
    await keeper.delete("/c");
    await keeper.create("/c", container);
    expect(await sweep(keeper, "/c")).toBe(null);
  });
});

describe("TTLs", () => {
  test("at exactly the TTL it stays, a millisecond later it may go [K3]", async ({ keeper }) => {
    await keeper.create("/t", ttl(5000));
    await keeper.clock.advance(5000);
    expect(await sweep(keeper, "/t")).toBe(null);
    await keeper.clock.advance(1);
    expect(await sweep(keeper, "/t")).toBe("ttl");
    expect(keeper.exists("/t")).toBe(false);
  });

  test("the longest TTL and the shortest are counted alike [K3, C2]", async ({ keeper }) => {
    const longest = 1_099_511_627_775;
    await keeper.create("/long", ttl(longest));
    await keeper.clock.advance(longest - 2);
    await keeper.create("/short", ttl(1));
    await keeper.clock.advance(2);
    expect([await sweep(keeper, "/long"), await sweep(keeper, "/short")]).toEqual([null, "ttl"]);
    await keeper.clock.advance(1);
    expect(await sweep(keeper, "/long")).toBe("ttl");
  });

  test("a numbered one goes like any other [K3]", async ({ keeper }) => {
    const { path } = await keeper.create("/n-", { kind: "persistent", sequential: true, ttlMs: 10 });
    await keeper.clock.advance(11);
    expect(await sweep(keeper, path)).toBe("ttl");
  });

  test("children keep it; with the last one gone after its time, it may go at once [K3, K4]", async ({
    keeper,
  }) => {
    await keeper.create("/t", ttl(1000));
    await keeper.create("/t/child");
    await keeper.clock.advance(60_000);
    expect(await sweep(keeper, "/t")).toBe(null);
    await keeper.delete("/t/child");
    expect(await sweep(keeper, "/t")).toBe("ttl");
  });

  test("setting it starts its time again, with equal bytes too [K4]", async ({ keeper }) => {
    await keeper.create("/t", ttl(1000), "same");
    for (let round = 0; round < 6; round += 1) {
      await keeper.clock.advance(600);
      await keeper.set("/t", "same");
      expect(await sweep(keeper, "/t")).toBe(null);
    }
    await keeper.multi([{ type: "setData", path: "/t", data: new Uint8Array() }]);
    await keeper.clock.advance(1001);
    expect(await sweep(keeper, "/t")).toBe("ttl");
  });

  test("children that come and go, and refused writes, do not [K4]", async ({ keeper }) => {
    await keeper.create("/t", ttl(1000));
    await keeper.clock.advance(600);
    await keeper.create("/t/child");
    await keeper.delete("/t/child");
    await keeper.set("/t", "x", 7).catch(() => undefined);
    await keeper.clock.advance(401);
    expect(await sweep(keeper, "/t")).toBe("ttl");
  });

  test("a wall clock that was set back makes nothing older, nor younger than new [K4]", async ({
    keeper,
  }) => {
    await keeper.create("/t", ttl(1000));
    keeper.clock.jumpWallClock(-86_400_000);
    expect(await sweep(keeper, "/t")).toBe(null);
    await keeper.set("/t", "now");
    await keeper.clock.advance(1001);
    expect(await sweep(keeper, "/t")).toBe("ttl");
  });

  test("no write changes the TTL itself [K5]", async ({ keeper }) => {
    await keeper.create("/t", ttl(1000));
    await keeper.set("/t", "x");
    await keeper.store.submit({ type: "setData", path: "/t", data: new Uint8Array(), create: "upsert" });
    expect(keeper.stat("/t").ttlMs).toBe(1000);
  });
});

describe("the deletion", () => {
  test("is a transaction of its own, told as a deletion with its cause [K7]", async ({ keeper }) => {
    await keeper.create("/p");
    await keeper.create("/p/t", ttl(10), "tea");
    await keeper.create("/c", container);
    await keeper.create("/c/child");
    await keeper.delete("/c/child");
    await keeper.clock.advance(11);
    const [zxid, stat, parent] = [keeper.store.zxid, keeper.stat("/p/t"), keeper.stat("/p")];
    const told = keeper.applied.length;
    await sweep(keeper, "/p/t");
    await sweep(keeper, "/c");
    expect(keeper.stat("/p")).toEqual({
      ...parent,
      pzxid: zxid + 1,
      cversion: parent.cversion + 1,
      numChildren: 0,
    });
    const messages = keeper.applied.slice(told).map(({ message }) => JSON.parse(message?.text ?? "null"));
    expect(messages).toMatchObject([
      { zxid: zxid + 1, cause: "ttl", events: [{ type: "deleted", path: "/p/t", stat }] },
      { zxid: zxid + 2, cause: "container", events: [{ type: "deleted", path: "/c" }] },
    ]);
    expect(messages.some((message) => "session" in message)).toBe(false);
  });

  test("does nothing, and takes no zxid, when the znode is not there or never goes by itself [K7, Z1]", async ({
    keeper,
  }) => {
    const sessionId = await keeper.openSession();
    await keeper.create("/plain");
    await keeper.create("/e", ephemeral, "", { sessionId });
    await keeper.clock.advance(1_000_000_000);
    const zxid = keeper.store.zxid;
    for (const path of ["/plain", "/e", "/"]) expect(await sweep(keeper, path)).toBe(null);
    for (const path of ["/gone", "/gone/too"]) expect(await sweep(keeper, path, { czxid: 1 })).toBe(null);
    expect(keeper.store.zxid).toBe(zxid);
  });

  test("a child that comes between the look and the deletion saves the container [K7]", async ({
    keeper,
  }) => {
    await keeper.create("/c", container);
    await keeper.create("/c/a");
    await keeper.delete("/c/a");
    const { czxid } = keeper.stat("/c");
    const [, cause] = await Promise.all([keeper.create("/c/b"), sweep(keeper, "/c", { czxid })]);
    expect([cause, keeper.exists("/c/b")]).toEqual([null, true]);
  });

  test("a refresh between the look and the deletion saves a znode with a TTL [K9]", async ({ keeper }) => {
    await keeper.create("/t", ttl(10));
    await keeper.clock.advance(11);
    const { czxid } = keeper.stat("/t");
    const [, cause] = await Promise.all([keeper.set("/t", "refreshed"), sweep(keeper, "/t", { czxid })]);
    expect([cause, keeper.data("/t")]).toEqual([null, "refreshed"]);
  });

  test("what was made anew at the path stays, be it plain or due itself [K9]", async ({ keeper }) => {
    for (const mode of [plain, container, ttl(10)]) {
      await keeper.create("/t", ttl(10));
      const { czxid } = keeper.stat("/t");
      await keeper.delete("/t");
      await keeper.create("/t", mode);
      await keeper.clock.advance(1_000_000);
      expect(await sweep(keeper, "/t", { czxid })).toBe(null);
      await keeper.delete("/t");
    }
  });

  test("the same sweep from two servers deletes once, and both are in the same state [K9]", async () => {
    const entries = new MemoryEntries();
    const clock = new FakeClock();
    const [a, b] = [
      new Keeper(clock, new MemoryLog("a", entries)),
      new Keeper(clock, new MemoryLog("b", entries)),
    ];
    for (const { store } of [a, b]) await store.start();
    await a.create("/t", ttl(10));
    await b.create("/other");
    await clock.advance(11);
    const { czxid } = b.stat("/t");
    expect([await sweep(a, "/t", { czxid }), await sweep(b, "/t", { czxid })]).toEqual(["ttl", null]);
    expect(b.applied.map(({ message }) => message?.text)).toEqual(
      a.applied.map(({ message }) => message?.text),
    );
    expect(b.applied.filter(({ txn }) => txn.cause === "ttl").length).toBe(1);
    for (const { store } of [a, b]) await store.close();
  });
});

test("the mortal znodes are those that go by themselves, as they come and go", async ({ keeper }) => {
  const { mortals } = keeper.state;
  await keeper.create("/plain");
  await keeper.create("/c", container);
  await keeper.create("/c/t", ttl(10));
  expect([...mortals]).toEqual(["/c", "/c/t"]);
  await keeper.set("/c/t", "x");
  await keeper.store.submit({ type: "deleteTree", path: "/c" });
  await keeper.create("/c");
  expect([...mortals]).toEqual([]);
});
