// Metrics of what is due by itself: lock delays, sweeps, and which server sees to it.

import { counter, gauge, type MetricTable } from "./metric.ts";

export const dutyMetrics: MetricTable = {
  treekeeper_lock_delays: gauge("Lock delays that run.", ({ stats }) => stats.lockDelays?.delays),
  treekeeper_on_duty: gauge(
    "1 where this server expires sessions, sweeps and ends lock delays.",
    ({ stats }) => stats.housekeeper?.onDuty,
  ),
  treekeeper_duty_term: gauge(
    "How often the duties have changed hands among servers.",
    ({ stats }) => stats.housekeeper?.term,
  ),
  treekeeper_sweeps_total: counter(
    "Sweeps of containers and znodes with a TTL that came to their end.",
    ({ stats }) => stats.sweeper?.sweepsTotal,
  ),
  treekeeper_sweep_deletions_total: counter(
    "Deletions that sweeps have asked for.",
    ({ stats }) => stats.sweeper?.deletionsTotal,
  ),
  treekeeper_sweep_refusals_total: counter(
    "Deletions that the store refused, and that are asked for again.",
    ({ stats }) => stats.sweeper?.refusedDeletionsTotal,
  ),
  treekeeper_sweep_waiting: gauge(
    "What the sweep that goes on has still to delete.",
    ({ stats }) => stats.sweeper?.waiting,
  ),
};
