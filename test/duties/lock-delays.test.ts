// When the delay of a lock is over, as the one who ends it measures it.

import { expect } from "vitest";
import { LockDelays } from "../../src/duties/lock-delays.ts";
import { bytes, test } from "../support/keeper.ts";

test("after a restart a lock delay runs anew, in full, whatever the clocks say", async ({ keeper }) => {
  const [holder, waiter] = [await keeper.openSession(), await keeper.openSession()];
  await keeper.store.submit({ type: "configureLock", name: "a", lockDelayMs: 5000 });
  for (const sessionId of [holder, waiter]) {
    const claiming = { type: "claimLock", name: "a", mode: "exclusive", orElse: "wait" } as const;
    await keeper.store.submit({ ...claiming, metadata: bytes(""), sessionId });
  }
  const isHeld = (id: string) => {
    const queue = keeper.reader.queue("/locks/a");
    const claim = queue?.get(id);
    return claim !== undefined && queue?.isHeld(claim);
  };
  const before = new LockDelays(keeper.store);
  before.start();
  await keeper.closeSession(holder, "session_expired");
  await keeper.clock.advance(4000);
  before.stop();
  keeper.clock.jumpWallClock(3_600_000);
  const after = new LockDelays(keeper.store);
  after.start();
  await keeper.clock.advance(4999);
  expect(isHeld("x-0000000001")).toBe(false);
  await keeper.clock.advance(1);
  expect(isHeld("x-0000000001")).toBe(true);
  after.stop();
});
