// Metrics of the process: its event loop, its memory, its processor time.

import { counter, gauge, histogram, type MetricTable, msPerSecond, seconds } from "./metric.ts";

export const processMetrics: MetricTable = {
  treekeeper_event_loop_delay_seconds: histogram(
    "How late what was due came to run, looked at fifty times a second.",
    ({ parts }) => parts.backstage.runtime?.loopDelayMs,
    msPerSecond,
  ),
  treekeeper_event_loop_seconds_total: counter(
    "Time of the event loop, in which it ran something or waited for something to do.",
    ({ stats: { runtime } }) =>
      runtime === null
        ? null
        : [
            { labels: { state: "active" }, value: seconds(runtime.loopActiveMsTotal) },
            { labels: { state: "idle" }, value: seconds(runtime.loopIdleMsTotal) },
          ],
    ["state"],
  ),
  treekeeper_gc_duration_seconds: histogram(
    "Pauses of the collector, for the young part of the heap and for all of it.",
    ({ parts: { backstage } }) =>
      backstage.runtime === undefined
        ? null
        : [
            { labels: { kind: "minor" }, value: backstage.runtime.minorCollectionMs },
            { labels: { kind: "major" }, value: backstage.runtime.majorCollectionMs },
          ],
    msPerSecond,
    ["kind"],
  ),
  treekeeper_heap_used_bytes: gauge(
    "Bytes in use in the heap of V8.",
    ({ stats }) => stats.runtime?.heapUsedBytes,
  ),
  treekeeper_heap_bytes: gauge(
    "Bytes that V8 has taken for the heap.",
    ({ stats }) => stats.runtime?.heapBytes,
  ),
  treekeeper_heap_bytes_max: gauge(
    "What the heap may take; beyond it the process dies.",
    ({ stats }) => stats.runtime?.heapBytesMax,
  ),
  treekeeper_external_bytes: gauge(
    "Memory of buffers and libraries outside of the heap.",
    ({ stats }) => stats.runtime?.externalBytes,
  ),
  process_resident_memory_bytes: gauge("Memory of the process.", ({ stats }) => stats.runtime?.residentBytes),
  process_cpu_seconds_total: counter("Processor time of all its threads.", ({ stats: { runtime } }) =>
    runtime === null ? null : seconds(runtime.cpuUserMsTotal + runtime.cpuSystemMsTotal),
  ),
  process_start_time_seconds: gauge("When it started, since 1970.", ({ stats }) =>
    seconds(stats.runtime?.startedAtMs),
  ),
};
