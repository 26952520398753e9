// What moves the metrics of a log in etcd and of the servers that share it.

import { noSpaceAlarm } from "../../../src/store/etcd/etcd-calls.ts";
import { bytesOf } from "../../../src/store/etcd/keys.ts";
import { changes, type Movers, moves, shows } from "../mover.ts";
import type { World, WorldEtcd } from "../world.ts";

const ofEtcd = { options: { hasEtcd: true, sqlite: {} }, shared: "etcd" };
const own = { options: { hasEtcd: true, sqlite: {} } };

function etcdOf({ etcd }: World): WorldEtcd {
  if (etcd === undefined) throw new Error("a world without etcd");
  return etcd;
}

let lastSeq = 0;

async function append(world: World, bytes = 10): Promise<void> {
  lastSeq += 1;
  await etcdOf(world).opened.log.append(lastSeq, Buffer.alloc(bytes));
}

/** Words of a server that is not heard of again. */
async function hearOfAnother(world: World): Promise<void> {
  const { clock } = world;
  const { memory, opened } = etcdOf(world);
  const words = { name: "", url: "", version: "", upForMs: 0, position: 0, behindEntries: 0, behindMs: 0 };
  opened.servers.start(() => words);
  const put = { key: bytesOf("/test/servers/another"), value: bytesOf(JSON.stringify(words)) };
  await memory.txn({ compare: [], success: [{ put }] });
  await clock.advance(0);
  await clock.advance(5000);
}

/** It takes what it was told of while this lasts. */
async function fall(world: World): Promise<() => void> {
  const { opened } = etcdOf(world);
  const { promise, resolve } = Promise.withResolvers<void>();
  opened.log.follow(0, () => promise);
  await append(world);
  await append(world);
  return resolve;
}

async function suspend(world: World): Promise<() => Promise<void>> {
  const { memory } = etcdOf(world);
  memory.isDown = true;
  await world.clock.advance(10_000);
  return async () => {
    memory.isDown = false;
    await world.clock.advance(2000);
  };
}

/** So much of the quota is used, and it is known. */
async function fill(world: World, share: number, size = share): Promise<void> {
  const { memory } = etcdOf(world);
  const bytes = (part: number) => BigInt(Math.round(world.settings.etcdQuotaBytes * part));
  memory.member = { ...memory.member, dbSize: bytes(size), dbSizeInUse: bytes(share) };
  await world.clock.advance(2000);
}

async function throttle(world: World): Promise<void> {
  await fill(world, 0.8);
  const { pace } = etcdOf(world).opened.log;
  pace?.taken(1_000_000);
  if (pace?.delayMs() !== 0) pace?.putOff();
}

async function snapshot(world: World): Promise<() => void> {
  const { snapshots } = etcdOf(world);
  await append(world);
  snapshots.start();
  await world.clock.advance(10_000);
  return () => snapshots.stop();
}

export const etcdMovers: Movers = {
  treekeeper_servers: [
    moves(1, hearOfAnother, { ...own, label: 'state="heard"' }),
    moves(
      1,
      async (world) => {
        await hearOfAnother(world);
        await world.clock.advance(20_000);
      },
      { ...own, label: 'state="silent"' },
    ),
  ],
  treekeeper_etcd_log_entries: moves(
    1,
    async (world) => {
      await append(world);
      await world.clock.advance(10_000);
    },
    ofEtcd,
  ),
  treekeeper_etcd_log_bytes: moves(7, async (world) => await append(world, 7), ofEtcd),
  treekeeper_etcd_log_lag_entries: moves(2, fall, own),
  treekeeper_etcd_log_lag_seconds: moves(
    3,
    async (world) => {
      await fall(world);
      await world.clock.advance(3000);
    },
    own,
  ),
  treekeeper_etcd_suspended_seconds_total: changes(suspend, ofEtcd),
  treekeeper_etcd_calls_total: { atLeast: 1, move: async (world) => await append(world), ...ofEtcd },
  treekeeper_etcd_failed_calls_total: { atLeast: 1, move: suspend, ...ofEtcd },
  treekeeper_etcd_db_bytes: changes(async (world) => await fill(world, 0.1, 0.2), own),
  treekeeper_etcd_db_in_use_bytes: moves(9_999_500, async (world) => await fill(world, 0.1, 0.2), own),
  treekeeper_etcd_quota_bytes: shows(({ etcdQuotaBytes }) => etcdQuotaBytes),
  treekeeper_etcd_alarms: moves(
    1,
    async (world) => {
      etcdOf(world).memory.raised = [noSpaceAlarm];
      await world.clock.advance(2000);
    },
    own,
  ),
  treekeeper_etcd_throttled_writes_total: { atLeast: 1, move: throttle, ...own },
  treekeeper_etcd_snapshots_total: moves(1, snapshot, own),
  treekeeper_etcd_snapshot_failures_total: moves(1, snapshot, { options: { hasEtcd: true } }),
  treekeeper_etcd_last_snapshot_timestamp_seconds: changes(snapshot, own),
};
