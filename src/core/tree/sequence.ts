// Numbers the server puts into names (Q5, D1): ten digits at least, growing past them, exact up to 2^53-1. They end
// there: what would go on counting beyond would give one number twice, and never come to an end of looking for one.

const sequenceDigitsMin = 10;

/** The last number there is. A parent whose next one is greater has none left. */
export const sequenceMax = Number.MAX_SAFE_INTEGER;

/** What an import may bring: from there on a million a second last for a hundred years. */
export const importedNumberMax = 2 ** 52;

export function formatSequence(sequence: number): string {
  return String(sequence).padStart(sequenceDigitsMin, "0");
}

/** Stays at the first number that is none: adding 1 to it would not change it. */
export function sequenceAfter(sequence: number): number {
  return Math.min(sequence, sequenceMax) + 1;
}

/** So many taken names in a row are skipped one by one, and further ones in steps that double. */
const skippedOneByOne = 1000;

/** How far on to look when so many numbers were found taken: nobody waits while a million names are tried. */
export function stepAfter(takenCount: number): number {
  return 2 ** Math.max(0, takenCount - skippedOneByOne);
}
