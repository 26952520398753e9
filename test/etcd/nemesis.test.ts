// Three servers over three members while one process after the other is killed or stands still, whatever its role: what
// clients were told meanwhile, at any server, keeps every promise.

import { expect, test } from "vitest";
import { random } from "../support/random.ts";
import { befall, processHarms } from "./nemesis/harms.ts";
import { expectHeld } from "./nemesis/hold.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { Workload } from "./nemesis/workload.ts";

const rounds = process.env.FULL ? 20 : 1;
const seed = Number(process.env.NEMESIS_SEED ?? 1);

test(
  `processes of each role are killed and stopped, ${rounds} times each, from seed ${seed}`,
  endsWithin,
  async ({ onTestFinished }) => {
    const cluster = await quickCluster();
    onTestFinished(() => cluster.stop());
    const workload = await Workload.start({ urls: cluster.urls, seed });
    const counts = await befall(cluster, processHarms, rounds, random(seed));
    await expectHeld(cluster, workload);
    expect(Object.values(counts), JSON.stringify(counts)).toEqual(processHarms.map(() => rounds));
  },
);
