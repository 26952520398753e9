// Writes to a log that has little room: who is told to wait, what counts towards it, and what it costs where there is room.

import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { State } from "../../src/core/state.ts";
import type { Idempotency } from "../../src/core/write-context.ts";
import type { QueueLimits } from "../../src/store/command-queue.ts";
import { Room } from "../../src/store/etcd/room.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { plain, refusal } from "../support/keeper.ts";

const quotaBytes = 1_000_000_000;

/** A store on a log that takes nothing to its end until it is released. */
async function openStore(limits: Partial<QueueLimits> = {}, pace?: Room) {
  const log = new MemoryLog("this");
  if (pace !== undefined) Object.defineProperty(log, "pace", { value: pace });
  const store = new Store({
    state: State.fresh(),
    position: { appliedLsn: 0, historyFloorZxid: 0 },
    ...{ log, clock: new FakeClock() },
    limits: { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 64 * 1024 * 1024, ...limits },
  });
  await store.start();
  log.hold();
  onTestFinished(async () => {
    log.release();
    await store.close();
  });
  return { store, log };
}

/** Of an etcd that has so much of its quota in use. */
async function roomOf(share: number): Promise<Room> {
  const size = BigInt(quotaBytes * share);
  const room = new Room({
    calls: {
      statuses: async () => [{ dbSize: size, dbSizeInUse: size }] as never,
      alarms: async () => [],
    },
    clock: new FakeClock(),
    quotaBytes,
  });
  await new Promise<void>((resolve) => room.start(resolve));
  onTestFinished(() => room.stop());
  return room;
}

function create(path: string, size = 0): Command & { type: "create" } {
  return { type: "create", path, data: new Uint8Array(size), mode: plain };
}

function keyed(path: string, size: number, key: string): Command & { type: "create" } {
  return { ...create(path, size), idempotency: idempotencyOf(key) };
}

function idempotencyOf(key: string): Idempotency {
  return { key, request: key, ageMsMax: 1000, keysMax: 1000, bytesMax: 1_000_000 };
}

test.for([
  ["that has no bound", undefined],
  ["that has much room", 0.1],
  ["whose room gets short", 0.75],
] as const)("what a keyed write costs does not grow with those that wait, on a log %s", async ([, share]) => {
  const { store } = await openStore({}, share === undefined ? undefined : await roomOf(share));
  let [looks, refused] = [0, 0];
  const writes = 1000;
  for (let count = 0; count < writes; count += 1) {
    const idempotency = idempotencyOf(String(count));
    const command: Command = {
      ...create(`/${count}`),
      get idempotency() {
        looks += 1;
        return idempotency;
      },
    };
    store.submit(command).catch(() => {
      refused += 1;
    });
  }
  expect(looks).toBeLessThan(20 * writes);
  await setImmediate();
  expect([refused > 0, store.waitingCount]).toEqual([share === 0.75, writes - refused]);
});

test("who is told to wait because the line is full takes nothing of what others may write", async () => {
  const room = await roomOf(0.8);
  const { store, log } = await openStore({ queueCommandsMax: 3 }, room);
  const first = store.submit(create("/0"));
  await setImmediate();
  const taken = [1, 2, 3].map((count) => store.submit(create(`/${count}`, 20_000)));
  for (let count = 4; count < 20; count += 1)
    await expect(store.submit(create(`/${count}`, 20_000))).rejects.toMatchObject({
      details: { limit: "queueCommandsMax" },
    });
  log.release();
  await Promise.all([first, ...taken]);
  // Of the bytes that may be put at once some are left, and with this they are used up.
  await store.submit(create("/last", 20_000));
  await expect(store.submit(create("/more"))).rejects.toMatchObject({
    code: "throttled",
    message: expect.stringContaining("little room"),
  });
  expect(room.stats().throttledTotal).toBe(1);
});

test("a key is known until its command has its answer, and not where that found no place in the line", async () => {
  const { store, log } = await openStore({ queueCommandsMax: 1 });
  const isKnown = () => store.isRepeated(keyed("/b", 0, "two"));
  const first = store.submit(keyed("/a", 0, "one"));
  expect(await refusal(store.submit(keyed("/b", 0, "two")))).toBe("throttled");
  expect([store.isRepeated(keyed("/a", 0, "one")), isKnown()]).toEqual([true, false]);
  await setImmediate();
  const refused = store.submit(keyed("/a/", 0, "two"));
  expect(await refusal(refused)).toBe("bad_path");
  expect(isKnown()).toBe(false);
  // At its place in the log it is refused, and no answer is kept for it.
  const missing = store.submit(keyed("/none/b", 0, "two"));
  expect(isKnown()).toBe(true);
  log.release();
  await first;
  expect(await refusal(missing)).toBe("no_node");
  expect([store.isRepeated(keyed("/a", 0, "one")), isKnown()]).toEqual([true, false]);
});

test("what makes room or was asked before is not told to wait", async () => {
  const room = await roomOf(0.8);
  const { store, log } = await openStore({}, room);
  const first = store.submit(keyed("/a", 100_000, "one"));
  expect(await refusal(store.submit(create("/b")))).toBe("throttled");
  expect(await refusal(store.submit(keyed("/b", 0, "two")))).toBe("throttled");
  const again = store.submit(keyed("/a", 100_000, "one"));
  const deletion = store.submit({ type: "delete", path: "/a" });
  log.release();
  const [done, replayed] = [await first, await again];
  expect(replayed.outcome).toEqual(done.outcome);
  await deletion;
  expect(room.stats().throttledTotal).toBe(2);
});
