// The disk of one member, and that of one server's own file, are full, again and again: two members go on without the third;
// the server says that it has no room, loses nothing and serves, since the log is in etcd; and both come back by themselves
// or with the next start.

import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { canMount, type SmallDisk } from "../support/small-disk.ts";
import { expectHeldAndNobodyLost } from "./nemesis/hold.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { Workload } from "./nemesis/workload.ts";

const roundCount = rounds({ usual: 2, full: 20 });
const patienceMs = 30_000;
/** Nobody is silent for so long by chance on a machine that is busy. */
const keptTimeoutMs = 8000;

test.runIf(canMount)(
  "a member's disk is full: the others go on, and it comes back",
  endsWithin,
  async ({ onTestFinished }) => {
    const cluster = await quickCluster({ memberDiskMebibytes: 320 });
    onTestFinished(() => cluster.stop());
    const [member, disk] = [cluster.member(0), cluster.etcd.disk as SmallDisk];
    const { urls } = cluster;
    const work = await Workload.start({ urls, seed: 1, keptTimeoutMs });
    for (let round = 0; round < roundCount; round += 1) {
      disk.fill();
      await work.goesOn(20);
      disk.free();
      // It ends when it cannot write, sooner or later; whoever runs it starts it again.
      if (!member.isRunning) member.restart();
      await work.goesOn();
    }
    if (!member.isRunning) member.restart();
    await cluster.etcd.answers();
    await expectHeldAndNobodyLost(cluster, work);
  },
);

test.runIf(canMount)(
  "a server's own disk is full: it says so, and nothing is lost; with room it is ready again",
  endsWithin,
  async ({ onTestFinished }) => {
    const cluster = await quickCluster({
      serverDiskMebibytes: 24,
      serverArgs: [
        "--free-bytes-min",
        "4MiB",
        "--ballast-bytes",
        "1MiB",
        "--wal-bytes-max",
        "2MiB",
        "--checkpoint-bytes",
        "1MiB",
      ],
    });
    onTestFinished(() => cluster.stop());
    const disk = cluster.disk as SmallDisk;
    const { urls } = cluster;
    const http = new Http(urls[0] as string);
    const work = await Workload.start({ urls, seed: 1, keptTimeoutMs, lateUrl: urls[1] as string });
    for (let round = 0; round < roundCount; round += 1) {
      disk.fill();
      await expect.poll(() => readiness(http), { timeout: patienceMs }).toMatch(/^503 .*room/s);
      await work.goesOn(20);
      // What was not written is in the log: a start finds it there.
      if (round % 4 === 1) {
        await cluster.server(0).kill();
        disk.free();
        await cluster.startServer(0);
      }
      disk.free();
      await expect.poll(() => readiness(http), { timeout: patienceMs }).toMatch(/^200/);
      await work.goesOn();
      await wait(10);
    }
    await expectHeldAndNobodyLost(cluster, work);
  },
);

async function readiness(http: Http): Promise<string> {
  const { status, text } = await http.get("/readyz");
  return `${status} ${text}`;
}
