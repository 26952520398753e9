// How many trials are run, and from which seeds: as many as asked for from the seed that is named, or those that are run
// always and some that nobody has seen, from the clock.

const namedSeed = process.env.TRIALS_SEED;
const clockSeed = Date.now() % 1_000_000_000;

export const lockTrialCount = Number(process.env.TRIALS ?? 450);
/** On three servers over one log. */
export const serversTrialCount = Number(process.env.SERVERS_TRIALS ?? 100);
export const supervisedTrialCount = Number(process.env.SUPERVISED_TRIALS ?? 32);

/** Rounds have seeds that follow each other. */
export function roundSeedsFor(trialCount: number, trialsAtOnce: number): number[] {
  const first = Number(namedSeed ?? 1);
  const count = Math.ceil(trialCount / trialsAtOnce);
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  return namedSeed === undefined && count > 0 ? [...seeds, clockSeed] : seeds;
}
