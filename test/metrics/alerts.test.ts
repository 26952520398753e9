// Each alert fires for what it is about and for nothing else, as Prometheus evaluates it; where its tool is to be had.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { projectFolder, readDocument } from "../support/markdown.ts";

/** By the series, what a service has that is well: samples of an hour, one a minute. */
const well: Readonly<Record<string, string>> = {
  'up{job="treekeeper"}': "1x60",
  treekeeper_ready: "1x60",
  'treekeeper_log_state{state="connected"}': "1x60",
  'treekeeper_log_state{state="read_only"}': "0x60",
  'treekeeper_log_state{state="suspended"}': "0x60",
  'treekeeper_servers{state="heard"}': "3x60",
  'treekeeper_servers{state="silent"}': "0x60",
  treekeeper_etcd_log_lag_seconds: "0x60",
  treekeeper_etcd_alarms: "0x60",
  treekeeper_etcd_db_bytes: "40000000x60",
  treekeeper_etcd_quota_bytes: "2147483648x60",
  treekeeper_etcd_snapshot_failures_total: "1x60",
  treekeeper_wal_bytes: "1000000x60",
  treekeeper_wal_bytes_max: "67108864x60",
  treekeeper_wal_blocked_seconds: "0x60",
  treekeeper_disk_free_bytes: "100000000000x60",
  treekeeper_disk_free_bytes_min: "134217728x60",
  'treekeeper_commit_duration_seconds_bucket{le="0.25"}': "0+100x60",
  'treekeeper_commit_duration_seconds_bucket{le="0.5"}': "0+100x60",
  'treekeeper_commit_duration_seconds_bucket{le="+Inf"}': "0+100x60",
  'treekeeper_event_loop_delay_seconds_bucket{le="0.1"}': "0+3000x60",
  'treekeeper_event_loop_delay_seconds_bucket{le="0.25"}': "0+3000x60",
  'treekeeper_event_loop_delay_seconds_bucket{le="+Inf"}': "0+3000x60",
  'treekeeper_session_expiry_lateness_seconds_bucket{le="0.25"}': "0+7x60",
  treekeeper_session_expiry_lateness_seconds_count: "0+7x60",
  treekeeper_stalls_total: "1x60",
  treekeeper_stream_lag_transactions: "0x60",
  treekeeper_streams_behind: "0x60",
  treekeeper_history_messages: "1000x60",
  'treekeeper_stream_resets_total{reason="history_trimmed"}': "5x60",
  treekeeper_unknown_pasts_total: "0x60",
  treekeeper_tree_memory_bytes: "1000000x60",
  treekeeper_tree_memory_bytes_max: "1000000000x60",
  treekeeper_heap_used_bytes: "100000000x60",
  treekeeper_heap_bytes_max: "2000000000x60",
  treekeeper_sessions_of_one_client: "100x60",
  treekeeper_sessions_of_one_client_max: "50000x60",
  'treekeeper_streams{kind="changes"}': "10x60",
  treekeeper_streams_max: "20000x60",
  treekeeper_http_connections: "10x60",
  treekeeper_http_connections_max: "10000x60",
  treekeeper_turned_away_commands_total: "3x60",
  'treekeeper_http_problems_total{code="internal"}': "1x60",
  treekeeper_last_backup_timestamp_seconds: "0x60",
};

/** What it is about. */
const fires: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  TreekeeperDown: { 'up{job="treekeeper"}': "0x60" },
  TreekeeperNotReady: { treekeeper_ready: "0x60" },
  TreekeeperReadOnly: { 'treekeeper_log_state{state="read_only"}': "1x60" },
  TreekeeperSuspended: { 'treekeeper_log_state{state="suspended"}': "1x60" },
  TreekeeperServerSilent: { 'treekeeper_servers{state="silent"}': "1x60" },
  TreekeeperBehindEtcd: { treekeeper_etcd_log_lag_seconds: "0+60x60" },
  TreekeeperEtcdAlarm: { treekeeper_etcd_alarms: "1x60" },
  TreekeeperEtcdQuota: { treekeeper_etcd_db_bytes: "1600000000x60" },
  TreekeeperSnapshotFailing: { treekeeper_etcd_snapshot_failures_total: "0+1x60" },
  TreekeeperWalGrowing: { treekeeper_wal_blocked_seconds: "0+60x60" },
  TreekeeperDiskLow: { treekeeper_disk_free_bytes: "20000000000-200000000x60" },
  TreekeeperDiskSlow: { 'treekeeper_commit_duration_seconds_bucket{le="0.25"}': "0+90x60" },
  TreekeeperEventLoopSlow: { 'treekeeper_event_loop_delay_seconds_bucket{le="0.1"}': "0+2000x60" },
  TreekeeperExpiryLate: { treekeeper_session_expiry_lateness_seconds_count: "0+8x60" },
  TreekeeperStalls: { treekeeper_stalls_total: "0+1x60" },
  TreekeeperWatchLag: { treekeeper_stream_lag_transactions: "600x60", treekeeper_streams_behind: "1x60" },
  TreekeeperWatchResets: { 'treekeeper_stream_resets_total{reason="history_trimmed"}': "0+1x60" },
  TreekeeperUnknownPast: { treekeeper_unknown_pasts_total: "0x50 1x10" },
  TreekeeperTreeFull: { treekeeper_tree_memory_bytes: "900000000x60" },
  TreekeeperHeapFull: { treekeeper_heap_used_bytes: "1900000000x60" },
  TreekeeperSessionsNearMax: { treekeeper_sessions_of_one_client: "48000x60" },
  TreekeeperStreamsNearMax: { 'treekeeper_streams{kind="changes"}': "19000x60" },
  TreekeeperConnectionsNearMax: { treekeeper_http_connections: "9500x60" },
  TreekeeperQueueFull: { treekeeper_turned_away_commands_total: "0+50x60" },
  TreekeeperBug: { 'treekeeper_http_problems_total{code="internal"}': "0x50 1x10" },
  // An hour is looked at that begins in 1970.
  TreekeeperBackupOld: { treekeeper_last_backup_timestamp_seconds: "-200000x60" },
};

const alertsFile = "ops/alerts.yaml";
const hasTool = spawnSync("promtool", ["--version"]).error === undefined;

test("each alert has what it fires for", () => {
  const { groups } = parse(readDocument(alertsFile)) as { groups: { rules: { alert: string }[] }[] };
  expect(Object.keys(fires)).toEqual(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)));
});

test.skipIf(!hasTool && process.env.TREEKEEPER_PROMTOOL !== "required")(
  "none fires where all is well, and each for what it is about and nothing else",
  () => {
    const names = Object.keys(fires);
    const tests = [...names.map((name) => testOf({ ...well, ...fires[name] }, [name])), testOf(well, [])];
    const file = join(mkdtempSync(join(tmpdir(), "treekeeper-alerts-")), "test.json");
    writeFileSync(file, JSON.stringify({ rule_files: [join(projectFolder, alertsFile)], tests }));
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], { encoding: "utf8" });
    rmSync(dirname(file), { recursive: true });
    expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
  },
);

function testOf(series: Readonly<Record<string, string>>, firing: readonly string[]) {
  const expr = 'count by (alertname) (ALERTS{alertstate="firing"})';
  const samples = firing.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 }));
  return {
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [{ expr, eval_time: "58m", exp_samples: samples }],
  };
}
