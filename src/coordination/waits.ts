// Requests that wait, by what they wait for: a place, and something at that place. All who wait for the same are
// answered at once, and nobody else is: what an answer costs is who gets it, however many wait. It knows nothing of what
// it is they wait for.

import { SortedNames } from "../core/tree/sorted-names.ts";

export interface Wait<End> {
  readonly end: Promise<End>;
  /** Waits no longer. Harmless when repeated, or late. */
  leave(): void;
}

type Waiters<End> = Set<(end: End) => void>;

/** Those who wait at one place. */
interface Line<End> {
  /** What is waited for. */
  readonly order: SortedNames;
  readonly waiters: Map<string, Waiters<End>>;
}

export class Waits<End> {
  readonly #lines = new Map<string, Line<End>>();

  wait(place: string, key: string): Wait<End> {
    const { promise: end, resolve } = Promise.withResolvers<End>();
    this.#waitersFor(place, key).add(resolve);
    return { end, leave: () => this.#leave(place, key, resolve) };
  }

  #waitersFor(place: string, key: string): Waiters<End> {
    const line = this.#lines.get(place) ?? { order: new SortedNames(), waiters: new Map() };
    this.#lines.set(place, line);
    const waiters = line.waiters.get(key) ?? new Set();
    if (waiters.size === 0) {
      line.order.add(key);
      line.waiters.set(key, waiters);
    }
    return waiters;
  }

  #leave(place: string, key: string, waiter: (end: End) => void): void {
    const waiters = this.#lines.get(place)?.waiters.get(key);
    if (waiters?.delete(waiter) === true && waiters.size === 0) this.#drop(place, key);
  }

  #drop(place: string, key: string): void {
    const { order, waiters } = this.#lines.get(place) as Line<End>;
    order.delete(key);
    waiters.delete(key);
    if (waiters.size === 0) this.#lines.delete(place);
  }

  /** Each place where somebody waits, and how many do. */
  *counts(): Generator<{ readonly place: string; readonly count: number }> {
    for (const [place, { waiters }] of this.#lines) {
      let count = 0;
      for (const { size } of waiters.values()) count += size;
      yield { place, count };
    }
  }

  /** What is waited for at the place comes first in code-unit order; undefined where nobody waits. */
  first(place: string): string | undefined {
    const [key] = this.#lines.get(place)?.order ?? [];
    return key;
  }

  /** All that is waited for at the place, in that order. */
  keys(place: string): string[] {
    return [...(this.#lines.get(place)?.order ?? [])];
  }

  answer(place: string, key: string, end: End): void {
    const waiters = this.#lines.get(place)?.waiters.get(key);
    if (waiters === undefined) return;
    this.#drop(place, key);
    for (const settle of waiters) settle(end);
    waiters.clear();
  }

  answerAll(place: string, end: End): void {
    for (const key of this.keys(place)) this.answer(place, key, end);
  }

  stop(end: End): void {
    for (const place of [...this.#lines.keys()]) this.answerAll(place, end);
  }
}
