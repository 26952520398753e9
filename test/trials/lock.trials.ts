// Trials of the old-master contract on locks and elections, with the client of src/client: TRIALS asks for more of them,
// TRIALS_SEED repeats some.

import { afterAll, beforeAll, expect, test } from "vitest";
import { LockRounds, trialsAtOnce } from "./lock-rounds.ts";
import { OneProcess } from "./one-process.ts";
import { Service } from "./service.ts";
import { lockTrialCount, roundSeedsFor } from "./size.ts";
import { Summary } from "./summary.ts";

const roundWithinMs = 120_000;
const summary = new Summary();
let service: Service;
let rounds: LockRounds;

beforeAll(async () => {
  service = await Service.over(await OneProcess.start());
  rounds = new LockRounds(service, summary);
});

afterAll(async () => {
  process.stdout.write(`${summary.lines().join("\n")}\n`);
  await rounds.end();
  await service.end();
});

const roundSeeds = roundSeedsFor(lockTrialCount, trialsAtOnce);

test.each(roundSeeds)(
  "every trial of seed %i keeps every promise",
  { timeout: roundWithinMs },
  async (roundSeed) => {
    expect(await rounds.run(roundSeed, trialsAtOnce)).toEqual([]);
  },
);

test("most of the trials had an old master, and some of these wrote too late", () => {
  expect(summary.trialCount).toBeGreaterThanOrEqual(lockTrialCount);
  expect(summary.hitCount).toBeGreaterThan(lockTrialCount / 2);
  expect(summary.refusedLateCount).toBeGreaterThan(0);
});
