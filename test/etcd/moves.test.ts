// A log that moves, broken off at each call to etcd: at no moment are there two that could be served, and whoever does it
// again finishes it. And what is said of a log that is not where it is looked for.

import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Digest } from "../../src/core/digest.ts";
import { restoreInPlace } from "../../src/offline/restore.ts";
import { type LogState, NotAppendedError } from "../../src/store/commit-log.ts";
import { epochOf } from "../../src/store/epoch-name.ts";
import { bootstrap } from "../../src/store/etcd/bootstrap.ts";
import { usualPaces } from "../../src/store/etcd/connection.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { bytesOf } from "../../src/store/etcd/keys.ts";
import { type FoundFormat, MovedLogError } from "../../src/store/etcd/log-format.ts";
import { noteLogHome } from "../../src/store/sqlite/log-home.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { startOn } from "../offline/fixture.ts";
import { smallBallast } from "../store/sqlite-fixture.ts";
import { plain } from "../support/keeper.ts";
import { Etcd } from "./etcd-process.ts";
import { killedAtEachStep, newMove, servesAlone, servesEtcd } from "./one-move.ts";
import { openLog, openServer } from "./sharing-server.ts";
import { KilledError, WatchedClient } from "./watched-client.ts";

const etcd = await Etcd.start(1);
afterAll(() => etcd.stop());
const client = new EtcdClient({ endpoints: etcd.endpoints });

test("into etcd: killed at each step and done again, it is in one of both, and then in etcd", async () => {
  const move = await newMove(client);
  const seen = new Set<string>();
  const look = async () => {
    const where = [servesAlone(move.source), await servesEtcd(move)];
    seen.add(where.join(" "));
    expect(where).not.toEqual([true, true]);
  };
  const calls = await killedAtEachStep(client, (ending) => move.into(move.source, ending), look);
  expect(calls).toBeGreaterThan(8);
  // What was seen on the way: nothing moved, neither of both, and both sides' last step.
  expect([...seen]).toEqual(expect.arrayContaining(["true false", "false false"]));
  await look();
  expect(await servesEtcd(move)).toBe(true);
  await expect(openSqlite(move.source, smallBallast)).rejects.toThrow(`is ${move.name}, and goes on there`);
  const server = await openServer(move.place);
  expect([server.taken.snapshot?.lsn, server.store.place]).toMatchObject([3, { lsn: 3, zxid: 3 }]);
  await server.create("/d");
  expect(server.store.place.lsn).toBe(4);
  // Another comes to the same by the snapshot and the entry, and so does one that begins with what was moved.
  const other = await openServer(move.place);
  const own = await openServer(move.place, move.source);
  expect([other.digest(), own.digest()]).toEqual([server.digest(), server.digest()]);
  expect(own.taken.snapshot).toBeNull();
});

test("out of etcd: killed at each step and done again, it is in one of both, and then in the directory", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  const server = await openServer(move.place);
  await server.create("/d");
  const digest = server.digest();
  await server.close();
  const look = async () => expect([servesAlone(move.back), await servesEtcd(move)]).not.toEqual([true, true]);
  const steps = await killedAtEachStep(client, (ending) => move.out(move.back, ending), look);
  expect(steps).toBeGreaterThan(6);
  await look();
  expect([servesAlone(move.back), await servesEtcd(move)]).toEqual([true, false]);
  const report = await move.out(move.back);
  expect(report).toMatchObject({ position: 4, digest });
  const { loaded, close } = await reopened(move.back);
  expect(Digest.of(loaded.state).toString()).toBe(digest);
  expect(loaded).toMatchObject({ isCopy: false, wasUnclean: false, tail: 4, logHome: null });
  await close();
});

async function reopened(dir: string) {
  const sqlite = await openSqlite(dir, smallBallast);
  return { loaded: sqlite.loaded, close: () => sqlite.close() };
}

test("there and back and there again, positions go on and no two logs give their epochs one name", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  const first = await openServer(move.place);
  await first.create("/in-the-first");
  const stale = first.directory;
  await first.close();
  await move.out(move.back);
  const alone = await startOn(move.back);
  await alone.submit({ type: "create", path: "/alone", mode: plain, data: bytesOf("") });
  await alone.close();
  const second = await newMove(client);
  await second.into(move.back);
  const server = await openServer(second.place);
  expect(server.store.place).toMatchObject({ lsn: 5, zxid: 5 });
  expect(epochOf(server.log)).not.toBe(epochOf(first.log));
  expect(server.log.info.clusterId).toBe(first.log.info.clusterId);
  // What a server had of the first log may be of a past that was left: it begins with the snapshot.
  const late = await openServer(second.place, stale);
  expect(late.taken.snapshot?.lsn).toBe(5);
  expect(late.digest()).toBe(server.digest());
  // However far it had come there.
  await late.close();
  noteLogHome(join(stale, "treekeeper.db"), { place: "etcd://elsewhere/", logId: "of-another-log" });
  const later = await openServer(second.place, stale);
  expect(later.taken.snapshot?.lsn).toBe(5);
});

test("an append is refused by the key alone, before anybody has looked at it", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  const paces = { ...usualPaces, probeEveryMs: 600_000 };
  const log = await EtcdLog.open({ ...move.place, clock: systemClock, paces });
  expect(await log.append(1, bytesOf("x"))).toBe(4);
  const found = await move.moves.look();
  const going = { state: "going", id: "1", place: "elsewhere:/back" } as const;
  await move.moves.say({ ...(found as FoundFormat).format, move: going }, found);
  await expect(log.append(2, bytesOf("y"))).rejects.toThrow(NotAppendedError);
  const states: LogState[] = [];
  log.onState((state) => states.push(state));
  expect(states).toMatchObject([{ state: "failed", cause: expect.stringContaining("elsewhere:/back") }]);
  await log.close();
});

test("who has the log open fails with the place it went to, and appends nothing any more", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  const [writing, idle] = [await openLog(move.place), await openLog(move.place)];
  const states: LogState[] = [];
  idle.onState((state) => states.push(state));
  await writing.append(1, bytesOf("x"));
  const moved = move.out(move.back);
  await expect(moved).rejects.toThrow();
  await expect(writing.append(2, bytesOf("y"))).rejects.toThrow("The log has failed");
  await expect
    .poll(() => states)
    .toMatchObject([{ state: "failed", cause: expect.stringContaining(move.back) }]);
  await expect(openLog(move.place)).rejects.toThrow(MovedLogError);
  await expect(writing.tail()).rejects.toThrow("is on its way to");
  await Promise.all([writing.close(), idle.close()]);
});

test("what was broken off is taken back, and what came to its end is not", async () => {
  const move = await newMove(client);
  const ending = WatchedClient.endingAt(6, client);
  await expect(move.into(move.source, ending)).rejects.toThrow(KilledError);
  await expect(openLog(move.place)).rejects.toThrow("on its way to");
  await move.undoInto(move.source);
  expect([servesAlone(move.source), await move.moves.keyCount()]).toEqual([true, 0]);
  await expect(move.undoInto(move.source)).rejects.toThrow("Nothing was done");
  await move.into(move.source);
  await expect(move.undoInto(move.source)).rejects.toThrow("goes on there");
  expect(servesAlone(move.source)).toBe(false);

  const going = new WatchedClient(client);
  going.beforeTxn = ({ success }) => {
    if (success.some((step) => "put" in step) && going.calls > 4) throw new KilledError("killed");
  };
  await expect(move.out(move.back, going)).rejects.toThrow(KilledError);
  expect(await servesEtcd(move)).toBe(false);
  await expect(move.out(`${move.back}-other`)).rejects.toThrow("is on its way to");
  await expect(move.undoOut(`${move.back}-other`)).rejects.toThrow("is on its way to");
  await move.undoOut(move.back);
  expect(await servesEtcd(move)).toBe(true);
  await move.out(`${move.back}-other`);
  await expect(move.undoOut(`${move.back}-other`)).rejects.toThrow("already");
});

test("a directory into which something is on its way is not begun by a start", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  const going = new WatchedClient(client);
  going.beforeCall = async () => {
    if ((await move.moves.look())?.format.move?.state === "going" && existsSync(join(move.back, "incoming")))
      throw new KilledError("killed");
  };
  await expect(move.out(move.back, going)).rejects.toThrow();
  await expect(openSqlite(move.back, smallBallast)).rejects.toThrow("is not all there");
  await move.out(move.back);
  await (await reopened(move.back)).close();
});

test("a directory with a log of its own is not taken for that of a server over a log that was moved", async () => {
  const move = await newMove(client);
  const copy = `${move.source}-copy`;
  cpSync(move.source, copy, { recursive: true });
  const { clusterId } = await move.into(move.source);
  await expect(bootstrap(copy, client, move.prefix, clusterId)).rejects.toThrow("has a log of its own");
});

test("where etcd is lost with what was moved there, a restore goes on from what the directory has", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  restoreInPlace({ dataDir: move.source });
  expect(servesAlone(move.source)).toBe(true);
  await expect(move.into(move.source)).rejects.toThrow("put back to an earlier moment");
});
