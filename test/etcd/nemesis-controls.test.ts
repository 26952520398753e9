// Faults that are planted, in a server, before it, or in a client: the judge of the nemesis finds each, by the promise that it
// breaks. What finds no fault where there is one says nothing where it finds none.

import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Sqlite from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { sealMeta } from "../../src/store/sqlite/meta.ts";
import { random } from "../support/random.ts";
import { Network } from "../trials/network.ts";
import type { Cluster, ClusterOptions } from "./cluster.ts";
import { digestsOf } from "./nemesis/digests.ts";
import type { Journal } from "./nemesis/journal.ts";
import { faultsOf, type promises } from "./nemesis/judge.ts";
import { type Lie, LyingProxy } from "./nemesis/lying-proxy.ts";
import { quickCluster } from "./nemesis/quick-cluster.ts";
import { keptTimeoutMs } from "./nemesis/session-client.ts";
import { SlowWays, slow } from "./nemesis/slow-way.ts";
import { untilSuspended } from "./nemesis/suspended.ts";
import { within } from "./nemesis/within.ts";
import { Workload, type WorkloadOptions } from "./nemesis/workload.ts";

const seed = 1;
/** Of each kind, so that what is wrong now and then has gone wrong. */
const enough = { writes: 60, reads: 40, hops: 12 };
/** The short form tries some of them. */
const testInFull = test.runIf(process.env.FULL);

/** Two servers over one member; the second of them hears everything late where that is asked for. */
async function smallCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await quickCluster({ ...options, servers: 2, members: 1 });
  onTestFinished(() => cluster.stop());
  return cluster;
}

/** From the sources, with a fault put in before they are run. */
function planted(name: string): (index: number) => readonly [string, ...string[]] {
  const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const fault = new URL(`./nemesis/planted/${name}.ts`, import.meta.url).href;
  return () => [process.execPath, "--import", fault, fileOf("../../src/main.ts")];
}

/** Endpoints of which those of the second server are slow. */
function lateAtTheSecond(): Pick<ClusterOptions, "endpointsOf"> {
  const ways = new SlowWays(random(seed));
  onTestFinished(() => ways.stop());
  ways.become(slow);
  return {
    endpointsOf: async (index, endpoints) => (index === 1 ? await ways.to(endpoints, "late") : endpoints),
  };
}

async function lyingProxies(urls: readonly string[], lie: Lie): Promise<string[]> {
  const proxies = await Promise.all(urls.map((url) => LyingProxy.start(url, lie)));
  onTestFinished(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  });
  return proxies.map(({ url }) => url);
}

/** The promises that are found broken. */
async function brokenBy(
  options: Omit<WorkloadOptions, "seed">,
  until: (journal: Journal) => Promise<void> = untilEnough,
) {
  const workload = await Workload.start({ ...options, seed });
  await until(workload.journal);
  const faults = faultsOf(await workload.end());
  return { faults, broken: brokenIn(faults) };
}

function brokenIn(faults: readonly string[]): ReadonlySet<keyof typeof promises> {
  return new Set(faults.map((fault) => fault.split(":")[0] as keyof typeof promises));
}

/** A planted fault: rows that were written say that they are as of where another server's are. */
function moveOn(dataDir: string, other: string): void {
  const connection = new Sqlite(join(dataDir, "treekeeper.db"));
  connection.prepare("ATTACH ? AS other").run(join(other, "treekeeper.db"));
  connection.exec(`
    UPDATE main.meta SET (applied_lsn, entry_name, zxid, next_znode_id, ran_ms, time_ms) =
      (SELECT applied_lsn, entry_name, zxid, next_znode_id, ran_ms, time_ms FROM other.meta)`);
  sealMeta(connection);
  connection.close();
}

function untilEnough({ writes, reads, streams }: Journal): Promise<void> {
  return within("enough was asked", () => {
    const hops = streams.reduce((sum, stream) => sum + stream.hops, 0);
    return writes.length >= enough.writes && reads.length >= enough.reads && hops >= enough.hops;
  });
}

/** On a busy machine clients may be slower than a server is late. */
function untilOneIsFromBefore({ answers }: Journal): Promise<void> {
  return within("an answer was from before", () => answers.some(({ minZxid, zxid }) => zxid < minZxid));
}

/** One that is kept all the time, and would be to the end. */
function untilOneIsLost({ sessions }: Journal): Promise<void> {
  return within("a session was lost", () =>
    sessions.some(
      ({ timeoutMs, keepalives }) =>
        timeoutMs === keptTimeoutMs && keepalives.at(-1)?.outcome === "session_expired",
    ),
  );
}

testInFull(
  "nothing is found where nothing is planted, though a server hears late and a proxy is between",
  async () => {
    const { urls } = await smallCluster(lateAtTheSecond());
    const between = await lyingProxies(urls, () => {});
    const ways = {
      askedUrls: between,
      streamUrls: between,
      contenderUrls: between,
      lateUrl: between[0] as string,
    };
    expect((await brokenBy({ urls, ...ways })).faults).toEqual([]);
  },
);

test("a write that is acknowledged and never done is found", async () => {
  const { urls } = await smallCluster();
  let count = 0;
  const askedUrls = await lyingProxies(urls, ({ method, url }, answer) => {
    if (method !== "PUT" || !url.startsWith("/v1/znodes/n/r/") || ++count % 4 !== 0) return;
    const stat = { mzxid: 1_000_000 + count, version: count };
    answer.writeHead(200, { "content-type": "application/json" });
    answer.end(JSON.stringify({ path: url.slice("/v1/znodes".length).split("?")[0], stat }));
  });
  const { faults, broken } = await brokenBy({ urls, askedUrls });
  expect(broken, faults.join("\n")).toContain("acknowledgedIsThere");
});

testInFull("a server that answers from before what its client has seen is found", async () => {
  const { urls } = await smallCluster(lateAtTheSecond());
  const askedUrls = await lyingProxies(urls, ({ headers }) => {
    delete headers["min-zxid"];
  });
  const { faults, broken } = await brokenBy({ urls, askedUrls }, untilOneIsFromBefore);
  expect(broken, faults.join("\n")).toContain("neverBack");
});

testInFull("a read of the newest state for which nobody was asked is found", async () => {
  const { urls } = await smallCluster({ ...lateAtTheSecond(), commandOf: planted("asks-nobody") });
  const { faults, broken } = await brokenBy({ urls });
  expect(broken, faults.join("\n")).toContain("readsAreNew");
});

test("a stream that goes on one change too late is found", async () => {
  const { urls } = await smallCluster();
  const streamUrls = await lyingProxies(urls, ({ headers }) => {
    const id = String(headers["last-event-id"]);
    headers["last-event-id"] = id.replace(/^\d+/, (zxid) => (zxid === "0" ? zxid : String(Number(zxid) + 1)));
  });
  const { faults, broken } = await brokenBy({ urls, streamUrls });
  expect(broken, faults.join("\n")).toContain("streamsAreWhole");
});

testInFull("an append that is sent again under another number is found", async () => {
  const { urls } = await smallCluster({ commandOf: planted("appends-again") });
  const { faults, broken } = await brokenBy({ urls });
  expect(broken, faults.join("\n")).toContain("doneOnce");
});

testInFull("a housekeeper that ends sessions by its own clock alone is found", async () => {
  const { urls } = await smallCluster({ commandOf: planted("own-clock") });
  const { faults, broken } = await brokenBy({ urls }, untilOneIsLost);
  expect(broken, faults.join("\n")).toContain("keptIsAlive");
});

testInFull("a server that takes the rows of an old directory for the newest is found", async () => {
  const cluster = await smallCluster();
  const { urls } = cluster;
  const workload = await Workload.start({ urls, seed, willBeCutOff: true });
  await workload.goesOn();
  await cluster.server(1).terminate();
  await workload.goesOn();
  await cluster.server(0).terminate();
  moveOn(cluster.dataDir(1), cluster.dataDir(0));
  await Promise.all([cluster.startServer(0), cluster.startServer(1)]);
  await workload.goesOn();
  const faults = faultsOf(await workload.cutOff());
  const broken = brokenIn(faults);
  expect(broken, faults.join("\n")).toContain("oneHistory");
  expect(broken, faults.join("\n")).toContain("readsAreTrue");
  await workload.gone();
  const [digest, other] = await digestsOf(cluster);
  expect(other).not.toEqual(digest);
});

testInFull("a housekeeper that counts the silence of those whom nobody could hear is found", async () => {
  const cluster = await smallCluster({ commandOf: planted("counts-the-unheard") });
  const { urls } = cluster;
  const workload = await Workload.start({ urls, seed, keptTimeoutMs: 4000 });
  await workload.goesOn();
  await cluster.member(0).kill();
  await Promise.all(urls.map(untilSuspended));
  await workload.outage(false, () => wait(4000));
  cluster.member(0).restart();
  await workload.goesOn();
  const faults = faultsOf(await workload.end());
  expect(brokenIn(faults), faults.join("\n")).toContain("unheardIsNotSilent");
});

testInFull("a holder that writes without its fence is found", async () => {
  const { urls } = await smallCluster();
  const networks = await Promise.all(urls.map((url) => Network.start(url)));
  onTestFinished(async () => {
    await Promise.all(networks.map((network) => network.stop()));
  });
  const [lateUrl] = await lyingProxies([urls[0] as string], ({ headers }) => {
    delete headers.fence;
  });
  const contenderUrls = networks.map(({ url }) => url);
  const cutInTurn = async () => {
    for (let round = 0; round < 6; round += 1) {
      await wait(300);
      const network = networks[round % networks.length] as Network;
      network.fail({ toServer: "swallow", toClient: "swallow" });
      await wait(1000);
      network.heal();
    }
  };
  const ways = { contenderUrls, lateUrl: lateUrl as string };
  const { faults, broken } = await brokenBy({ urls, ...ways }, cutInTurn);
  expect(broken, faults.join("\n")).toContain("locks");
  expect(faults.join("\n")).toContain("fenced:");
});
