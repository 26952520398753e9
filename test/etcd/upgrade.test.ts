// Rolling upgrades, one after the other: of two servers one is always of the version to come, and writes what the other does
// not know. The other stops with 78 and says why, and so does each start of it; the newer one goes on with all that clients
// ask, and once both are of its version they are the same.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import type { Cluster } from "./cluster.ts";
import type { Look } from "./nemesis/digests.ts";
import { expectHeldAndNobodyLost } from "./nemesis/hold.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { Workload } from "./nemesis/workload.ts";
import { entryOf, nameOf, programOf } from "./newer-version.ts";

const roundCount = rounds({ usual: 1, full: 20 });
const startsEvery = 4;
const prefix = "/treekeeper/";
/** Nobody is silent for so long by chance on a machine that is busy. */
const keptTimeoutMs = 8000;

test(
  "an older server stops at what a newer one wrote, which goes on; both are the same once both are newer",
  endsWithin,
  async ({ onTestFinished }) => {
    const compiledFolder = makeDataDir();
    onTestFinished(() => removeDataDir(compiledFolder));
    const versions = [0, 0];
    const cluster = await quickCluster({
      ...{ servers: 2, members: 1 },
      commandOf: (index) => programOf("main", versions[index] as number, compiledFolder),
    });
    onTestFinished(() => cluster.stop());
    const work = await Workload.start({ urls: cluster.urls, seed: 1, keptTimeoutMs });
    for (let ahead = 1; ahead <= roundCount; ahead += 1) {
      const [first, second] = ahead % 2 === 0 ? [1, 0] : [0, 1];
      await cluster.server(first).terminate();
      versions[first] = ahead;
      await cluster.startServer(first);
      // As long as the newer one writes what both know, both go on.
      await work.goesOn();
      await append(cluster, ahead, entryOf(ahead, `/newer-${ahead}`));
      await expectStopped(cluster, second, ahead);
      await work.goesOn();
      versions[second] = ahead;
      await cluster.startServer(second);
      await work.goesOn();
    }
    for (const url of cluster.urls) await expectWritten(url);
    await expectHeldAndNobodyLost(cluster, work, lookOf(roundCount, compiledFolder));
  },
);

/** As the newer server would, were it asked for what only it knows. */
async function append({ etcd: { endpoints } }: Cluster, seq: number, body: Uint8Array): Promise<void> {
  const log = await EtcdLog.open({ client: new EtcdClient({ endpoints }), clock: systemClock, prefix });
  await log.append(seq, body);
  await log.close();
}

async function expectStopped(cluster: Cluster, index: number, ahead: number): Promise<void> {
  const why = new RegExp(`a later version wrote ${nameOf(ahead)} into the log.*start that version`);
  const server = cluster.server(index);
  expect(await server.exit).toMatchObject({ code: 78 });
  expect(String(server.logs.at(-1)?.cause)).toMatch(why);
  // Each start of it does the same, and takes long.
  if (ahead % startsEvery !== 1) return;
  const refused = await ServerProcess.runToEnd(await cluster.optionsOf(index));
  expect([refused.code, refused.logs.at(-1)?.msg]).toEqual([78, expect.stringMatching(why)]);
}

/** All that only newer versions wrote. */
async function expectWritten(url: string): Promise<void> {
  for (let ahead = 1; ahead <= roundCount; ahead += 1)
    expect((await new Http(url).get(`/v1/znodes/newer-${ahead}?consistency=linearizable`)).status).toBe(200);
}

/** As that version looks at a directory; this one may not. */
function lookOf(ahead: number, compiledFolder: string): Look {
  return async (dataDir) => {
    const [program, ...args] = programOf("cli/main", ahead, compiledFolder);
    const { stdout } = await promisify(execFile)(program, [...args, "--json", "check", dataDir]);
    return JSON.parse(stdout) as Awaited<ReturnType<Look>>;
  };
}
