// What an attack may do to others: each is judged by whoever was harmed most, in the middle of the rounds.

import type { Verdict } from "../support/verdict.ts";
import type { Attacked } from "./rounds.ts";

const ratioMax = 2;

export function judgeAttacks(attacks: readonly Attacked[]): Verdict[] {
  return attacks.map(({ attack, worstRatio, failed, failure }) => ({
    goal: `${attack}: others' p99 at most ${ratioMax} times that without, and none of them fails`,
    measured: worstRatio,
    isMet: worstRatio.median <= ratioMax && failed === 0,
    ...(failed > 0 && { remark: `${failed} failed, such as ${failure}` }),
  }));
}
