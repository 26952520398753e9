// How long an answer is really held back. It comes a little before the time a client asked for, so that a proxy whose
// own patience is just as long passes it on; and not at one time for all, so that those who began together do not all
// come back together.

/** Parts of the wait that are left out: always the smaller one, by chance up to the greater. */
const leftOutMin = 1 / 64;
const leftOutMax = 1 / 16;

export function heldBackMs(waitMs: number): number {
  return waitMs * (1 - leftOutMin - (leftOutMax - leftOutMin) * Math.random());
}
