// Servers that know of each other: seen from outside, and by the clock of whoever listens.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { bytesOf, Keys } from "../../src/store/etcd/keys.ts";
import { KnownServers, type ServerWords } from "../../src/store/etcd/known-servers.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Http } from "../support/http.ts";
import { Cluster } from "./cluster.ts";
import { Etcd } from "./etcd-process.ts";

let etcd: Etcd;

beforeAll(async () => {
  etcd = await Etcd.start(1);
});

afterAll(() => etcd.stop());

interface Listed {
  readonly id: string;
  readonly url: string;
  readonly isThis: boolean;
  readonly keepsHouse: boolean;
  readonly position: number;
  readonly behindEntries: number;
  readonly heardBeforeMs: number;
}

test("each of three servers lists all three, one of which keeps house; one that stops is taken off at once", async ({
  onTestFinished,
}) => {
  const cluster = await Cluster.start({ servers: 3, members: 1 });
  onTestFinished(() => cluster.stop());
  const listOf = async (index: number) => {
    const answer = await new Http(cluster.urls[index] as string).get("/v1/admin/servers");
    return answer.json<{ servers: Listed[] }>().servers;
  };
  const http = new Http(cluster.urls[0] as string);
  await http.post("/v1/znodes/a");
  const patience = { timeout: 30_000, interval: 100 };
  for (const index of [0, 1, 2]) {
    await expect.poll(async () => (await listOf(index)).length, patience).toBe(3);
    const [own, ...others] = await listOf(index);
    expect(own).toMatchObject({ isThis: true, url: cluster.urls[index], heardBeforeMs: 0 });
    expect(others.map(({ isThis }) => isThis)).toEqual([false, false]);
    expect([own, ...others].map((server) => server?.url).sort()).toEqual([...cluster.urls].sort());
    await expect
      .poll(async () => (await listOf(index)).filter(({ keepsHouse }) => keepsHouse).length, patience)
      .toBe(1);
  }
  await expect.poll(async () => (await listOf(0)).every(({ position }) => position > 0), patience).toBe(true);
  const { text } = await http.get("/metrics");
  expect(text).toContain('treekeeper_servers{state="heard"} 3');
  expect(text).toMatch(/treekeeper_etcd_db_in_use_bytes [1-9]/);
  await cluster.server(2).terminate();
  await expect.poll(async () => (await listOf(0)).length, patience).toBe(2);
});

test("one that is silent is known to be, and forgotten after a minute; a pause of one's own is nobody's silence", async () => {
  const keys = new Keys(`/${randomUUID()}/`);
  const client = new EtcdClient({ endpoints: etcd.endpoints });
  const [listener, speaker] = [serverNamed("listener"), serverNamed("speaker")];
  await speaker.start();
  await listener.start();
  expect(listener.known.list()).toMatchObject([
    { name: "listener", isThis: true, heardBeforeMs: 0 },
    { name: "speaker", isThis: false, url: "http://speaker.example", position: 7, heardBeforeMs: 0 },
  ]);
  for (let beats = 0; beats < 3; beats += 1) await listener.beat();
  expect(listener.known.stats()).toEqual({ heardServers: 1, silentServers: 1 });
  expect(listener.known.list()[1]).toMatchObject({ heardBeforeMs: 15_000 });
  await speaker.beat();
  await listener.beat();
  expect(listener.known.stats()).toEqual({ heardServers: 2, silentServers: 0 });
  await listener.clock.stall(600_000);
  await listener.rest();
  expect(listener.known.stats()).toEqual({ heardServers: 2, silentServers: 0 });
  for (let beats = 0; beats < 12; beats += 1) await listener.beat();
  const keysLeft = async () => (await client.range({ ...keys.servers, keysOnly: true })).kvs.length;
  await expect.poll(keysLeft).toBe(1);
  await listener.beat();
  expect(listener.known.list()).toHaveLength(1);
  await listener.known.stop();
  expect(await keysLeft()).toBe(0);
  await speaker.known.stop();

  function serverNamed(name: string) {
    const clock = new FakeClock();
    const known = new KnownServers({ client, keys, writer: name, clock });
    const rest = () => expect.poll(() => clock.hasTimerIn(5000, 5000)).toBe(true);
    return {
      ...{ clock, known, rest },
      async start() {
        known.start(() => ({ ...words, name, url: `http://${name}.example` }));
        await rest();
      },
      async beat() {
        await clock.advance(5000);
        await rest();
      },
    };
  }
});

const words: ServerWords = {
  ...{ name: "", url: "", version: "1.2.3", upForMs: 1000, position: 7, behindEntries: 0, behindMs: 0 },
};

test("what is no server's word is passed over", async () => {
  const keys = new Keys(`/${randomUUID()}/`);
  const client = new EtcdClient({ endpoints: etcd.endpoints });
  for (const [id, value] of Object.entries({ a: "", b: "null", c: "7", d: "{", e: "x".repeat(3000) }))
    await client.txn({ compare: [], success: [{ put: { key: keys.server(id), value: bytesOf(value) } }] });
  const clock = new FakeClock();
  const known = new KnownServers({ client, keys, writer: "own", clock });
  known.start(() => words);
  await expect.poll(() => clock.hasTimerIn(5000, 5000)).toBe(true);
  expect(known.list().map(({ id }) => id)).toEqual(["own"]);
  await known.stop();
});
