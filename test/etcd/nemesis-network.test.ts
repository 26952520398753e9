// Three servers over three members in a network of their own, of which parts are cut off, one way or both, or too thin for
// what is sent; and on ways where everything takes its time: what clients were told meanwhile keeps every promise, and who holds a lock by a server that is
// cut off knows in time that it holds it no longer.

import { describe, expect, test } from "vitest";
import { random } from "../support/random.ts";
import { Network } from "../trials/network.ts";
import { accountOf, summaryOf } from "./nemesis/account.ts";
import { befall } from "./nemesis/harms.ts";
import { expectHeld } from "./nemesis/hold.ts";
import { networkHarms } from "./nemesis/network-harms.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { SlowWays, slowHarm } from "./nemesis/slow-way.ts";
import { Wires } from "./nemesis/wires.ts";
import { Workload } from "./nemesis/workload.ts";

const rounds = process.env.FULL ? 20 : 1;
const seed = Number(process.env.NEMESIS_SEED ?? 1);
const names = ["s0", "s1", "s2", "m0", "m1", "m2"];

describe.skipIf(!Wires.arePossible())("in namespaces of our own", () => {
  test(
    `a network is cut and slow, ${rounds} times in each way, from seed ${seed}`,
    endsWithin,
    async ({ onTestFinished }) => {
      const chance = random(seed);
      const wires = await Wires.start(names);
      onTestFinished(() => wires.end());
      const cluster = await quickCluster({
        serverArgs: ["--insecure"],
        placeOf: (name) => wires.placeOf(name),
      });
      onTestFinished(() => cluster.stop());
      const { urls } = cluster;
      const late = await Network.start(urls[0] as string);
      onTestFinished(() => late.stop());
      const workload = await Workload.start({ urls, lateUrl: late.url, seed });
      const onServerLost = (server: number) => late.leadTo(urls[(server + 1) % urls.length] as string);
      const harms = networkHarms({ wires, contention: workload.contention, onServerLost });
      const counts = await befall(cluster, harms, rounds, chance);
      const record = await expectHeld(cluster, workload);
      expect(Object.values(counts), JSON.stringify(counts)).toEqual(harms.map(() => rounds));
      // Some lost what they held to a cut, and wrote all the same; once may be too seldom for that.
      const { holdsExpired, lateRefused } = accountOf(record);
      expect([holdsExpired > 0, lateRefused > 0 || rounds === 1], summaryOf(record)).toEqual([true, true]);
    },
  );
});

// The kernels at hand have no sch_netem, which would do this to packets: here it is done to what connections carry.
test(
  `ways to etcd and to the servers are slow, ${rounds} times, from seed ${seed}`,
  endsWithin,
  async ({ onTestFinished }) => {
    const chance = random(seed);
    const ways = new SlowWays(chance);
    onTestFinished(() => ways.stop());
    const cluster = await quickCluster({
      endpointsOf: (index, endpoints) => ways.to(endpoints, `s${index}`),
    });
    onTestFinished(() => cluster.stop());
    const { urls } = cluster;
    const slowUrls = await ways.to(urls, "clients");
    const workload = await Workload.start({
      ...{ urls, seed, lateUrl: urls[0] as string, lockTimeoutMs: 4000 },
      ...{ askedUrls: slowUrls, streamUrls: slowUrls, contenderUrls: slowUrls },
    });
    await befall(cluster, [slowHarm(ways)], rounds, chance);
    const record = await expectHeld(cluster, workload);
    expect(accountOf(record).holds).toBeGreaterThan(0);
  },
);
