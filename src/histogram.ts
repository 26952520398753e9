// How often something was how large, in buckets that are fixed from the start. To observe is a few compares and two
// additions in memory that is there already, so that the path of every request can afford it; text is made of it elsewhere.

/** Upper bounds of buckets for what takes time, from the fastest answer to what a client would wait for. */
export const timeBoundsMs: readonly number[] = [
  0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];

/** The same for how many things came together. */
export const countBounds: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000];

/** The same for bytes. */
export const byteBounds: readonly number[] = [
  256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
];

export class Histogram {
  /** Ascending; what is above the last is counted beyond it. */
  readonly bounds: readonly number[];
  /** Counts of the buckets, of what is beyond the last, and then the sum of all. */
  readonly #cells: Float64Array;
  readonly #sumAt: number;

  /** @param cells of the other thread, where another observes; `cellsOf` says how many */
  constructor(bounds: readonly number[], cells: Float64Array = new Float64Array(cellsOf(bounds))) {
    this.bounds = bounds;
    this.#cells = cells;
    this.#sumAt = bounds.length + 1;
  }

  /** This is on the path of every request. */
  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    (this.#cells[bucket] as number) += 1;
    (this.#cells[this.#sumAt] as number) += value;
  }

  get count(): number {
    return this.#cells.subarray(0, this.#sumAt).reduce((sum, count) => sum + count, 0);
  }

  get sum(): number {
    return this.#cells[this.#sumAt] as number;
  }

  /** Up to each bound, and last in all. */
  cumulated(): number[] {
    let sum = 0;
    return Array.from(this.#cells.subarray(0, this.#sumAt), (count) => {
      sum += count;
      return sum;
    });
  }
}

export function cellsOf(bounds: readonly number[]): number {
  return bounds.length + 2;
}
