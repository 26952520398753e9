// All metrics there are, table by table: one row for each. Names and units are as Prometheus has them. `/metrics`,
// docs/metrics.md and the test that moves each follow from it. No label has more values than there are routes, statuses or
// codes: none says a path of the tree, or who anybody is.

import { coordinationMetrics } from "./coordination-metrics.ts";
import { dutyMetrics } from "./duty-metrics.ts";
import { etcdMetrics } from "./etcd-metrics.ts";
import { followerMetrics } from "./follower-metrics.ts";
import { httpMetrics } from "./http-metrics.ts";
import { logMetrics } from "./log-metrics.ts";
import type { Metric, MetricsSource, MetricTable, Value } from "./metric.ts";
import { type Labels, lineOf, linesOfFamily, linesOfHistogram, type Sample } from "./metrics-text.ts";
import { processMetrics } from "./process-metrics.ts";
import { serviceMetrics } from "./service-metrics.ts";
import { sessionMetrics } from "./session-metrics.ts";
import { stateMetrics } from "./state-metrics.ts";
import { storageMetrics } from "./storage-metrics.ts";
import { watchMetrics } from "./watch-metrics.ts";

export const metrics: MetricTable = {
  ...serviceMetrics,
  ...httpMetrics,
  ...stateMetrics,
  ...logMetrics,
  ...storageMetrics,
  ...followerMetrics,
  ...sessionMetrics,
  ...watchMetrics,
  ...coordinationMetrics,
  ...dutyMetrics,
  ...etcdMetrics,
  ...processMetrics,
};

/** All there is of the table now, as Prometheus reads it. */
export function metricsText(source: MetricsSource): string {
  return Object.entries(metrics)
    .map(([name, metric]) => linesOfFamily({ name, ...metric }, samplesOf(name, metric, source)))
    .join("");
}

function samplesOf(name: string, metric: Metric, source: MetricsSource): string[] {
  if (metric.type !== "histogram") return listed(metric.read(source)).map((sample) => lineOf(name, sample));
  const { read, perUnit } = metric;
  return listed(read(source)).map((sample) => linesOfHistogram(name, sample, perUnit));
}

function listed<Of>(value: Value<Of>): readonly Sample<Of>[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [{ labels: unlabelled, value: value as Of }];
}

const unlabelled: Labels = {};
