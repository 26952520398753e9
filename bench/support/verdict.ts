// What a goal says of itself and whether it was met, whatever it is about.

import type { Spread } from "./statistics.ts";
import { aligned, spreadText } from "./table.ts";

export interface Verdict {
  readonly goal: string;
  readonly measured: Spread;
  readonly isMet: boolean;
  /** Why a goal is missed though its figure looks well. */
  readonly remark?: string;
}

export function verdictLines(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ goal, measured, isMet, remark }) => [
    isMet ? "pass" : "FAIL",
    goal,
    spreadText(measured, 2) + (remark === undefined ? "" : ` (${remark})`),
  ]);
  return aligned(rows);
}
