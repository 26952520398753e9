// Numbers of several rounds put into one line: the middle one and the farthest two. A mean would let one bad second
// of a shared machine speak for all.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** How long the most patient of a hundred, and the one in the middle, had to wait. */
export interface Tail {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function tailOf(valuesMs: readonly number[]): Tail {
  const sorted = valuesMs.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) as number };
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] as number;
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1] as number;
  return { median: (lower + upper) / 2, min: sorted[0] as number, max: sorted.at(-1) as number };
}
