// How many bytes the entries have that are in the log: known of those that passed by, and asked for once of the others.

import type { Lsn } from "../commit-log.ts";

export class EntrySizes {
  readonly #sizes = new Map<Lsn, number>();
  #first: Lsn = 1;
  #bytes = 0;

  note(lsn: Lsn, bytes: number): void {
    if (lsn < this.#first || this.#sizes.has(lsn)) return;
    this.#sizes.set(lsn, bytes);
    this.#bytes += bytes;
  }

  /** Those before it are there no more. */
  forgetBefore(first: Lsn): void {
    if (first <= this.#first) return;
    this.#first = first;
    for (const [lsn, bytes] of this.#sizes) {
      if (lsn >= first) continue;
      this.#sizes.delete(lsn);
      this.#bytes -= bytes;
    }
  }

  /** Of all from the first to the last; null when one of them is not known. */
  bytesUpTo(last: Lsn): number | null {
    let [count, bytes] = [this.#sizes.size, this.#bytes];
    for (let lsn = last + 1; this.#sizes.has(lsn); lsn += 1) {
      count -= 1;
      bytes -= this.#sizes.get(lsn) ?? 0;
    }
    return count === last - this.#first + 1 ? bytes : null;
  }

  /** Of those that are known. */
  get bytesKnown(): number {
    return this.#bytes;
  }

  isKnown(lsn: Lsn): boolean {
    return this.#sizes.has(lsn);
  }
}
