// What is under way outside the turns of this process, such as an append to a log elsewhere: a test that lets time pass by
// a clock of its own waits for it, as it would see it done at once in memory.

import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";

const looks = new Set<() => boolean>();
const quietWithinMs = 10_000;
const turnsPerLook = 5;

/** @param isBusy whether something is under way that will end by itself. Returns what ends the looking */
export function underWay(isBusy: () => boolean): () => void {
  looks.add(isBusy);
  return () => looks.delete(isBusy);
}

/** Lets immediates and the promises they settle run, until nothing is under way: the store flushes on an immediate. */
export async function settle(): Promise<void> {
  const endMs = performance.now() + quietWithinMs;
  for (;;) {
    for (let count = 0; count < turnsPerLook; count += 1) await turn();
    if (![...looks].some((isBusy) => isBusy())) return;
    if (performance.now() > endMs) throw new Error(`something is under way for ${quietWithinMs} ms`);
    await wait(1);
  }
}
