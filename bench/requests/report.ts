// Results as people read them: tables of plain text, every figure with its spread.

import type { Spread } from "../support/statistics.ts";
import { aligned, spreadText } from "../support/table.ts";
import { operationNames, type Results } from "./goals.ts";

export function tableOf({ comparisons, growth }: Results): string {
  const throughputs = comparisons.map((comparison) => [
    comparison.kind === "set" ? "PUT" : "GET",
    perSecond(comparison.barePerSecond),
    perSecond(comparison.servicePerSecond),
    spreadText(comparison.ratio, 2),
    spreadText(comparison.p50Ms, 2),
    spreadText(comparison.p99Ms, 2),
    spreadText(comparison.tail, 1),
    String(comparison.checkpoints),
  ]);
  const sizes = growth.map(({ kind, distinct, smallCount, largeCount, ...row }) => [
    operationNames[kind],
    `${smallCount} / ${largeCount}`,
    String(distinct),
    perSecond(row.smallPerSecond),
    perSecond(row.largePerSecond),
    spreadText(row.cost, 2),
  ]);
  const comparisonHead = ["", "bare/s", "service/s", "ratio", "p50 ms", "p99 ms", "p99/p50", "checkpoints"];
  const sizeHead = ["", "znodes", "asked for", "small/s", "large/s", "cost ratio"];
  return `${aligned([comparisonHead, ...throughputs])}\n\n${aligned([sizeHead, ...sizes])}`;
}

/** The bare server does the same in every round: whatever it varies by is the machine's doing. */
export function noiseLine({ comparisons }: Results): string {
  if (comparisons.length === 0)
    return "The bare server was not measured: how much the machine varies is not known.";
  const factors = comparisons.map(({ barePerSecond: { min, max } }) => (max / min).toFixed(2));
  return `Between rounds the bare server alone varied by a factor of ${factors[0]} (PUT) and ${factors[1]} (GET).`;
}

function perSecond(value: Spread): string {
  return spreadText(value, 0);
}
