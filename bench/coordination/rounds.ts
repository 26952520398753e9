// Rounds of all contestants in turn, so that what the machine does meanwhile falls on each of them. Only figures of
// the same round are compared.

import { setTimeout as wait } from "node:timers/promises";
import { type Spread, spreadOf } from "../support/statistics.ts";

/** What each contestant did, round by round. */
export type Rounds<Figure = number> = Readonly<Record<string, readonly Figure[]>>;

/** For what a server still has to tidy up after its turn. */
const settleMs = 300;

export async function inTurn<Contestant extends { readonly kind: string }, Figure>(
  rounds: number,
  contestants: readonly Contestant[],
  play: (contestant: Contestant, round: number) => Promise<Figure>,
): Promise<Rounds<Figure>> {
  const figures: Record<string, Figure[]> = Object.fromEntries(contestants.map(({ kind }) => [kind, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of contestants) {
      (figures[contestant.kind] as Figure[]).push(await play(contestant, round));
      await wait(settleMs);
    }
  }
  return figures;
}

/** One number of each round. */
export function figuresOf<Figure>(rounds: Rounds<Figure>, value: (figure: Figure) => number): Rounds {
  return Object.fromEntries(Object.entries(rounds).map(([kind, figures]) => [kind, figures.map(value)]));
}

/** The one by the other, round by round. */
export function ratioOf(rounds: Rounds, one: string, other: string): Spread {
  const [ours, theirs] = [rounds[one] as readonly number[], rounds[other] as readonly number[]];
  return spreadOf(ours.map((figure, round) => figure / (theirs[round] as number)));
}
