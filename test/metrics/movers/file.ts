// What moves the metrics of the database file and of the thread that writes it: a real one beside the service.

import { join } from "node:path";
import Sqlite from "better-sqlite3";
import type { OpenedSqlite } from "../../../src/store/sqlite/open-sqlite.ts";
import { changes, type Movers, moves, shows } from "../mover.ts";
import type { World } from "../world.ts";

/** A checkpoint is begun after each measure. */
const eager = { options: { sqlite: { checkpointBytes: 65_536 } }, shared: "eager" };

function storageOf({ sqlite }: World): OpenedSqlite {
  if (sqlite === undefined) throw new Error("there is no file");
  return sqlite;
}

const nextSeq = new WeakMap<OpenedSqlite, number>();

async function append(world: World, count: number, bytes: number): Promise<void> {
  const sqlite = storageOf(world);
  for (let index = 0; index < count; index += 1) {
    const seq = nextSeq.get(sqlite) ?? 1;
    nextSeq.set(sqlite, seq + 1);
    await sqlite.log.append(seq, new Uint8Array(bytes));
  }
}

async function grow(world: World): Promise<void> {
  await append(world, 4, 100_000);
}

/** Somebody looks at the file as it was before, while it is written to. */
async function lookInto(world: World): Promise<() => void> {
  await append(world, 1, 1000);
  const reader = new Sqlite(join(world.directory, "treekeeper.db"), { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM log").get();
  await append(world, 40, 100_000);
  return () => reader.close();
}

export const fileMovers: Movers = {
  treekeeper_commit_duration_seconds: moves(1, async (world) => await append(world, 1, 10)),
  treekeeper_pending_appends: moves(1, async (world) => {
    // The thread has much to do before it comes to the last.
    void append(world, 1, 8_000_000);
  }),
  treekeeper_wal_bytes: changes(grow),
  treekeeper_wal_file_bytes: changes(grow),
  treekeeper_wal_bytes_max: shows(({ walBytesMax }) => walBytesMax),
  treekeeper_wal_blocked_seconds: changes(lookInto, {
    options: { settings: { walBytesMax: 131_072 }, sqlite: { checkpointBytes: 65_536 } },
  }),
  treekeeper_checkpoints_total: changes(grow, eager),
  treekeeper_checkpoint_seconds_total: changes(grow, eager),
  treekeeper_database_bytes: changes(grow, eager),
  treekeeper_database_empty_bytes: changes(async (world) => {
    const other = new Sqlite(join(world.directory, "treekeeper.db"));
    other.exec("CREATE TABLE extra AS SELECT zeroblob(100000) AS data; DROP TABLE extra");
    other.close();
    await append(world, 1, 10);
  }),
  treekeeper_disk_free_bytes: changes(async (world) => await append(world, 20, 1_000_000)),
  treekeeper_disk_free_bytes_min: shows(({ freeBytesMin }) => freeBytesMin),
};
