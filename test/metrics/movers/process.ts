// What moves the metrics of the process: the real one, in which the test runs.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Http } from "../../support/http.ts";
import { changes, type Movers, moves } from "../mover.ts";
import type { World } from "../world.ts";

/** What is held keeps memory taken until it was looked at. */
async function hold(make: () => unknown): Promise<() => unknown> {
  const held = make();
  return () => held;
}

async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

async function work(): Promise<void> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < 5);
}

async function backUp(http: Http): Promise<void> {
  const { status } = await http.get("/v1/admin/backup");
  if (status !== 200) throw new Error(`no backup but ${status}`);
}

async function findBackup({ scheduledBackups, backupDir }: World): Promise<void> {
  mkdirSync(backupDir);
  writeFileSync(join(backupDir, "treekeeper-20231114T221000Z-1.db"), "");
  scheduledBackups.start();
}

async function failToBackUp({ scheduledBackups, clock }: World): Promise<void> {
  scheduledBackups.start();
  await clock.advance(0);
}

const mebibyte = 1_048_576;
/** Other tests of the process take memory and give it back as well: enough to be seen beside them. */
const objects = () => Array.from({ length: 200_000 }, (_, index) => ({ index, text: `object ${index}` }));

export const processMovers: Movers = {
  treekeeper_event_loop_delay_seconds: changes(work),
  treekeeper_event_loop_seconds_total: changes(work, { label: 'state="active"' }),
  treekeeper_gc_duration_seconds: changes(collect, { label: 'kind="major"' }),
  treekeeper_heap_used_bytes: changes(async () => await hold(objects), { atLeast: mebibyte }),
  treekeeper_heap_bytes: changes(async () => await hold(objects)),
  treekeeper_heap_bytes_max: { is: () => getHeapStatistics().heap_size_limit },
  treekeeper_external_bytes: changes(async () => await hold(() => Buffer.alloc(64 * mebibyte, 1)), {
    atLeast: 32 * mebibyte,
  }),
  // More than what those before it have given back, and which the process may have kept.
  process_resident_memory_bytes: changes(async () => await hold(() => Buffer.alloc(256 * mebibyte, 1)), {
    atLeast: 32 * mebibyte,
  }),
  process_cpu_seconds_total: changes(work),
  treekeeper_backups_total: { ask: backUp },
  treekeeper_last_backup_timestamp_seconds: [
    { ask: backUp },
    // One of an earlier process, in the folder.
    changes(findBackup, { atLeast: 1_600_000_000, options: {} }),
  ],
  treekeeper_scheduled_backup_failures_total: moves(1, failToBackUp, { options: {} }),
  process_start_time_seconds: { is: () => performance.timeOrigin / 1000 },
};
