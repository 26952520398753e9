// Results as people read them: tables of plain text, every figure with its spread.

import { availableParallelism, cpus, release } from "node:os";
import { operationNames, type Results, type Verdict } from "./goals.ts";
import type { Spread } from "./statistics.ts";

/** The kind of machine, since a figure means little without it. */
export function machineOf() {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    system: `${process.platform} ${release()}`,
    node: process.version,
  };
}

export function tableOf({ set, get, growth }: Results): string {
  const comparisons = [set, get].map((comparison) => [
    comparison.kind === "set" ? "PUT" : "GET",
    perSecond(comparison.barePerSecond),
    perSecond(comparison.servicePerSecond),
    spread(comparison.ratio, 2),
    spread(comparison.p50Ms, 2),
    spread(comparison.p99Ms, 2),
    spread(comparison.tail, 1),
    String(comparison.checkpoints),
  ]);
  const sizes = growth.map(({ kind, smallCount, largeCount, ...row }) => [
    operationNames[kind],
    `${smallCount} / ${largeCount}`,
    perSecond(row.smallPerSecond),
    perSecond(row.largePerSecond),
    spread(row.cost, 2),
  ]);
  const comparisonHead = ["", "bare/s", "service/s", "ratio", "p50 ms", "p99 ms", "p99/p50", "checkpoints"];
  const sizeHead = ["", "znodes", "small/s", "large/s", "cost ratio"];
  return `${aligned([comparisonHead, ...comparisons])}\n\n${aligned([sizeHead, ...sizes])}`;
}

/** The bare server does the same in every round: whatever it varies by is the machine's doing. */
export function noiseLine({ set, get }: Results): string {
  const factors = [set, get].map(({ barePerSecond: { min, max } }) => (max / min).toFixed(2));
  return `Between rounds the bare server alone varied by a factor of ${factors[0]} (PUT) and ${factors[1]} (GET).`;
}

export function verdictLines(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ goal, measured, isMet, remark }) => [
    isMet ? "pass" : "FAIL",
    goal,
    spread(measured, 2) + (remark === undefined ? "" : ` (${remark})`),
  ]);
  return aligned(rows);
}

function perSecond(value: Spread): string {
  return spread(value, 0);
}

/** `median (min-max)` */
function spread({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}
