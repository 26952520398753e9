// What access control costs as people read it: a table of plain text for each part, every figure with its spread.

import { aligned, spreadText } from "../support/table.ts";
import type { AuthorisedFanOut } from "./fan-out.ts";
import { requestNames } from "./goals.ts";
import type { AuthorisedRequests } from "./requests.ts";

export function requestsTable(requests: readonly AuthorisedRequests[]): string {
  const head = [
    "",
    "policies",
    "with/s",
    "without/s",
    "ratio",
    "loop us with",
    "loop us without",
    "loop ratio",
    "by pair",
  ];
  const rows = requests.map(({ kind, policies, ...row }) => [
    requestNames[kind],
    String(policies),
    spreadText(row.guardedPerSecond, 0),
    spreadText(row.openPerSecond, 0),
    spreadText(row.perSecondRatio, 3),
    spreadText(row.guardedLoopMicroseconds, 2),
    spreadText(row.openLoopMicroseconds, 2),
    spreadText(row.loopRatio, 3),
    row.loopRatioByPair.map((ratio) => ratio.toFixed(3)).join(" "),
  ]);
  return aligned([head, ...rows]);
}

export function fanOutTable({ streams, policies, ...row }: AuthorisedFanOut): string {
  const head = [
    "one change to",
    "policies",
    "with ms",
    "without ms",
    "ratio",
    "loop ms with",
    "loop ms without",
  ];
  const cells = [
    `${streams} streams`,
    String(policies),
    spreadText(row.guardedMs, 2),
    spreadText(row.openMs, 2),
    spreadText(row.ratio, 2),
    spreadText(row.guardedLoopMs, 2),
    spreadText(row.openLoopMs, 2),
  ];
  return aligned([
    [...head, "loop ratio"],
    [...cells, spreadText(row.loopRatio, 2)],
  ]);
}
