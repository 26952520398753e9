// Non-interference at random: whatever somebody asks, in whatever trees and by whatever policies, they are told the same in
// two worlds that differ only in what they may not read. It looks for channels that nobody thought of (`channels.ts`).

import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { rounds } from "../support/effort.ts";
import { plantedLeaks } from "./planted-leaks.ts";
import { LeakError, play, scenarioArbitrary } from "./scenario.ts";

const seed = Number(process.env.SEED ?? 20_261_128);

/** So many scenarios find each of the planted leaks, wherever they begin. */
const plantedRunsMax = 40;

test("whatever somebody asks, in whatever trees and by whatever policies, tells nothing of what they may not read", async () => {
  await fc.assert(fc.asyncProperty(scenarioArbitrary, play), {
    seed,
    numRuns: Number(process.env.RUNS ?? rounds({ usual: 30, full: 150 })),
  });
});

describe("leaks as they are made are found", () => {
  afterEach(() => vi.restoreAllMocks());

  for (const { name, seed: leakSeed, plant } of plantedLeaks)
    if (leakSeed !== undefined)
      test(`${name}: by what is asked at random`, async () => {
        plant();
        const property = fc.asyncProperty(scenarioArbitrary, play);
        const bounds = { seed: leakSeed, numRuns: plantedRunsMax, endOnFailure: true };
        expect((await fc.check(property, bounds)).errorInstance).toBeInstanceOf(LeakError);
      });
});
