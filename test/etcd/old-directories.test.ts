// A server is started from a directory as it was rounds before, from an empty one, and from that of another service, while the
// others go on: by the log or by a snapshot it comes to the same tree, and what belongs elsewhere is refused.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { ServerProcess } from "../support/process.ts";
import { random } from "../support/random.ts";
import type { Cluster } from "./cluster.ts";
import { expectHeldAndNobodyLost } from "./nemesis/hold.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { Workload } from "./nemesis/workload.ts";

const roundCount = rounds({ usual: 3, full: 20 });
const old = 2;
const startsMax = 5;
/** Nobody is silent for so long by chance on a machine that is busy. */
const keptTimeoutMs = 8000;
/** Arguments that say where a server of the cluster listens. */
const ownAddress = 4;

test(
  "from an old directory and from an empty one a server comes to the same; another service's is refused",
  endsWithin,
  async ({ onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-old-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    // So short that it is trimmed every few rounds.
    const cluster = await quickCluster({ members: 1, serverArgs: ["--etcd-snapshot-bytes", "262144"] });
    onTestFinished(() => cluster.stop());
    const foreign = join(folder, "foreign");
    await serveAlone(cluster, foreign);
    await new Http(cluster.urls[0] as string).post("/v1/znodes/grown");
    const work = await Workload.start({ urls: cluster.urls, seed: 1, keptTimeoutMs });
    const chance = random(1);
    const copies: string[] = [];
    for (let round = 0; round < roundCount; round += 1) {
      await (round % 2 === 0 ? cluster.server(old).kill() : cluster.server(old).terminate());
      const copy = join(folder, `round-${round}`);
      cpSync(cluster.dataDir(old), copy, { recursive: true });
      copies.push(copy);
      await grow(cluster.urls[0] as string, 20);
      if (round % 5 === 4) await expectRefused(cluster, foreign);
      // Often the latest copy but a few, sometimes none at all.
      const chosen = round % 3 === 2 ? null : copies[Math.floor(chance() * copies.length)];
      replace(cluster.dataDir(old), chosen ?? null);
      await startAsServiceManagersDo(cluster);
      await work.goesOn();
    }
    await expectRefused(cluster, foreign);
    await expectHeldAndNobodyLost(cluster, work);
  },
);

/** The log may be trimmed beyond what the directory has while it is opened: then it says that the next start mends it. */
async function startAsServiceManagersDo(cluster: Cluster): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await cluster.startServer(old);
      return;
    } catch (error) {
      if (tries === startsMax || !String(error).includes("Start it again")) throw error;
    }
  }
}

/** Entries of some size, so that the log is trimmed before long. */
async function grow(url: string, count: number): Promise<void> {
  const http = new Http(url);
  for (let index = 0; index < count; index += 1)
    expect((await http.put("/v1/znodes/grown", { body: "x".repeat(4096) })).status).toBe(200);
}

function replace(directory: string, copy: string | null): void {
  rmSync(directory, { recursive: true, force: true });
  // The file beside it that says how far it had come is of the same time.
  if (copy !== null) cpSync(copy, directory, { recursive: true });
}

/** Another service in the same etcd. */
async function serveAlone(cluster: Cluster, dataDir: string): Promise<void> {
  const { args = [] } = await cluster.optionsOf(old);
  const other = await ServerProcess.start({
    dataDir,
    args: [...args.slice(ownAddress), "--etcd-prefix", "/another/"],
  });
  await new Http(other.url).post("/v1/znodes/a");
  await other.terminate();
}

async function expectRefused(cluster: Cluster, dataDir: string): Promise<void> {
  const { args = [] } = await cluster.optionsOf(old);
  const refused = await ServerProcess.runToEnd({ dataDir, args: args.slice(ownAddress) });
  expect(refused.code).toBe(1);
  expect(refused.logs.at(-1)?.msg).toMatch(/cluster [0-9a-f]{32}.*cluster/);
}
