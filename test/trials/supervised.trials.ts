// Trials of the old-master contract on commands that `treekeeper lock` and `elect` run: SUPERVISED_TRIALS asks for more
// of them, TRIALS_SEED repeats some.

import { afterAll, beforeAll, expect, test } from "vitest";
import { OneProcess } from "./one-process.ts";
import { Service } from "./service.ts";
import { roundSeedsFor, supervisedTrialCount } from "./size.ts";
import { Summary } from "./summary.ts";
import { runSupervisedRound, supervisedAtOnce } from "./supervised-rounds.ts";

const roundWithinMs = 240_000;
const summary = new Summary();
let service: Service;

beforeAll(async () => {
  service = await Service.over(await OneProcess.start());
});

afterAll(async () => {
  process.stdout.write(`${summary.lines().join("\n")}\n`);
  await service.end();
});

const roundSeeds = roundSeedsFor(supervisedTrialCount, supervisedAtOnce);

test.each(roundSeeds)(
  "every supervised trial of seed %i keeps every promise",
  { timeout: roundWithinMs },
  async (seed) => {
    expect(await runSupervisedRound(service, summary, seed)).toEqual([]);
  },
);

test("most of the trials had an old master", () => {
  expect(summary.trialCount).toBeGreaterThanOrEqual(supervisedTrialCount);
  expect(summary.hitCount).toBeGreaterThan(supervisedTrialCount / 2);
});
