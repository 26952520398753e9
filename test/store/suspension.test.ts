// Who is told that the log is out of reach: all who follow, some in each turn, and nobody of what has changed back by then.

import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Suspension } from "../../src/store/suspension.ts";
import { FakeClock } from "../support/fake-clock.ts";

const suspended = { state: "suspended", cause: "nobody answers", silentForMs: 2500 } as const;
const connected = { state: "connected" } as const;

/** How many know of each, as each has seen it when it was told. */
function followers(suspension: Suspension, count: number) {
  const seen: boolean[][] = Array.from({ length: count }, () => []);
  for (const states of seen) suspension.follow(() => states.push(suspension.isOn));
  return { seen, toldCount: () => seen.filter(({ length }) => length > 0).length };
}

test("many are told in turns, between which others have theirs", async () => {
  const suspension = new Suspension(new FakeClock());
  const { seen, toldCount } = followers(suspension, 1050);
  suspension.heed(suspended);
  expect(toldCount()).toBeLessThanOrEqual(100);
  for (let turns = 0; turns < 11; turns += 1) await turn();
  expect(seen.every(([isOn, ...more]) => isOn === true && more.length === 0)).toBe(true);
});

test("a change amid the telling is told to all, and the last they hear is how it is", async () => {
  const suspension = new Suspension(new FakeClock());
  const { seen } = followers(suspension, 500);
  suspension.heed(suspended);
  await turn();
  suspension.heed(connected);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(seen.map((states) => states.at(-1))).toEqual(seen.map(() => false));
  expect(seen.filter((states) => states.includes(true)).length).toBeLessThanOrEqual(200);
});

test("who has gone is not told, and what is no change is told to nobody", () => {
  const suspension = new Suspension(new FakeClock());
  const told: string[] = [];
  const leave = suspension.follow(() => told.push("one"));
  suspension.follow(() => told.push("other"));
  leave();
  suspension.heed(suspended);
  suspension.heed({ ...suspended, cause: "still" });
  expect(told).toEqual(["other"]);
  suspension.heed({ state: "read_only", cause: "no room" });
  suspension.heed(connected);
  expect(told).toEqual(["other", "other"]);
});

test("how old the state may be counts from the last answer", async () => {
  const clock = new FakeClock();
  const suspension = new Suspension(clock);
  expect(suspension.silentMs).toBe(0);
  suspension.heed(suspended);
  await clock.advance(1000);
  expect(suspension.silentMs).toBe(3500);
  suspension.heed(connected);
  expect(suspension.silentMs).toBe(0);
});

test("its end can be waited for", async () => {
  const suspension = new Suspension(new FakeClock());
  await suspension.over();
  suspension.heed(suspended);
  let isOver = false;
  const over = suspension.over().then(() => {
    isOver = true;
  });
  await turn();
  expect(isOver).toBe(false);
  suspension.heed(connected);
  await over;
});
