// Numbers the server puts into names (Q5, D1): ten digits at least, growing past them, exact up to 2^53-1.

const sequenceDigitsMin = 10;

export function formatSequence(sequence: number): string {
  return String(sequence).padStart(sequenceDigitsMin, "0");
}
