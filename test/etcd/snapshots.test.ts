// What servers share beside the log: whoever is new or was away starts from a snapshot and the rest of the log, and is as the
// others are. Whatever is broken off, done twice or comes late, there is one whole snapshot, and no entry is there twice.

import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import {
  type CommitLog,
  type LogState,
  NotAppendedError,
  OutcomeUnknownError,
} from "../../src/store/commit-log.ts";
import { bootstrap } from "../../src/store/etcd/bootstrap.ts";
import { EntriesRead } from "../../src/store/etcd/entries-read.ts";
import type { Txn } from "../../src/store/etcd/etcd-calls.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { bytesOf, Keys } from "../../src/store/etcd/keys.ts";
import type { Snapshot } from "../../src/store/etcd/manifest.ts";
import { hashesIn, unpacked } from "../../src/store/etcd/snapshot-chunks.ts";
import { SnapshotDuty, type SnapshotLimits } from "../../src/store/etcd/snapshot-duty.ts";
import { Snapshots } from "../../src/store/etcd/snapshots.ts";
import { SupersededError } from "../../src/store/etcd/superseded-error.ts";
import { trimEntries } from "../../src/store/etcd/trim.ts";
import { placeOfBackup } from "../../src/store/sqlite/snapshot-file.ts";
import { Etcd } from "./etcd-process.ts";
import { newDirectory, openLog, openServer, type Place, type Server } from "./sharing-server.ts";
import { KilledError, WatchedClient } from "./watched-client.ts";

const etcd = await Etcd.start(1);
afterAll(() => etcd.stop());

const unbounded = new AbortController().signal;
const client = new EtcdClient({ endpoints: etcd.endpoints });
let places = 0;

function newPlace(): Place & { readonly keys: Keys; readonly snapshots: Snapshots } {
  places += 1;
  const prefix = `/shared-${places}/`;
  return { client, prefix, keys: new Keys(prefix), snapshots: new Snapshots(client, prefix) };
}

/** A backup of a server's tables, open for reading. */
async function backupOf(server: Server) {
  await server.written();
  const file = join(newDirectory(), "backup.db");
  const { bytes } = await server.backups.takeInto(file, unbounded);
  const content = await open(file, "r");
  onTestFinished(() => content.close());
  return { content, facts: { ...placeOfBackup(file), bytes } };
}

type Backup = Awaited<ReturnType<typeof backupOf>>;

function put(snapshots: Snapshots, { content, facts }: Backup): Promise<Snapshot> {
  return snapshots.put(content as FileHandle, facts, unbounded);
}

/** One is taken as soon as it is looked, of whatever there is. */
const always = { lookEveryMs: 5, retryMs: 5, logBytesMin: 0, logBytesMax: 0 };

function dutyOf(
  server: Server,
  place: Place,
  limits: Partial<SnapshotLimits> = {},
  log: Pick<CommitLog, "usage" | "trim"> = server.log,
) {
  const taken = Promise.withResolvers<Snapshot>();
  const tidied = Promise.withResolvers<void>();
  let isTaken = false;
  const failures: string[] = [];
  const duty = new SnapshotDuty({
    log,
    snapshots: new Snapshots(place.client, place.prefix),
    // The last thing that is done, with the snapshot of before and with the one that is taken.
    client: {
      compact: async (revision) => {
        await place.client.compact(revision).finally(() => isTaken && tidied.resolve());
      },
    },
    takeInto: (file, signal) => server.backups.takeInto(file, signal),
    file: server.snapshotFile,
    clock: systemClock,
    compaction: "own",
    limits: { ...always, ...limits },
    onTaken: (snapshot) => {
      isTaken = true;
      taken.resolve(snapshot);
    },
    onFailed: (reason) => failures.push(reason),
  });
  onTestFinished(() => duty.stop());
  return { duty, taken: taken.promise, tidied: tidied.promise, failures };
}

async function takeOf(server: Server, place: Place): Promise<Snapshot> {
  await server.written();
  const { duty, taken, tidied } = dutyOf(server, place);
  duty.start();
  const snapshot = await taken;
  await tidied;
  duty.stop();
  return snapshot;
}

/** In few entries of the log. */
async function fill(server: Server, name: string, count = 20, bytes = 100): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `/${name}-${index}`);
  // In an entry before the last one, which a snapshot leaves.
  await server.create(`/${name}`);
  await Promise.all(names.map((path) => server.create(path, randomBytes(bytes))));
}

/** Each in an entry of its own. */
async function fillSlowly(server: Server, name: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await server.create(`/${name}-${index}`);
}

async function chunksOf({ prefix }: Place): Promise<string[]> {
  const keys = new Keys(prefix);
  const { kvs } = await client.range({ ...keys.chunks, keysOnly: true });
  return kvs.map(({ key }) => keys.hashAt(key));
}

test("a new server is as the others are, by the snapshot and the rest of the log", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "before");
  const snapshot = await takeOf(server, place);
  expect(snapshot.lsn).toBe(server.store.place.lsn);
  // The last one that it covers, by which those whose rows end there know it.
  expect((await server.log.usage()).entries).toBe(1);
  expect(existsSync(server.snapshotFile)).toBe(false);
  await fill(server, "after", 5);
  const other = await openServer(place);
  other.taken.finish();
  expect(other.taken.snapshot).toMatchObject({ lsn: snapshot.lsn, zxid: snapshot.zxid });
  expect(other.digest()).toBe(server.digest());
  const database = join(other.directory, "treekeeper.db");
  expect(statSync(database).mode & 0o777).toBe(0o600);
  await other.create("/from-the-other");
  await expect.poll(() => server.digest()).toBe(other.digest());
  await other.close();
  // By its own file, as any server.
  const restarted = await openServer(place, other.directory);
  expect([restarted.taken.snapshot, restarted.digest()]).toEqual([null, server.digest()]);
});

test("a server that was away while the log was trimmed fails with a sentence, and starts again from the snapshot", async () => {
  const place = newPlace();
  const [server, away] = [await openServer(place), await openServer(place)];
  await fill(server, "a");
  await expect.poll(() => away.digest()).toBe(server.digest());
  const { lsn } = away.store.place;
  await away.close();
  await fill(server, "b");
  await fill(server, "c");
  await takeOf(server, place);
  const log = await openLog(place);
  const states: LogState[] = [];
  log.onState((state) => states.push(state));
  log.follow(lsn, () => {});
  await expect.poll(() => states).toMatchObject([{ state: "failed" }]);
  expect(states[0]).toMatchObject({
    cause: expect.stringMatching(/^Log entries from \d+ on are missing.*Start it again/),
  });
  await log.close();
  // Broken off anywhere, it leaves what there was.
  const database = join(away.directory, "treekeeper.db");
  const before = readFileSync(database);
  const { clusterId } = server.log.info;
  for (let call = 1; call <= 4; call += 1) {
    const ending = WatchedClient.endingAt(call, client);
    await expect(bootstrap(away.directory, ending, place.prefix, clusterId)).rejects.toThrow(KilledError);
    expect(readFileSync(database).equals(before)).toBe(true);
  }
  const back = await openServer(place, away.directory);
  expect(back.digest()).toBe(server.digest());
  const aside = join(away.directory, "replaced.db");
  expect(existsSync(aside)).toBe(true);
  back.taken.finish();
  expect(existsSync(aside)).toBe(false);
});

test("a server without a snapshot that reaches the log does not start", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "a");
  const { lsn, zxid } = server.store.place;
  await server.log.trim(lsn, { lsn, zxid, digest: "" });
  await expect(openServer(place)).rejects.toThrow(
    `The log in etcd begins at entry ${lsn + 1}, and what this server has ends at 0. There is no snapshot`,
  );
});

test("wherever the taking of a snapshot is broken off, a new server is as the others are", async () => {
  const place = newPlace();
  const { prefix, keys } = place;
  const server = await openServer(place);
  await fill(server, "a", 15, 40_000);
  await takeOf(server, place);
  await fill(server, "b", 10, 40_000);
  const backup = await backupOf(server);
  await fillSlowly(server, "c", 5);
  const snapshotOf = (ending: WatchedClient) => new Snapshots(ending, prefix);
  const stages = [
    async (ending: WatchedClient) => {
      await put(snapshotOf(ending), backup);
    },
    async (ending: WatchedClient) => {
      const snapshots = snapshotOf(ending);
      const snapshot = (await snapshots.latest()) as Snapshot;
      const [format] = (await ending.range({ key: keys.format })).kvs;
      const formatRevision = format?.modRevision as bigint;
      const read = new EntriesRead(ending, keys);
      const insist = <T>(ask: () => Promise<T>) => ask();
      await trimEntries({ client: ending, keys, read, formatRevision, insist }, snapshot.lsn - 1);
      await snapshots.prune(snapshot);
      await ending.compact(await snapshots.revision());
    },
  ];
  const steps: number[] = [];
  for (const stage of stages) {
    for (let call = 1; ; call += 1) {
      const outcome = await stage(WatchedClient.endingAt(call, client)).then(
        () => null,
        (error: unknown) => error,
      );
      // What was broken off when the manifest was there already.
      const isOver = outcome === null || outcome instanceof SupersededError;
      if (!isOver) expect(outcome).toBeInstanceOf(KilledError);
      const other = await openServer(place);
      expect(other.digest()).toBe(server.digest());
      await other.close();
      if (!isOver) continue;
      steps.push(call);
      break;
    }
  }
  expect((await place.snapshots.latest())?.lsn).toBe(backup.facts.lsn);
  // The last that it covers stays.
  expect((await server.log.usage()).entries).toBe(1 + 5);
  expect(Math.min(...steps)).toBeGreaterThan(6);
});

test("a start that is broken off between two files goes on with the one that is whole", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "a");
  await server.close();
  const { directory } = server;
  const [database, aside] = [join(directory, "treekeeper.db"), join(directory, "replaced.db")];
  renameSync(database, aside);
  const back = await openServer(place, directory);
  expect([back.taken.snapshot, back.digest()]).toEqual([null, server.digest()]);
  expect(readdirSync(directory)).not.toContain("replaced.db");
});

test("of two servers that put a snapshot at once one has its way, and nothing is left of the other's", async () => {
  const place = newPlace();
  const [one, other] = [await openServer(place), await openServer(place)];
  await fill(one, "a", 10, 50_000);
  await takeOf(one, place);
  await fill(other, "b", 10, 50_000);
  await expect.poll(() => one.digest()).toBe(other.digest());
  const backups = [await backupOf(one), await backupOf(other)];
  const outcomes = await Promise.allSettled(backups.map((backup) => put(place.snapshots, backup)));
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const refused = outcomes.find((outcome) => outcome.status === "rejected");
  expect(refused?.reason).toBeInstanceOf(SupersededError);
  const before = await chunksOf(place);
  const snapshot = (await place.snapshots.latest()) as Snapshot;
  await place.snapshots.prune(snapshot);
  const after = await chunksOf(place);
  expect(after.length).toBeLessThan(before.length);
  expect(after.toSorted()).toEqual((await namesOf(place, snapshot)).toSorted());
  const third = await openServer(place);
  expect(third.digest()).toBe(one.digest());
});

/** Of the pieces of a snapshot and of the one before it. */
async function namesOf({ keys }: { keys: Keys }, { lists, previous }: Snapshot): Promise<string[]> {
  const names = new Set<string>();
  for (const list of [...lists, ...(previous?.lists ?? [])]) {
    const [kv] = (await client.range({ key: keys.chunk(list) })).kvs;
    names.add(list);
    for (const hash of hashesIn(await unpacked(kv?.value as Uint8Array, list))) names.add(hash);
  }
  return [...names];
}

test("what one server is putting there stays, whoever removes what is needless meanwhile", async () => {
  const place = newPlace();
  const { keys, snapshots, prefix } = place;
  const server = await openServer(place);
  await fill(server, "a", 10, 50_000);
  const earlier = await backupOf(server);
  await fill(server, "b", 10, 50_000);
  const later = await backupOf(server);
  // All pieces of the later one are there, from before the earlier one became the snapshot.
  const ending = new WatchedClient(client);
  ending.beforeTxn = (txn) => {
    if (puts(txn, keys.manifest)) throw new KilledError("killed");
  };
  await expect(put(new Snapshots(ending, prefix), later)).rejects.toThrow(KilledError);
  const first = await put(snapshots, earlier);
  const slow = new WatchedClient(client);
  slow.beforeTxn = () => snapshots.prune(first);
  await put(new Snapshots(slow, prefix), later);
  await server.log.trim(later.facts.lsn, later.facts);
  const other = await openServer(place);
  expect([other.taken.snapshot?.lsn, other.digest()]).toEqual([later.facts.lsn, server.digest()]);
});

test("a snapshot that is not what was put there is refused, and the next one is whole", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "a", 20, 60_000);
  const snapshot = await takeOf(server, place);
  const [list] = snapshot.lists as [string];
  const [kv] = (await client.range({ key: place.keys.chunk(list) })).kvs;
  const [, second] = hashesIn(await unpacked(kv?.value as Uint8Array, list)) as [string, string];
  const key = place.keys.chunk(second);
  const [piece] = (await client.range({ key })).kvs;
  const value = Buffer.from(piece?.value as Uint8Array);
  value[1000] = (value[1000] as number) ^ 1;
  await client.txn({ compare: [], success: [{ put: { key, value } }] });
  const directory = newDirectory();
  await expect(openServer(place, directory)).rejects.toThrow(`the piece ${second} of the snapshot`);
  expect(readdirSync(directory).filter((name) => /treekeeper|snapshot|replaced/.test(name))).toEqual([]);
  await fill(server, "b", 3);
  await takeOf(server, place);
  const other = await openServer(place, directory);
  expect(other.digest()).toBe(server.digest());
});

test("a snapshot of another cluster, or of a file that was exchanged, is not taken for one's own", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "a");
  await fill(server, "b");
  await takeOf(server, place);
  const directory = newDirectory();
  await expect(bootstrap(directory, client, place.prefix, "another")).rejects.toThrow("its clusterId is");
  expect(existsSync(join(directory, "treekeeper.db"))).toBe(false);
});

test("servers go on while others compact etcd's history at every moment", async () => {
  const place = newPlace();
  const compacted = new WatchedClient(client);
  compacted.beforeCall = async () => {
    const { header } = await client.range({ key: place.keys.tail });
    await client.compact(header.revision).catch(() => {});
  };
  const elsewhere = { ...place, client: compacted };
  const server = await openServer(elsewhere);
  await fill(server, "a");
  await takeOf(server, elsewhere);
  await fill(server, "b", 3);
  const other = await openServer(elsewhere);
  expect(other.digest()).toBe(server.digest());
});

test("a snapshot of what is lost is not put into a log that was put back meanwhile", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "before");
  const { content, facts } = await backupOf(server);
  await server.close();
  const watched = new WatchedClient(client);
  const snapshots = new Snapshots(watched, place.prefix);
  // Just before it would be the snapshot.
  watched.beforeTxn = async (txn) => {
    if (puts(txn, place.keys.manifest)) await loseEntry(facts.entryName, place);
  };
  const putting = snapshots.put(content, facts, unbounded, { behind: facts.entryName });
  await expect(putting).rejects.toThrow(isPutBack);
  expect(await place.snapshots.latest()).toBeNull();
});

const isPutBack = /^the entry that the snapshot would end with is not in the log any more: etcd was restored/;

/** As it is where the log was put back. */
async function loseEntry(name: string, { keys }: { readonly keys: Keys }): Promise<void> {
  const [writer, seq] = name.split("/") as [string, string];
  await client.remove(keys.entry(writer, Number(seq)));
}

test("a server that keeps house says that the log was put back, and sends no piece for nothing", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "before");
  const { facts } = await backupOf(server);
  await loseEntry(facts.entryName, place);
  const { duty, failures } = dutyOf(server, place);
  duty.start();
  await expect.poll(() => failures.length).toBeGreaterThan(1);
  expect([failures[0], duty.stats().lastFailure]).toEqual(Array(2).fill(expect.stringMatching(isPutBack)));
  expect([duty.stats().taken, await chunksOf(place)]).toEqual([0, []]);
});

test("a snapshot that is there counts, whoever puts another before entries go by it; and that is no failure", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "a");
  await server.written();
  const refusals = [new Error("out of reach"), new SupersededError("another snapshot is there")];
  const trims: Error[] = [];
  const log = {
    usage: () => server.log.usage(),
    trim: async () => {
      const refusal = refusals[Math.min(trims.length, 1)] as Error;
      trims.push(refusal);
      throw refusal;
    },
  };
  const { duty, taken, failures } = dutyOf(server, place, {}, log);
  duty.start();
  expect((await taken).lsn).toBe((await place.snapshots.latest())?.lsn);
  await expect.poll(() => trims.length).toBeGreaterThan(2);
  const { lsn, bytes } = await taken;
  expect(failures).toEqual(["out of reach"]);
  expect(duty.stats()).toMatchObject({ ...{ taken: 1, failures: 1, lastFailure: null }, lsn, bytes });
  expect(duty.stats().takenAtMs).toBeGreaterThan(0);
});

test("entries stay that go by a snapshot which is there no more: a log that was put back may have no other of them", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fillSlowly(server, "before", 5);
  const snapshot = await put(place.snapshots, await backupOf(server));
  // As a manifest is that was put at another time.
  const key = place.keys.manifest;
  const { kvs } = await client.range({ key });
  await client.txn({ compare: [], success: [{ put: { key, value: kvs[0]?.value ?? bytesOf("") } }] });
  const before = await server.log.usage();
  await expect(server.log.trim(snapshot.lsn - 1, snapshot)).rejects.toThrow(SupersededError);
  expect(await server.log.usage()).toEqual(before);
  await server.log.trim(snapshot.lsn - 1, (await place.snapshots.latest()) as Snapshot);
  expect((await server.log.usage()).entries).toBeLessThan(before.entries);
});

test("one is taken when the log is long enough, and not before", async () => {
  const place = newPlace();
  const server = await openServer(place);
  const limits = { logBytesMin: 1_000_000, logBytesMax: 2_000_000, entriesMax: 30 };
  const watched = new WatchedClient(client);
  const { duty, taken, failures } = dutyOf(server, { ...place, client: watched }, limits);
  duty.start();
  await fillSlowly(server, "a", 30);
  await server.written();
  const { calls } = watched;
  await expect.poll(() => watched.calls).toBeGreaterThan(calls + 2);
  expect([await place.snapshots.latest(), duty.stats()]).toMatchObject([null, { taken: 0 }]);
  await server.create("/one-more");
  expect((await taken).lsn).toBeGreaterThan(0);
  expect([failures, duty.stats().taken]).toEqual([[], 1]);
});

test("what the one before left undone is done by the next who keeps house", async () => {
  const place = newPlace();
  const server = await openServer(place);
  await fill(server, "a");
  await put(place.snapshots, await backupOf(server));
  expect((await server.log.usage()).entries).toBe(server.store.place.lsn);
  const { duty } = dutyOf(server, place, { logBytesMin: 1e9, logBytesMax: 1e9 });
  duty.start();
  await expect.poll(async () => (await server.log.usage()).entries).toBe(1);
  expect(duty.stats().taken).toBe(0);
});

test("the size of the log is known without its entries being read again", async () => {
  const place = newPlace();
  const watched = new WatchedClient(client);
  const log = await openLog({ ...place, client: watched });
  onTestFinished(() => log.close());
  const told: number[] = [];
  log.follow(0, (entries) => {
    told.push(...entries.map(({ lsn }) => lsn));
  });
  for (let seq = 1; seq <= 50; seq += 1) await log.append(seq, bytesOf("12345"));
  await expect.poll(() => told.length).toBe(50);
  const txns: Txn[] = [];
  watched.onTxn = (txn, answer) => {
    txns.push(txn);
    return answer;
  };
  expect(await log.usage()).toEqual({ entries: 50, bytes: 250 });
  expect(txns.length).toBe(1);
  // One that did not follow reads what it does not know, once.
  const other = await openLog(place);
  onTestFinished(() => other.close());
  expect(await other.usage()).toEqual({ entries: 50, bytes: 250 });
});

/** One whose appends are seen. */
async function watchedLog(place: Place & { readonly keys: Keys }) {
  const watched = new WatchedClient(client);
  const log = await openLog({ ...place, client: watched });
  onTestFinished(() => log.close());
  const appends: Txn[] = [];
  watched.onTxn = (txn, answer) => {
    if (isAppend(txn, place.keys)) appends.push(txn);
    return answer;
  };
  return { watched, log, appends };
}

function isAppend(txn: Txn, { tail }: Keys): boolean {
  return puts(txn, tail);
}

function puts({ success }: Txn, key: Uint8Array): boolean {
  return success.some((step) => "put" in step && Buffer.from(key).equals(step.put.key));
}

test("an append that lingered until its entry was trimmed does not come a second time", async () => {
  const place = newPlace();
  const { log, appends } = await watchedLog(place);
  for (let seq = 1; seq <= 3; seq += 1) await log.append(seq, bytesOf("x"));
  const covering = { lsn: 3, zxid: 3, digest: "" };
  await log.trim(3, covering);
  for (const append of appends) expect((await client.txn(append)).succeeded).toBe(false);
  // Nor when nothing is left of its writer.
  const fence = place.keys.fence(log.writer);
  await client.remove(fence);
  for (const append of appends) expect((await client.txn(append)).succeeded).toBe(false);
  expect([await log.tail(), await log.usage()]).toEqual([3, { entries: 0, bytes: 0 }]);
  // And the writer itself goes on.
  expect(await log.append(4, bytesOf("y"))).toBe(4);
  for (const append of appends) expect((await client.txn(append)).succeeded).toBe(false);
});

test("whether an entry was put is unknown where the answer got lost, and all that would say so", async () => {
  const place = newPlace();
  const { watched, log } = await watchedLog(place);
  await log.append(1, bytesOf("x"));
  let lost = 0;
  const entry = Buffer.from(place.keys.fence(log.writer));
  watched.onTxn = (txn, answer) => {
    if (!isAppend(txn, place.keys)) return answer;
    lost += 1;
    if (lost === 1) throw new ConnectError("lost on the way back", Code.Unavailable);
    return answer;
  };
  watched.beforeCall = async () => {
    if (lost === 1) await client.remove(entry);
  };
  await expect(log.append(2, bytesOf("y"))).rejects.toBeInstanceOf(OutcomeUnknownError);
  expect(await log.tail()).toBe(2);
});

test("a server that wrote nothing since the snapshot before the last is forgotten, and goes on all the same", async () => {
  const place = newPlace();
  const [server, idle] = [await openServer(place), await openServer(place)];
  await idle.create("/idle");
  for (const name of ["a", "b"]) {
    await fill(server, name, 3);
    await takeOf(server, place);
  }
  const { kvs } = await client.range({ ...place.keys.fences, keysOnly: true });
  expect(kvs.map(({ key }) => place.keys.writerAt(key))).toEqual([server.log.writer]);
  await idle.create("/still-there");
  await expect.poll(() => server.digest()).toBe(idle.digest());
});

test("an entry that was refused for want of room is not there later either", async () => {
  const small = await Etcd.start(1, ["--quota-backend-bytes", "4194304"]);
  onTestFinished(() => small.stop());
  const prefix = "/small/";
  const keys = new Keys(prefix);
  const own = new EtcdClient({ endpoints: small.endpoints });
  const log = await openLog({ client: own, prefix });
  onTestFinished(() => log.close());
  let seq = 0;
  const refusal = await (async () => {
    for (;;) {
      seq += 1;
      try {
        await log.append(seq, randomBytes(1_000_000));
      } catch (error) {
        return error;
      }
    }
  })();
  expect(refusal).toBeInstanceOf(NotAppendedError);
  expect((await own.range({ key: keys.fence(log.writer) })).kvs).toEqual([]);
  expect(await log.tail()).toBe(seq - 1);
  await expect(log.append(seq + 1, bytesOf("x"))).rejects.toBeInstanceOf(NotAppendedError);
});
