// Two of three members are killed and come back, again and again: meanwhile nothing can be ordered, and that is said; nobody's
// session ends for it, however long it was; and afterwards everything goes on.

import { setTimeout as wait } from "node:timers/promises";
import { test } from "vitest";
import { rounds } from "../support/effort.ts";
import { random } from "../support/random.ts";
import { expectHeldAndNobodyLost } from "./nemesis/hold.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { untilSuspended } from "./nemesis/suspended.ts";
import { Workload } from "./nemesis/workload.ts";

/** Longer than it takes until the log is said to be out of reach, so that nobody's is over by then; and not much. */
const keptTimeoutMs = 4000;
const roundCount = rounds({ usual: 2, full: 20 });

test(
  "two of three members are down and back: nothing is lost, and no session ends",
  endsWithin,
  async ({ onTestFinished }) => {
    const cluster = await quickCluster();
    onTestFinished(() => cluster.stop());
    const work = await Workload.start({ urls: cluster.urls, seed: 1, keptTimeoutMs });
    const chance = random(1);
    for (let round = 0; round < roundCount; round += 1) {
      const left = Math.floor(chance() * 3);
      const down = [0, 1, 2].filter((index) => index !== left);
      await Promise.all(down.map((index) => cluster.member(index).kill()));
      await Promise.all(cluster.urls.map(untilSuspended));
      // In some rounds for longer than sessions may be silent.
      await work.outage(false, () => wait(round % 4 === 1 ? keptTimeoutMs : 100));
      for (const index of down) cluster.member(index).restart();
      await work.goesOn();
    }
    await expectHeldAndNobodyLost(cluster, work);
  },
);
