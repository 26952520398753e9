// What moves the metrics of the state, of writes on their way into the log, and of the tables behind it.

import type { CreateMode } from "../../../src/core/tree/znode.ts";
import { turnOnAccess } from "../../support/access.ts";
import { bytes, container, plain } from "../../support/keeper.ts";
import { changes, type Movers, moves, shows } from "../mover.ts";
import type { World } from "../world.ts";

let created = 0;

/** Each is a znode of its own. */
async function create({ keeper }: World, data = "", mode: CreateMode = plain): Promise<void> {
  created += 1;
  await keeper.create(`/made-${created}`, mode, data);
}

/** The log does not answer, and so many writes are asked for one by one. */
async function ask(world: World, count: number): Promise<() => Promise<void>> {
  world.log.hold();
  const answers: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    answers.push(create(world).catch(() => {}));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return async () => {
    world.log.release();
    await Promise.allSettled(answers);
  };
}

/** The rows of a write are sent, and the tables do not answer for half a second. */
async function writeSlowly(world: World): Promise<void> {
  world.tables.hold();
  await create(world);
  await world.clock.advance(100);
  await world.clock.advance(500);
  world.tables.release();
}

async function refuseForQuota({ keeper }: World): Promise<void> {
  created += 1;
  const path = `/made-${created}`;
  await keeper.create(path);
  await keeper.store.submit({ type: "setQuota", path, limits: { countHard: 1 } });
  await keeper.create(`${path}/a`).catch(() => {});
}

async function suspend({ log }: World): Promise<() => void> {
  log.suspend("nobody answers");
  return () => log.resume();
}

async function fallBehind({ followed }: World): Promise<void> {
  followed.lag = { entries: 7, ms: 2000 };
}

async function beFollowed({ http, server }: World): Promise<() => Promise<void>> {
  const end = new AbortController();
  await http.fetch("GET", "/v1/admin/log", { query: "after=0" }, end.signal);
  return async () => {
    end.abort();
    while (server.stats().followers.count > 0) await new Promise((resolve) => setImmediate(resolve));
  };
}

export const storeMovers: Movers = {
  treekeeper_followers: moves(1, beFollowed),
  treekeeper_recent_entries: moves(1, create),
  treekeeper_recent_entry_bytes: changes(create),
  treekeeper_followed_lag_entries: moves(7, fallBehind, { options: { isFollower: true } }),
  treekeeper_followed_lag_seconds: moves(2, fallBehind, { options: { isFollower: true } }),
  treekeeper_build_info: moves(1, async () => {}, {
    label: 'version="7.8.9"',
    options: { version: "7.8.9" },
  }),
  treekeeper_ready: moves(-1, suspend),
  treekeeper_ready_check: moves(-1, suspend, { label: 'check="log"' }),
  treekeeper_log_state: moves(1, suspend, { label: 'state="suspended"' }),

  treekeeper_zxid: moves(1, create),
  treekeeper_znodes: moves(1, create),
  treekeeper_data_bytes: moves(5, async (world) => await create(world, "12345")),
  treekeeper_tree_memory_bytes: changes(create),
  treekeeper_tree_memory_bytes_max: shows(({ treeBytesMax }) => treeBytesMax),
  treekeeper_mortal_znodes: moves(1, async (world) => await create(world, "", container)),
  treekeeper_quotas: moves(1, refuseForQuota),
  treekeeper_quota_refusals_total: moves(1, refuseForQuota),
  treekeeper_access_control_lists: moves(1, async ({ keeper }) => {
    const acl = [{ perms: 31, scheme: "ip", id: "127.0.0.1" }] as const;
    await keeper.store.submit({ type: "create", path: "/listed", mode: plain, data: bytes(""), acl });
  }),
  treekeeper_access_records: changes(async ({ keeper }) => void (await turnOnAccess(keeper.store)), {
    options: {},
  }),
  treekeeper_kept_replies: moves(1, async ({ http }) => {
    await http.post("/v1/znodes/once", { headers: { "idempotency-key": "a" } });
  }),
  treekeeper_epochs: moves(1, create, { options: {} }),
  treekeeper_unknown_pasts_total: moves(1, async ({ http }) => {
    const stream = await http.stream("/v1/watch?path=/", { headers: { "last-event-id": "7.ffffffffff" } });
    stream.close();
  }),

  treekeeper_queued_commands: moves(3, async (world) => await ask(world, 5)),
  treekeeper_queued_commands_max: shows(({ queueCommandsMax }) => queueCommandsMax),
  treekeeper_queued_bytes: changes(async (world) => await ask(world, 5)),
  treekeeper_queued_bytes_max: shows(({ queueBytesMax }) => queueBytesMax),
  treekeeper_turned_away_commands_total: moves(3, async (world) => await ask(world, 55)),
  treekeeper_in_flight_entries: moves(2, async (world) => await ask(world, 5)),
  treekeeper_in_flight_commands: moves(2, async (world) => await ask(world, 5)),
  treekeeper_oldest_append_seconds: moves(2, async (world) => {
    const answered = await ask(world, 1);
    await world.clock.advance(2000);
    return answered;
  }),
  treekeeper_entry_duration_seconds: moves(1, create),
  treekeeper_entry_commands: moves(1, create),
  treekeeper_entry_size_bytes: moves(1, create),
  treekeeper_log_position: moves(1, create),
  treekeeper_apply_duration_seconds: moves(1, create),
  treekeeper_transaction_changes: moves(1, create),
  treekeeper_refused_commands_total: moves(1, async ({ keeper }) => {
    await keeper.delete("/none").catch(() => {});
  }),

  treekeeper_table_waiting_rows: changes(create),
  treekeeper_table_lag_entries: moves(1, create),
  treekeeper_table_writes_total: moves(1, async (world) => {
    await create(world);
    await world.clock.advance(100);
  }),
  treekeeper_table_write_seconds_total: moves(0.52, writeSlowly),
};
