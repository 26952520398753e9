// Trials of the old-master contract on three servers over one log: each who contends asks one of them, they are killed
// and cut off from the log in turn, and the way there is never quiet. SERVERS_TRIALS asks for more of them, TRIALS_SEED
// repeats some.

import { afterAll, beforeAll, expect, test } from "vitest";
import { LockRounds, trialsAtOnce } from "./lock-rounds.ts";
import { Service } from "./service.ts";
import { roundSeedsFor, serversTrialCount } from "./size.ts";
import { Summary } from "./summary.ts";
import { ThreeServers } from "./three-servers.ts";

const roundWithinMs = 120_000;
const summary = new Summary();
const roundSeeds = roundSeedsFor(serversTrialCount, trialsAtOnce);
let service: Service;
let rounds: LockRounds;

beforeAll(async () => {
  service = await Service.over(await ThreeServers.start(roundSeeds[0] as number));
  rounds = new LockRounds(service, summary);
});

afterAll(async () => {
  process.stdout.write(`${summary.lines().join("\n")}\n`);
  await rounds.end();
  await service.end();
});

test.each(roundSeeds)(
  "every trial of seed %i on three servers keeps every promise",
  { timeout: roundWithinMs },
  async (roundSeed) => {
    expect(await rounds.run(roundSeed, trialsAtOnce)).toEqual([]);
  },
);

test("most of the trials on three servers had an old master, and some of these wrote too late", () => {
  expect(summary.trialCount).toBeGreaterThanOrEqual(serversTrialCount);
  expect(summary.hitCount).toBeGreaterThan(serversTrialCount / 2);
  expect(summary.refusedLateCount).toBeGreaterThan(0);
});
