// What access control may cost: each goal is one row here, judged by the middle of the rounds.

import type { Verdict } from "../support/verdict.ts";
import type { AuthorisedFanOut } from "./fan-out.ts";
import type { AuthorisedRequests } from "./requests.ts";

const costRatioMax = 1.05;
const fanOutRatioMin = 0.9;

export const requestNames = { get: "GET", set: "PUT" } as const;

export function judgeRequests(requests: readonly AuthorisedRequests[]): Verdict[] {
  return requests.map(({ kind, policies, loopRatio }) => ({
    goal: `${requestNames[kind]} with ${policies} policies: the event loop's time at most ${costRatioMax} of that without`,
    measured: loopRatio,
    isMet: loopRatio.median <= costRatioMax,
  }));
}

export function judgeFanOut({ streams, ratio, loopRatio }: AuthorisedFanOut): Verdict[] {
  const goal = `one change to ${streams} streams of ten policies: at least ${fanOutRatioMin} of those without`;
  return [
    { goal: `${goal}, deliveries/s`, measured: ratio, isMet: ratio.median >= fanOutRatioMin },
    {
      goal: `${goal}, deliveries in the event loop's time`,
      measured: loopRatio,
      isMet: loopRatio.median >= fanOutRatioMin,
    },
  ];
}
