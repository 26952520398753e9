// What a metric is: its type, what it tells, its labels, and where its value comes from. A row of one of the tables in this
// folder.

import type { Histogram } from "../histogram.ts";
import type { CheckReport } from "../routes/operations/health-checks.ts";
import type { MeasuredParts, PartsStats } from "../stats.ts";
import type { MetricType, Sample } from "./metrics-text.ts";

/** What values are taken from, all of one moment. */
export interface MetricsSource {
  readonly stats: PartsStats;
  readonly parts: MeasuredParts;
  readonly version: string;
  readonly checks: readonly CheckReport[];
}

/** Null where the part that it is of is not there. */
export type Value<Of> = Of | readonly Sample<Of>[] | null | undefined;

interface Row<Of> {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (source: MetricsSource) => Value<Of>;
}

/** What is observed in other units than are told: milliseconds, and seconds. */
type HistogramRow = Row<Histogram> & { readonly type: "histogram"; readonly perUnit: number };
type NumberRow = Row<number> & { readonly type: "counter" | "gauge" };
export type Metric = NumberRow | HistogramRow;

/** By their names, as Prometheus has them. */
export type MetricTable = Readonly<Record<string, Metric>>;

export const msPerSecond = 1000;

export function gauge(help: string, read: Row<number>["read"], labels: readonly string[] = []): Metric {
  return { type: "gauge", help, labels, read };
}

export function counter(help: string, read: Row<number>["read"], labels: readonly string[] = []): Metric {
  return { type: "counter", help, labels, read };
}

export function histogram(
  help: string,
  read: Row<Histogram>["read"],
  perUnit = 1,
  labels: readonly string[] = [],
): Metric {
  return { type: "histogram", help, labels, read, perUnit };
}

export function seconds(ms: number): number;
export function seconds(ms: number | undefined): number | undefined;
export function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / msPerSecond;
}
