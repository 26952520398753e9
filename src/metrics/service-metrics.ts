// Metrics of the service as a whole: which version it is, and whether it is ready.

import type { LogState } from "../store/commit-log.ts";
import { gauge, type MetricsSource, type MetricTable } from "./metric.ts";
import type { Sample } from "./metrics-text.ts";

export const serviceMetrics: MetricTable = {
  treekeeper_build_info: gauge(
    "Always 1; the label says which version runs.",
    ({ version }) => [{ labels: { version }, value: 1 }],
    ["version"],
  ),
  treekeeper_ready: gauge("1 where writes are served, as /readyz has it.", ({ checks }) =>
    checks.every(({ status }) => status === "ok") ? 1 : 0,
  ),
  treekeeper_ready_check: gauge(
    "1 for each check of /readyz that is met.",
    ({ checks }) =>
      checks.map(({ name, status }) => ({ labels: { check: name }, value: status === "ok" ? 1 : 0 })),
    ["check"],
  ),
  treekeeper_log_state: gauge("1 for the state that the log is in, 0 for the others.", logStates, ["state"]),
};

function logStates({ parts }: MetricsSource): readonly Sample<number>[] {
  const current = parts.store.logState.state;
  const states: readonly LogState["state"][] = ["connected", "read_only", "suspended", "failed"];
  return states.map((state) => ({ labels: { state }, value: state === current ? 1 : 0 }));
}
