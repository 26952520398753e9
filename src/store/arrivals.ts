// Those who wait until a count that only grows has come to a number: a zxid, a position in the log.

interface Waiter {
  readonly at: number;
  readonly resolve: () => void;
}

export class Arrivals {
  readonly #waiters = new Set<Waiter>();
  #reached: number;
  /** The next number that somebody waits for. */
  #next = Number.POSITIVE_INFINITY;

  constructor(reached: number) {
    this.#reached = reached;
  }

  /** Resolves when it has come to `at`. @throws the signal's reason, and then nothing is left of the wait */
  async until(at: number, signal?: AbortSignal): Promise<void> {
    if (at <= this.#reached) return;
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { at, resolve };
    const giveUp = () => reject(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    this.#waiters.add(waiter);
    this.#next = Math.min(this.#next, at);
    try {
      await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  reach(count: number): void {
    this.#reached = count;
    if (count < this.#next) return;
    this.#next = Number.POSITIVE_INFINITY;
    for (const waiter of this.#waiters) {
      if (waiter.at > count) this.#next = Math.min(this.#next, waiter.at);
      else waiter.resolve();
    }
  }
}
