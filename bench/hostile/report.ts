// What attacks did to others as people read it: a table of plain text for each, every figure with its spread, and a line
// about what became of the attack.

import { aligned, spreadText } from "../support/table.ts";
import type { Tally } from "./assault.ts";
import { goodKinds } from "./good-kinds.ts";
import type { Attacked } from "./rounds.ts";

export function attackedTable({ attack, rounds, others }: Attacked): string {
  const head = [
    attack,
    "p50 alone ms",
    "p50 beside ms",
    "p99 alone ms",
    "p99 beside ms",
    "ratio",
    "max beside ms",
  ];
  const rows = goodKinds.map((kind) => {
    const row = others[kind];
    return [
      kind,
      spreadText(row.aloneP50Ms, 2),
      spreadText(row.besideP50Ms, 2),
      spreadText(row.aloneP99Ms, 2),
      spreadText(row.besideP99Ms, 2),
      spreadText(row.ratio, 2),
      row.besideMaxMs.toFixed(1),
      String(row.failed),
    ];
  });
  const tallies = rounds.map(({ tally }) => tallyText(tally));
  return `${aligned([[...head, "failed"], ...rows])}\nIts last round: ${tallies.at(-1)}.`;
}

function tallyText({ connections, closed, held, statuses }: Tally): string {
  const answers = Object.entries(statuses).map(([status, count]) => `${status} ${count} times`);
  return [
    `${connections} connections`,
    ...(held > 0 ? [`${held} of them at once`] : []),
    `${closed} closed by the service`,
    answers.length === 0 ? "no answer that it read" : `answers ${answers.join(", ")}`,
  ].join("; ");
}
