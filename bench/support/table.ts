// Figures as text: tables of aligned columns, every figure with its spread, and the line for the machine.

import { availableParallelism, cpus, release } from "node:os";
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

export function machineLine({ cores, processor, system, node }: ReturnType<typeof machineOf>): string {
  return `${cores} cores, ${processor}, ${system}, Node ${node}`;
}

/** `median (min-max)` */
export function spreadText({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

export function aligned(rows: readonly (readonly string[])[]): string {
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
