// What moves the metrics of the process: the real one, in which the test runs.

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { changes, type Movers } from "../mover.ts";

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

const mebibyte = 1_048_576;
/** Other tests of the process take memory and give it back as well: enough to be seen beside them. */
const objects = () => Array.from({ length: 200_000 }, (_, index) => ({ index, text: `object ${index}` }));

export const processMovers: Movers = {
  treekeeper_event_loop_delay_seconds: changes(async () => {}),
  treekeeper_event_loop_seconds_total: changes(work, { label: 'state="active"' }),
  treekeeper_gc_duration_seconds: changes(collect, { label: 'kind="major"' }),
  treekeeper_heap_used_bytes: changes(async () => await hold(objects)),
  treekeeper_heap_bytes: changes(async () => await hold(objects)),
  treekeeper_heap_bytes_max: { is: () => getHeapStatistics().heap_size_limit },
  treekeeper_external_bytes: changes(async () => await hold(() => Buffer.alloc(8 * mebibyte, 1))),
  process_resident_memory_bytes: changes(async () => await hold(() => Buffer.alloc(64 * mebibyte, 1))),
  process_cpu_seconds_total: changes(work),
  process_start_time_seconds: { is: () => performance.timeOrigin / 1000 },
};
