// Three servers over three members while one process after the other is killed or stands still, whatever its role: what
// clients were told meanwhile, at any server, keeps every promise.

import { expect, test } from "vitest";
import { random } from "../support/random.ts";
import { summaryOf } from "./nemesis/account.ts";
import { digestsOf } from "./nemesis/digests.ts";
import { befall, processHarms } from "./nemesis/harms.ts";
import { faultsOf } from "./nemesis/judge.ts";
import { endsWithin, quickCluster, whileTheyRun } from "./nemesis/quick-cluster.ts";
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
    const record = await whileTheyRun(cluster, workload.end());
    process.stdout.write(`${summaryOf(record)}\n`);
    expect(faultsOf(record)).toEqual([]);
    expect(Object.values(counts), JSON.stringify(counts)).toEqual(processHarms.map(() => rounds));
    const [digest, ...others] = await digestsOf(cluster);
    expect(others).toEqual([digest, digest]);
  },
);
