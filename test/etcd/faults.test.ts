// Whatever becomes of what is sent and heard, several servers hear the same entries, each once and in one order, and each
// append is answered with its place.

import { afterAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { LogEntry, LogState } from "../../src/store/commit-log.ts";
import { usualPaces } from "../../src/store/etcd/connection.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { bytesOf, Keys } from "../../src/store/etcd/keys.ts";
import { Etcd } from "./etcd-process.ts";
import { type Faults, FaultyClient, noFaults } from "./faulty-client.ts";

const seeds = Array.from({ length: process.env.FULL ? 20 : 5 }, (_, index) => index + 1);
const serverCount = 3;
const appendsPerServer = 40;
/** So that what waits for a look at the tail does not wait long. */
const paces = { ...usualPaces, probeEveryMs: 50, retryMs: 5 };

const kinds: Readonly<Record<string, Partial<Faults>>> = {
  "requests are lost": { lostRequest: 0.2 },
  "answers are lost": { lostAnswer: 0.2 },
  "events are told twice": { repeatedEvent: 0.3 },
  "events are lost": { droppedEvent: 0.2 },
  "events are told in another order": { swappedEvents: 0.3 },
  "watches end": { endedWatch: 0.2 },
  "watches keep silent": { silentWatch: 0.1 },
  "everything is late": { delayMsMax: 20 },
  "all of that happens": {
    ...{ lostRequest: 0.1, lostAnswer: 0.1, droppedEvent: 0.1, repeatedEvent: 0.1, swappedEvents: 0.1 },
    ...{ endedWatch: 0.1, silentWatch: 0.05, delayMsMax: 5 },
  },
};

const etcd = await Etcd.start(1);
afterAll(() => etcd.stop());

interface Server {
  readonly client: FaultyClient;
  readonly log: EtcdLog;
  readonly heard: LogEntry[];
  readonly states: LogState[];
}

let places = 0;

async function openServer(prefix: string, faults: Partial<Faults>, seed: number): Promise<Server> {
  const client = new FaultyClient(
    new EtcdClient({ endpoints: etcd.endpoints }),
    { ...noFaults, ...faults },
    seed,
  );
  const log = await EtcdLog.open({ client, clock: systemClock, prefix, paces });
  const [heard, states]: [LogEntry[], LogState[]] = [[], []];
  log.follow(0, (entries) => {
    heard.push(...entries);
  });
  log.onState((state) => states.push(state));
  return { client, log, heard, states };
}

function newPrefix(): string {
  places += 1;
  return `/faults-${places}/`;
}

function namesOf(entries: readonly LogEntry[]): string[] {
  return entries.map(({ lsn, writer, seq, body }) => `${lsn} ${writer} ${seq} ${Buffer.from(body)}`);
}

describe.for(Object.entries(kinds))("where %s", ([, faults]) => {
  test.for(seeds)("every server hears the same, with seed %i", async (seed) => {
    const prefix = newPrefix();
    const open = (index: number) => openServer(prefix, faults, seed * serverCount + index);
    const servers = await Promise.all(Array.from({ length: serverCount }, (_, index) => open(index)));
    const placed = await Promise.all(servers.map(appendAll));
    const count = serverCount * appendsPerServer;
    await expect
      .poll(() => servers.map(({ heard }) => heard.length), { timeout: 60_000 })
      .toEqual([count, count, count]);
    const [first, ...others] = servers.map(({ heard }) => namesOf(heard));
    for (const other of others) expect(other).toEqual(first);
    expect(placed.flat().toSorted(byPlace)).toEqual(first);
    expect(servers.flatMap(({ states }) => states)).not.toContainEqual(
      expect.objectContaining({ state: "failed" }),
    );
    await Promise.all(servers.map(({ log }) => log.close()));
  });
});

/** Each as it was answered. */
async function appendAll({ log }: Server): Promise<string[]> {
  const appends = Array.from({ length: appendsPerServer }, async (_, index) => {
    const [seq, text] = [index + 1, `entry ${index}`];
    return `${await log.append(seq, bytesOf(text))} ${log.writer} ${seq} ${text}`;
  });
  return await Promise.all(appends);
}

function byPlace(one: string, other: string): number {
  return Number.parseInt(one, 10) - Number.parseInt(other, 10);
}

test("others may compact etcd's history: entries are there until they are trimmed", async () => {
  const { client, log, heard } = await openServer(newPrefix(), {}, 1);
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
  const { client, log, states } = await openServer(prefix, {}, 1);
  for (let seq = 1; seq <= 3; seq += 1) await log.append(seq, bytesOf("x"));
  await expect.poll(() => states).toEqual([]);
  const keys = new Keys(prefix);
  await client.txn({ compare: [], success: [{ deleteRange: { key: keys.tail } }] });
  await client.txn({ compare: [], success: [{ put: { key: keys.tail, value: bytesOf("") } }] });
  await expect.poll(() => states).toMatchObject([{ state: "failed" }]);
  await log.close();
});

test("an append to another log that was put in the place of the one that was opened is not taken", async () => {
  const prefix = newPrefix();
  const { client, log, states } = await openServer(prefix, {}, 1);
  await log.append(1, bytesOf("x"));
  await client.txn({ compare: [], success: [{ deleteRange: new Keys(prefix).log }] });
  await client.txn({ compare: [], success: [{ deleteRange: { key: new Keys(prefix).format } }] });
  const other = await openServer(prefix, {}, 2);
  await expect(log.append(2, bytesOf("y"))).rejects.toThrow("failed");
  expect(states).toMatchObject([{ state: "failed" }]);
  expect(await other.log.tail()).toBe(0);
  await Promise.all([log.close(), other.log.close()]);
});

test("who is not let in is told at once, and not kept waiting", async () => {
  const user = { name: "tree", password: "wrong" };
  const client = new EtcdClient({ endpoints: etcd.endpoints, user });
  const opening = EtcdLog.open({ client, clock: systemClock, prefix: newPrefix(), paces });
  await expect(opening).rejects.toThrow("etcd refuses this server: ");
});

test("while etcd does not answer the log is suspended, and what was sent is in it once", async () => {
  const own = await Etcd.start(1);
  try {
    const client = new EtcdClient({ endpoints: own.endpoints });
    const log = await EtcdLog.open({ client, clock: systemClock, prefix: "/held/", paces });
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
