// Metrics of the tree and all that is kept with it.

import { counter, gauge, type MetricTable } from "./metric.ts";

export const stateMetrics: MetricTable = {
  treekeeper_zxid: gauge("The last transaction.", ({ stats }) => stats.state.zxid),
  treekeeper_znodes: gauge("Znodes, the root included.", ({ stats }) => stats.state.znodes),
  treekeeper_data_bytes: gauge("Data of all znodes.", ({ stats }) => stats.state.dataBytes),
  treekeeper_tree_memory_bytes: gauge(
    "About what tree and sessions take in memory, as --tree-bytes-max counts it.",
    ({ stats }) => stats.state.memoryBytes,
  ),
  treekeeper_tree_memory_bytes_max: gauge(
    "What tree and sessions may take in memory, --tree-bytes-max.",
    ({ stats }) => stats.state.memoryBytesMax,
  ),
  treekeeper_mortal_znodes: gauge(
    "Containers and znodes with a TTL, which sweeps look at.",
    ({ stats }) => stats.state.mortals,
  ),
  treekeeper_quotas: gauge("Quotas that are set.", ({ stats }) => stats.state.quotas),
  treekeeper_quota_refusals_total: counter(
    "Writes that were refused since a quota would have been exceeded.",
    ({ stats }) => stats.replica.quotaRefusalsTotal,
  ),
  treekeeper_access_control_lists: gauge(
    "Different access control lists that znodes have.",
    ({ stats }) => stats.state.acls,
  ),
  treekeeper_access_records: gauge(
    "Policies, tokens and namespaces.",
    ({ stats }) => stats.state.accessRecords,
  ),
  treekeeper_kept_replies: gauge(
    "Answers kept for requests that may be sent again.",
    ({ stats }) => stats.state.replies,
  ),
  treekeeper_epochs: gauge("Epochs that the store knows of its past.", ({ stats }) => stats.state.epochs),
  treekeeper_unknown_pasts_total: counter(
    "How often a client has shown what never happened here: an older copy of the data directory was put back.",
    ({ stats }) => stats.state.unknownPastsTotal,
  ),
};
