// Whatever becomes of what is sent and heard, several servers hear the same entries, each once and in one order, and each
// append is answered with its place.

import { afterAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { valueFor } from "../../src/store/etcd/entry-value.ts";
import type { EtcdCalls } from "../../src/store/etcd/etcd-calls.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { bytesOf, Keys } from "../../src/store/etcd/keys.ts";
import { CuttingProxy } from "../client/cutting-proxy.ts";
import { random } from "../support/random.ts";
import { paces } from "./etcd-home.ts";
import { Etcd } from "./etcd-process.ts";
import { type Faults, FaultyClient, kindsOfFaults, noFaults } from "./faulty-client.ts";
import { brokenPromises, openServer, serverCount } from "./trial.ts";
import { StaleClient, TrustingClient, UnconditionalClient } from "./wrong-clients.ts";

const seeds = Array.from({ length: process.env.FULL ? 12 : 3 }, (_, index) => index + 1);
const hearWithinMs = 60_000;

const etcd = await Etcd.start(1);
afterAll(() => etcd.stop());
const client = new EtcdClient({ endpoints: etcd.endpoints });

let places = 0;

function newPrefix(): string {
  places += 1;
  return `/faults-${places}/`;
}

function faultyClients(faults: Partial<Faults>, seed: number): (index: number) => EtcdCalls {
  return (index) => new FaultyClient(client, { ...noFaults, ...faults }, seed * serverCount + index);
}

describe.for(Object.entries(kindsOfFaults))("where %s", ([, faults]) => {
  test.for(seeds)("every server hears the same, with seed %i", async (seed) => {
    const clientOf = faultyClients(faults, seed);
    expect(await brokenPromises({ clientOf, prefix: newPrefix(), hearWithinMs })).toEqual([]);
  });
});

test.for(seeds.slice(0, 5))(
  "bytes that stop anywhere, and connections that are cut, change nothing, with seed %i",
  async (seed, { onTestFinished }) => {
    const chance = random(seed);
    const proxies = await Promise.all(
      Array.from({ length: serverCount }, () => CuttingProxy.start(etcd.endpoints[0] as string)),
    );
    let isOver = false;
    const spoil = async (proxy: CuttingProxy) => {
      while (!isOver) {
        if (chance() < 0.3) proxy.goDark();
        else proxy.cutAfter(Math.floor(chance() * 3000));
        await new Promise((resolve) => setTimeout(resolve, 20 + chance() * 100));
        proxy.goLight();
      }
    };
    const spoiling = proxies.map(spoil);
    onTestFinished(async () => {
      isOver = true;
      await Promise.all(spoiling);
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    });
    const clients = proxies.map(({ url }) => new EtcdClient({ endpoints: [url] }));
    const clientOf = (index: number) => clients[index] as EtcdClient;
    const broken = await brokenPromises({ clientOf, prefix: newPrefix(), hearWithinMs });
    expect(broken).toEqual([]);
    expect(proxies.reduce((sum, { cutCount }) => sum + cutCount, 0)).toBeGreaterThan(serverCount);
  },
);

describe("an adapter that is wrong is found out, when", () => {
  /** So many seeds one has to find it in. */
  const seedsMax = 5;
  const wrong = {
    "what is sent again is done again": { Wrong: UnconditionalClient, faults: { lostAnswer: 0.3 } },
    "the end of the log is read where it may be old": { Wrong: StaleClient, faults: {} },
    "a watch is taken to tell of all": { Wrong: TrustingClient, faults: { droppedTxn: 0.3 } },
  };

  test.for(Object.entries(wrong))("%s", async ([, { Wrong, faults }]) => {
    const broken: string[] = [];
    for (let seed = 1; seed <= seedsMax && broken.length === 0; seed += 1) {
      const prefix = newPrefix();
      const clientOf = (index: number) => new Wrong(faultyClients(faults, seed)(index), prefix);
      broken.push(...(await brokenPromises({ clientOf, prefix, hearWithinMs: 3000 })));
    }
    expect(broken).not.toEqual([]);
  });
});

test("others may compact etcd's history: entries are there until they are trimmed", async () => {
  const { log, heard } = await openServer(client, newPrefix());
  for (let seq = 1; seq <= 20; seq += 1) {
    await log.append(seq, bytesOf("x"));
    const { header } = await client.range({ key: bytesOf("any") });
    await client.compact(header.revision);
  }
  const late: number[] = [];
  log.follow(0, (entries) => {
    late.push(...entries.map(({ lsn }) => lsn));
  });
  await expect.poll(() => [heard.length, late.length]).toEqual([20, 20]);
  await log.close();
});

test("a log that ends before what was heard of it has failed: etcd was restored from an older copy", async () => {
  const prefix = newPrefix();
  const { log, states } = await openServer(client, prefix);
  for (let seq = 1; seq <= 3; seq += 1) await log.append(seq, bytesOf("x"));
  await expect.poll(() => states).toEqual([]);
  const keys = new Keys(prefix);
  await client.txn({ compare: [], success: [{ deleteRange: { key: keys.tail } }] });
  await client.txn({ compare: [], success: [{ put: { key: keys.tail, value: bytesOf("") } }] });
  await expect.poll(() => states).toMatchObject([{ state: "failed" }]);
  await log.close();
});

describe("where a log was put back its end is not told as if nothing had been, when", () => {
  test.for([
    ["it ends earlier", 1],
    ["it has come as far again", 3],
  ] as const)("%s", async ([, count]) => {
    const prefix = newPrefix();
    const { log, heard } = await openServer(client, prefix);
    for (let seq = 1; seq <= 3; seq += 1) await log.append(seq, bytesOf("x"));
    await expect.poll(() => heard.length).toBe(3);
    const keys = new Keys(prefix);
    await client.txn({ compare: [], success: [{ deleteRange: keys.log }] });
    for (let seq = 1; seq <= count; seq += 1) {
      const entry = { put: { key: keys.entry("another", seq), value: valueFor(bytesOf("y")) } };
      const tail = { put: { key: keys.tail, value: bytesOf(`another/${seq}`) } };
      await client.txn({ compare: [], success: [entry, tail] });
    }
    await expect(log.tail()).rejects.toThrow("another past");
    await log.close();
  });
});

test("an append to another log that was put in the place of the one that was opened is not taken", async () => {
  const prefix = newPrefix();
  const { log, states } = await openServer(client, prefix);
  await log.append(1, bytesOf("x"));
  await client.txn({ compare: [], success: [{ deleteRange: new Keys(prefix).log }] });
  await client.txn({ compare: [], success: [{ deleteRange: { key: new Keys(prefix).format } }] });
  const other = await openServer(client, prefix);
  await expect(log.append(2, bytesOf("y"))).rejects.toThrow("failed");
  expect(states).toMatchObject([{ state: "failed" }]);
  expect(await other.log.tail()).toBe(0);
  await Promise.all([log.close(), other.log.close()]);
});

test("who is not let in is told at once, and not kept waiting", async () => {
  const user = { name: "tree", password: "wrong" };
  const stranger = new EtcdClient({ endpoints: etcd.endpoints, user });
  const opening = EtcdLog.open({ client: stranger, clock: systemClock, prefix: newPrefix(), paces });
  await expect(opening).rejects.toThrow("etcd refuses this server: ");
});

test("while etcd does not answer the log is suspended, and what was sent is in it once", async () => {
  const own = await Etcd.start(1);
  try {
    const itsClient = new EtcdClient({ endpoints: own.endpoints });
    const log = await EtcdLog.open({ client: itsClient, clock: systemClock, prefix: "/held/", paces });
    const states: string[] = [];
    log.onState(({ state }) => states.push(state));
    const heard: number[] = [];
    log.follow(0, (entries) => {
      heard.push(...entries.map(({ lsn }) => lsn));
    });
    await log.append(1, bytesOf("a"));
    own.members[0]?.signal("SIGSTOP");
    const append = log.append(2, bytesOf("b"));
    await expect.poll(() => states, { timeout: 20_000 }).toEqual(["suspended"]);
    own.members[0]?.signal("SIGCONT");
    expect(await append).toBe(2);
    await expect.poll(() => states, { timeout: 20_000 }).toEqual(["suspended", "connected"]);
    await expect.poll(() => heard).toEqual([1, 2]);
    await log.close();
  } finally {
    await own.stop();
  }
});
