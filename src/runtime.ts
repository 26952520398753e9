// The process as the operating system and V8 see it: its memory, its processor time, how long its event loop keeps things
// waiting, and for how long the collector stops it.

import { constants, type PerformanceEntry, PerformanceObserver, performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { Histogram, timeBoundsMs } from "./histogram.ts";

/** Totals count since the start of the process. */
export interface RuntimeStats {
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  readonly cpuUserMsTotal: number;
  readonly cpuSystemMsTotal: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** What V8 has taken for the heap, and what it may take. */
  readonly heapBytes: number;
  readonly heapBytesMax: number;
  /** Memory of buffers and of libraries, outside of the heap. */
  readonly externalBytes: number;
  /** In which the event loop ran something, and in which it waited for something to do. */
  readonly loopActiveMsTotal: number;
  readonly loopIdleMsTotal: number;
}

/** A block of the event loop that is longer than this is seen for certain. */
const sampleEveryMs = 20;

export class Runtime {
  /** How late what was due came to run. */
  readonly loopDelayMs = new Histogram(timeBoundsMs);
  /** Pauses for the young part of the heap, and for all of it. */
  readonly minorCollectionMs = new Histogram(timeBoundsMs);
  readonly majorCollectionMs = new Histogram(timeBoundsMs);
  readonly #timer: NodeJS.Timeout;
  readonly #collections: PerformanceObserver;
  #dueMs = performance.now() + sampleEveryMs;

  constructor() {
    this.#timer = setInterval(() => this.#sample(), sampleEveryMs).unref();
    this.#collections = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail, duration } = entry as PerformanceEntry & {
          readonly detail?: { readonly kind: number };
        };
        const isMinor = detail?.kind === constants.NODE_PERFORMANCE_GC_MINOR;
        (isMinor ? this.minorCollectionMs : this.majorCollectionMs).observe(duration);
      }
    });
    this.#collections.observe({ entryTypes: ["gc"] });
  }

  stats(): RuntimeStats {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const { active, idle } = performance.eventLoopUtilization();
    return {
      startedAtMs: performance.timeOrigin,
      ...{ cpuUserMsTotal: user / 1000, cpuSystemMsTotal: system / 1000 },
      ...{ residentBytes: rss, heapUsedBytes: heapUsed, heapBytes: heapTotal },
      ...{ heapBytesMax: getHeapStatistics().heap_size_limit, externalBytes: external },
      ...{ loopActiveMsTotal: active, loopIdleMsTotal: idle },
    };
  }

  /** Nothing is observed any more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#collections.disconnect();
  }

  #sample(): void {
    const nowMs = performance.now();
    this.loopDelayMs.observe(Math.max(0, nowMs - this.#dueMs));
    this.#dueMs = nowMs + sampleEveryMs;
  }
}
