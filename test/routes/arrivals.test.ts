// Whoever connects comes before work that can wait, and cannot keep it waiting for ever.

import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, expect, test, vi } from "vitest";
import { noteArrival } from "../../src/routes/http/arrivals.ts";
import { ClientTurns } from "../../src/routes/http/client-turns.ts";
import { Turns } from "../../src/routes/http/turns.ts";

/** Those of the test before. */
beforeEach(async () => {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
});

/** Turns of the event loop until `isDone`, in each of the first of which somebody connects. */
async function turnsUntil(isDone: () => boolean, arrivals: number): Promise<number> {
  let turns = 0;
  for (; !isDone(); turns += 1) {
    if (turns < arrivals) noteArrival();
    await nextTurn();
  }
  return turns;
}

/** Turns that one piece of work waits for. */
function pieceAmong(arrivals: number): Promise<number> {
  let isDone = false;
  new Turns().take("a", () => {
    isDone = true;
  });
  return turnsUntil(() => isDone, arrivals);
}

/** Turns that a client waits for, whose own is over. */
function clientAmong(arrivals: number): Promise<number> {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const { turn } = new ClientTurns().enter("a");
  turn.spend(() => {
    nowMs = 1;
  });
  vi.restoreAllMocks();
  let isDone = false;
  turn.waitForNext(() => {
    isDone = true;
  });
  return turnsUntil(() => isDone, arrivals);
}

const work = [
  { what: "a piece of work", among: pieceAmong, usual: 1 },
  { what: "a client whose turn is over", among: clientAmong, usual: 2 },
];

test.for(work)("$what waits until nobody connects any more", async ({ among, usual }) => {
  expect(await among(0)).toBe(usual);
  const among3 = await among(3);
  expect(among3).toBeGreaterThan(3);
  expect(among3).toBeLessThan(3 + 3);
});

test.for(work)("$what waits for eight turns more at most, whoever connects", async ({ among, usual }) => {
  expect(await among(100)).toBe(usual + 8);
});
