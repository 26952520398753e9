// Numbers of several rounds put into one line: the middle one and the farthest two. A mean would let one bad second
// of a shared machine speak for all.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] as number;
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1] as number;
  return { median: (lower + upper) / 2, min: sorted[0] as number, max: sorted.at(-1) as number };
}
