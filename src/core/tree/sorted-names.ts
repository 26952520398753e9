// The names under one parent, in code-unit order. Kept in short runs, so that adding, removing and finding a place
// cost the same beside ten siblings or ten million, and a listing starts anywhere without sorting.

const runLengthMax = 512;

export class SortedNames implements Iterable<string> {
  /** Every run is sorted, not empty, and ends before the next one starts. */
  readonly #runs: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a name that is not in the list yet. */
  add(name: string): void {
    this.#size += 1;
    if (this.#runs.length === 0) {
      this.#runs.push([name]);
      return;
    }
    const index = Math.min(this.#runIndexOf(name), this.#runs.length - 1);
    const run = this.#runAt(index);
    run.splice(lowerBound(run, name), 0, name);
    if (run.length > runLengthMax) this.#split(index, run);
  }

  /** Removes a name that is in the list. */
  delete(name: string): void {
    const index = this.#runIndexOf(name);
    const run = this.#runAt(index);
    run.splice(lowerBound(run, name), 1);
    this.#size -= 1;
    if (run.length === 0) this.#runs.splice(index, 1);
  }

  /** Names in order, starting at the first that is not before `from`. Do not change the list meanwhile. */
  *from(from: string): Generator<string> {
    let index = this.#runIndexOf(from);
    let run = this.#runs[index];
    if (run === undefined) return;
    let position = lowerBound(run, from);
    while (run !== undefined) {
      for (; position < run.length; position += 1) yield run[position] as string;
      position = 0;
      index += 1;
      run = this.#runs[index];
    }
  }

  /** How many names are before `name`, whether or not it is in the list. */
  countBefore(name: string): number {
    const index = this.#runIndexOf(name);
    const run = this.#runs[index];
    let count = run === undefined ? 0 : lowerBound(run, name);
    for (let before = 0; before < index; before += 1) count += this.#runAt(before).length;
    return count;
  }

  /** The last name that is not after `name`; undefined when all are after it. */
  lastUpTo(name: string): string | undefined {
    const index = this.#runIndexOf(name);
    const run = this.#runs[index];
    const position = run === undefined ? 0 : lowerBound(run, name);
    if (run?.[position] === name) return name;
    return position > 0 ? run?.[position - 1] : this.#runs[index - 1]?.at(-1);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.from("");
  }

  /** The first run whose last name is not before `name`; the number of runs when all are before it. */
  #runIndexOf(name: string): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = this.#runAt(middle);
      if ((run[run.length - 1] as string) < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #runAt(index: number): string[] {
    return this.#runs[index] as string[];
  }

  /** Names often arrive in order (sequential znodes), so a full last run is left full and a new one is begun. */
  #split(index: number, run: string[]): void {
    const isLast = index === this.#runs.length - 1;
    const tail = run.splice(isLast ? runLengthMax : runLengthMax >>> 1);
    this.#runs.splice(index + 1, 0, tail);
  }
}

/** The first index whose name is not before `name`. */
function lowerBound(run: readonly string[], name: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((run[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
