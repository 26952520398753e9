// The rows of `status`: what a person looks for first, a line each, in words. It is told all of it, and asks nobody.

import type { LimitInUse, ServiceStats } from "../client/index.ts";
import { counted, inBytes, inTime } from "./words.ts";

type Row = readonly [label: string, value: string];

export function statusRows(stats: ServiceStats): Row[] {
  const { upForMs, zxid, epoch } = stats;
  return [
    ["up", inTime(upForMs)],
    ["zxid", epoch === "" ? String(zxid) : `${zxid} in the epoch ${epoch}`],
    ["znodes", znodesIn(stats)],
    ["sessions", sessionsIn(stats)],
    ["places", placesIn(stats)],
    ["connections", connectionsIn(stats)],
    ["streams", streamsIn(stats)],
    ["requests", requestsIn(stats)],
    ...storageRows(stats),
    ...etcdRows(stats),
    ...followRows(stats),
    ["history", historyIn(stats)],
    ...processRows(stats),
  ];
}

function znodesIn({ tree, limits }: ServiceStats): string {
  const memory = `about ${inBytes(tree.memoryBytes)}${ofLimit(limits, "treeBytesMax", inBytes)} in memory`;
  return `${tree.znodes} with ${inBytes(tree.dataBytes)} of data, ${memory}`;
}

function sessionsIn({ sessions }: ServiceStats): string {
  const { open, openedTotal, closedTotal, expiredTotal, oldest } = sessions;
  const since = oldest === null ? "" : `, the oldest for ${inTime(Date.now() - oldest.openedAtMs)}`;
  return `${open}${since}; opened ${openedTotal}, closed ${closedTotal}, expired ${expiredTotal}`;
}

function placesIn({ coordination }: ServiceStats): string {
  const { locks, elections, waiters } = coordination;
  return `${counted(locks, "lock")}, ${counted(elections, "election")}; ${counted(waiters, "request waits", "requests wait")}`;
}

function connectionsIn({ connections, limits }: ServiceStats): string {
  const most = ofLimit(limits, "connectionsMax", String);
  return `${connections.open}${most} from ${counted(connections.clients, "client")}`;
}

function streamsIn({ streams, limits }: ServiceStats): string {
  const { watches, others, behind, lagZxidsMax } = streams;
  const lag = behind === 0 ? "" : `; ${behind} behind, by ${counted(lagZxidsMax, "transaction")} at most`;
  return `${watches}${ofLimit(limits, "streamsMax", String)} of watches, ${others} of holders and sessions${lag}`;
}

function requestsIn({ requests, durations }: ServiceStats): string {
  const { answeredTotal, serverFaultsTotal } = requests;
  const { halfWithinMs, p99WithinMs } = durations.requests;
  const within = (ms: number | null) => (ms === null ? "longer than 30 s" : `within ${ms} ms`);
  const times = answeredTotal === 0 ? "" : `; half ${within(halfWithinMs)}, 99 % ${within(p99WithinMs)}`;
  return `${answeredTotal} answered, ${serverFaultsTotal} with a fault of the server${times}`;
}

function storageRows({ storage, durations }: ServiceStats): Row[] {
  if (storage === null) return [];
  const { directoryBytes, diskBytes, diskFreeBytes, walBytes, walFileBytes, commitsTotal, lastCommitMs } =
    storage;
  const share =
    diskBytes === 0 ? "" : `, ${Math.floor((100 * (diskBytes - diskFreeBytes)) / diskBytes)} % full`;
  const { p99WithinMs } = durations.commits;
  const commits = p99WithinMs === null ? "" : `, 99 % within ${p99WithinMs} ms`;
  return [
    ["disk", `${inBytes(directoryBytes)} in the data directory; ${inBytes(diskFreeBytes)} free${share}`],
    ["wal", `${inBytes(walBytes)} to move into the file, in a log of ${inBytes(walFileBytes)}`],
    ["commits", commitsTotal === 0 ? "none since the start" : `the last took ${lastCommitMs} ms${commits}`],
  ];
}

function etcdRows({ etcd }: ServiceStats): Row[] {
  if (etcd === null) return [];
  const { servers, silentServers, keepsHouse, lagEntries, logEntries, logBytes } = etcd;
  const { dbInUseBytes, quotaBytes, alarms } = etcd;
  const silent = silentServers === 0 ? "" : ` and ${silentServers} silent`;
  const house = keepsHouse ? "this one keeps house" : "another keeps house";
  const share = Math.floor((100 * dbInUseBytes) / quotaBytes);
  const behind = lagEntries === 0 ? "level with it" : `${counted(lagEntries, "entry", "entries")} behind`;
  const raised = alarms === 0 ? "no alarm" : counted(alarms, "alarm");
  return [
    ["servers", `${servers} heard${silent}; ${house}`],
    [
      "log",
      `${counted(logEntries, "entry", "entries")} with ${inBytes(logBytes)} since the snapshot; ${behind}`,
    ],
    ["etcd", `${inBytes(dbInUseBytes)} in use, ${share} % of its quota; ${raised}`],
  ];
}

/** Of the server that it follows, and of those that follow it. */
function followRows({ followed, followers }: ServiceStats): Row[] {
  const rows: Row[] = [];
  if (followed !== null) {
    const { lagEntries, lagMs } = followed;
    const behind = lagEntries === 0 ? "has all of it" : `${counted(lagEntries, "entry", "entries")} behind`;
    rows.push(["follows", `${behind}, as it was ${inTime(lagMs)} ago`]);
  }
  if (followers.count > 0)
    rows.push(["followers", `${followers.count}; ${inBytes(followers.keptBytes)} of the log kept for them`]);
  return rows;
}

function historyIn({ history, zxid }: ServiceStats): string {
  const { messages, bytes, oldestZxid } = history;
  return `${counted(messages, "transaction")} with ${inBytes(bytes)}; watches can resume from ${oldestZxid} to ${zxid}`;
}

function processRows({ process, durations }: ServiceStats): Row[] {
  if (process === null) return [];
  const { p99WithinMs } = durations.eventLoop;
  const loop = p99WithinMs === null ? "" : `; the event loop is late by ${p99WithinMs} ms at most, in 99 %`;
  return [["memory", `${inBytes(process.residentBytes)}${loop}`]];
}

/** ` of 5000`, where there is such a bound. */
function ofLimit(limits: readonly LimitInUse[], name: string, words: (value: number) => string): string {
  const found = limits.find(({ limit }) => limit === name);
  return found === undefined ? "" : ` of ${words(found.limitValue)}`;
}
