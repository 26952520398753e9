// What probes are told: whether the process runs, and whether it can serve writes.

import { expect } from "vitest";
import { type Stall, StallWatch } from "../../src/store/stall-watch.ts";
import { test } from "./server-fixture.ts";

test("a disk that hangs makes the service not ready with that cause, alive all the time, and ready when it goes on", async ({
  http,
  keeper,
}) => {
  const stalls: Stall[] = [];
  const watch = new StallWatch(keeper.store, 5000, (stall) => stalls.push(stall));
  const ready = async () => {
    const { status, text } = await http.get("/readyz");
    return `${status} ${text}`;
  };
  expect(await ready()).toBe("200 ok\n");
  keeper.log.hold();
  const write = keeper.create("/a");
  const late = keeper.create("/b");
  await expect.poll(() => keeper.store.waitingCount).toBe(2);
  await keeper.clock.advance(4900);
  const before = await ready();
  await keeper.clock.advance(20_000);
  const during = [await ready(), (await http.get("/livez")).status, (await http.get("/v1/znodes")).status];
  keeper.log.release();
  await Promise.all([write, late]);
  expect(before).toBe("200 ok\n");
  const cause =
    /^503 \[\+\] log ok\n\[-\] disk: a write has waited for it for 24\d{3} ms, longer than appendMsMax \(5000\)\n/;
  expect(during).toEqual([expect.stringMatching(cause), 200, 200]);
  expect(await ready()).toBe("200 ok\n");
  await keeper.clock.advance(1000);
  watch.stop();
  expect(stalls.map(({ isOver }) => isOver)).toEqual([false, true]);
  expect(stalls[1]?.waitedMs).toBeGreaterThan(23_000);
});

test("a disk that answers each write in time is a slow one and no more, however long it goes on", async ({
  http,
  keeper,
}) => {
  for (const path of ["/a", "/b", "/c"]) {
    keeper.log.hold();
    const write = keeper.create(path);
    await expect.poll(() => keeper.store.oldestAppendMs + keeper.store.waitingCount).toBe(1);
    await keeper.clock.advance(4000);
    keeper.log.release();
    await write;
    expect((await http.get("/readyz")).status).toBe(200);
  }
});
