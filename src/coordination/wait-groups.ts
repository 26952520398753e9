// Requests that wait, by what they wait for: a place, and something at that place. All who wait for the same are
// answered at once, and nobody else is. It knows nothing of what it is they wait for.

interface Waiter<End> {
  readonly settle: (end: End) => void;
  /** Known once it waits no longer. */
  wasAlone: boolean | null;
}

type Groups<End> = Map<string, Set<Waiter<End>>>;

export class WaitGroups<End> {
  readonly #places = new Map<string, Groups<End>>();
  #count = 0;

  /** Requests that wait now. */
  get count(): number {
    return this.#count;
  }

  wait(place: string, key: string) {
    const { promise: end, resolve } = Promise.withResolvers<End>();
    const waiter: Waiter<End> = { settle: resolve, wasAlone: null };
    const groups: Groups<End> = this.#places.get(place) ?? new Map();
    this.#places.set(place, groups);
    groups.set(key, (groups.get(key) ?? new Set()).add(waiter));
    this.#count += 1;
    return { end, leave: () => this.#leave(place, key, waiter) };
  }

  #leave(place: string, key: string, waiter: Waiter<End>): boolean {
    if (waiter.wasAlone !== null) return waiter.wasAlone;
    const waiters = this.#places.get(place)?.get(key) as Set<Waiter<End>>;
    waiter.wasAlone = waiters.size === 1;
    waiters.delete(waiter);
    this.#count -= 1;
    if (waiter.wasAlone) this.#drop(place, key);
    return waiter.wasAlone;
  }

  #drop(place: string, key: string): void {
    const groups = this.#places.get(place);
    groups?.delete(key);
    if (groups?.size === 0) this.#places.delete(place);
  }

  /** Whether it is waited for. */
  has(place: string, key: string): boolean {
    return this.#places.get(place)?.has(key) === true;
  }

  /** What is waited for at the place. */
  keys(place: string): string[] {
    return [...(this.#places.get(place)?.keys() ?? [])];
  }

  answer(place: string, key: string, end: End): void {
    const waiters = this.#places.get(place)?.get(key);
    if (waiters === undefined) return;
    this.#drop(place, key);
    this.#count -= waiters.size;
    for (const waiter of waiters) {
      waiter.wasAlone = waiters.size === 1;
      waiter.settle(end);
    }
  }

  answerAll(place: string, end: End): void {
    for (const key of this.keys(place)) this.answer(place, key, end);
  }

  stop(end: End): void {
    for (const place of [...this.#places.keys()]) this.answerAll(place, end);
  }
}
