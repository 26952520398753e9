// What must hold: each goal is one row here, judged by the middle of the rounds. The figures are in docs/benchmarks.md.

import type { Verdict } from "../support/verdict.ts";
import type { Growth } from "./growth.ts";
import type { Comparison } from "./throughput.ts";

export interface Results {
  /** With the bare route, of sets and of gets; none when growth alone is measured. */
  readonly comparisons: readonly Comparison[];
  readonly growth: readonly Growth[];
}

const setRatioMin = 0.8;
const getRatioMin = 0.9;
const setTailMax = 4;
const costRatioMax = 1.1;

export function judge({ comparisons, growth }: Results): Verdict[] {
  return [
    ...comparisons.flatMap(comparisonVerdicts),
    ...growth
      .filter(({ distinct, smallCount }) => distinct === smallCount)
      .map(({ kind, largeCount, smallCount, cost }) => ({
        goal: `${operationNames[kind]}: cost at ${largeCount} at most ${costRatioMax} of that at ${smallCount}`,
        measured: cost,
        isMet: cost.median <= costRatioMax,
      })),
  ];
}

function comparisonVerdicts(comparison: Comparison): Verdict[] {
  const { kind, ratio } = comparison;
  const [name, ratioMin] = kind === "set" ? ["PUT", setRatioMin] : ["GET", getRatioMin];
  const verdict = {
    goal: `${name}/s at least ${ratioMin} of the bare route's`,
    measured: ratio,
    isMet: ratio.median >= ratioMin,
  };
  return kind === "set" ? [verdict, tailVerdict(comparison)] : [verdict];
}

export const operationNames = {
  get: "get",
  set: "set",
  churn: "create and delete",
  page: "page of 100 children",
  multi: "transaction of 100 sets",
} as const;

function tailVerdict(set: Comparison): Verdict {
  const verdict = {
    goal: `p99 of PUT at most ${setTailMax} of p50 while checkpoints run`,
    measured: set.tail,
    isMet: set.tail.median <= setTailMax,
  };
  if (set.rounds.every(({ checkpoints }) => checkpoints > 0)) return verdict;
  return { ...verdict, isMet: false, remark: "in some rounds no checkpoint ran, so this is not shown" };
}
