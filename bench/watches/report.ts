// Results about watches as people read them: a table of plain text for each part, every figure with its spread.

import { aligned, spreadText } from "../support/table.ts";
import type { FanOut } from "./fan-out.ts";
import type { StreamMemory } from "./memory.ts";
import type { Restarts } from "./restart.ts";
import type { Tails } from "./tails.ts";
import type { WatchedWrites } from "./writes.ts";

export function fanOutTable(fanOuts: readonly FanOut[]): string {
  const head = [
    "one change to",
    "bare deliveries/s",
    "service deliveries/s",
    "ratio",
    "bare loop us",
    "service loop us",
  ];
  const rows = fanOuts.map((row) => [
    `${row.streams} streams`,
    spreadText(row.barePerSecond, 0),
    spreadText(row.servicePerSecond, 0),
    spreadText(row.ratio, 2),
    spreadText(row.bareLoopMicroseconds, 1),
    spreadText(row.serviceLoopMicroseconds, 1),
  ]);
  return aligned([head, ...rows]);
}

export function memoryTable(memories: readonly StreamMemory[]): string {
  const head = ["idle streams", "", "KiB held by each", "garbage left alone"];
  const rows = memories.map(({ streams, kind, heldKibibytes, leftAloneKibibytes }) => [
    String(streams),
    kind,
    spreadText(heldKibibytes, 1),
    spreadText(leftAloneKibibytes, 1),
  ]);
  return aligned([head, ...rows]);
}

export function writesTable({ streams, ...row }: WatchedWrites): string {
  const head = [
    "streams on other paths",
    "PUT/s beside them",
    "PUT/s without",
    "ratio",
    "loop us beside",
    "loop us without",
  ];
  const cells = [
    String(streams),
    spreadText(row.watchedPerSecond, 0),
    spreadText(row.unwatchedPerSecond, 0),
    spreadText(row.ratio, 2),
    spreadText(row.watchedLoopMicroseconds, 1),
    spreadText(row.unwatchedLoopMicroseconds, 1),
  ];
  return aligned([head, cells]);
}

export function tailsTable({ slowReaders, delivery, answer }: Tails): string {
  const head = [`p99 beside ${slowReaders} slow readers`, "beside ms", "without ms", "ratio"];
  const rows = Object.entries({ delivery, PUT: answer }).map(([name, { besideP99Ms, aloneP99Ms, ratio }]) => [
    name,
    spreadText(besideP99Ms, 2),
    spreadText(aloneP99Ms, 2),
    spreadText(ratio, 2),
  ]);
  return aligned([head, ...rows]);
}

export function restartsTable({ streams, sessions, missed, ...row }: Restarts): string {
  const head = [
    "streams back at once",
    "missed changes",
    "sessions",
    "start s",
    "all synced s",
    "slowest keepalive s",
  ];
  const cells = [
    String(streams),
    String(missed),
    String(sessions),
    spreadText(row.startSeconds, 2),
    spreadText(row.syncedSeconds, 2),
    spreadText(row.slowestKeepaliveSeconds, 2),
  ];
  return aligned([head, cells]);
}
