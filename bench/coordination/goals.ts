// What must hold of locks: each goal is one row here, judged by the middle of the rounds.

import { spreadOf } from "../support/statistics.ts";
import type { Verdict } from "../support/verdict.ts";
import type { Death } from "./death.ts";
import type { Handovers } from "./handover.ts";
import type { Pairs } from "./pairs.ts";
import { figuresOf, type Rounds, ratioOf } from "./rounds.ts";
import type { ServicesResults } from "./services.ts";

const beyondTimeoutMsMax = 300;
export const ours = "treekeeper";

export function judgePairs({ clients, perSecond }: Pairs): Verdict[] {
  return othersIn(perSecond).map((other) => {
    const measured = ratioOf(perSecond, ours, other);
    const goal = `acquire and release, ${clients} at once: pairs/s above those of ${other}`;
    return { goal, measured, isMet: measured.median > 1 };
  });
}

export function judgeHandovers({ waiters, rounds }: Handovers): Verdict[] {
  const p50Ms = figuresOf(rounds, (round) => round.p50Ms);
  const faster = othersIn(rounds).map((other) => {
    const measured = ratioOf(p50Ms, ours, other);
    const goal = `handover among ${waiters}: p50 below that of ${other}`;
    return { goal, measured, isMet: measured.median < 1 };
  });
  const told = spreadOf((rounds[ours] ?? []).map((round) => round.told ?? Number.NaN));
  return [
    ...faster,
    { goal: `a release is told to one of ${waiters} in line`, measured: told, isMet: told.max === 1 },
  ];
}

export function judgeDeaths(deaths: Rounds<Death>): Verdict[] {
  const measured = spreadOf((deaths[ours] ?? []).map(({ sinceHeartbeatMs }) => sinceHeartbeatMs));
  const goal = `holder killed: the next holds within ${beyondTimeoutMsMax} ms beyond the session timeout`;
  // Not only in the middle: a lock that is late is late.
  return [{ goal, measured, isMet: measured.max <= beyondTimeoutMsMax }];
}

export function judgeServices({ services, deaths }: ServicesResults): Verdict[] {
  const measured = spreadOf(deaths.map(({ lastMs }) => lastMs));
  const goal = `death of a host: told to ${services} streams within ${beyondTimeoutMsMax} ms beyond the session timeout`;
  return [{ goal, measured, isMet: measured.max <= beyondTimeoutMsMax }];
}

export function othersIn(rounds: Rounds<unknown>): string[] {
  return Object.keys(rounds).filter((kind) => kind !== ours);
}
