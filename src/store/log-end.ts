// Where the log ends, for many who ask: one question is under way at most, and whoever asks meanwhile shares the next one.
// That which is under way may be answered from before they asked, and does not do. Nobody is asked for those who gave up.

import type { CommitLog, Lsn } from "./commit-log.ts";

interface Waiter {
  readonly resolve: (lsn: Lsn) => void;
  readonly reject: (error: unknown) => void;
}

export class LogEnd {
  readonly #log: Pick<CommitLog, "tail">;
  /** Those whose question was not asked yet. */
  #waiting = new Set<Waiter>();
  #isAsking = false;

  constructor(log: Pick<CommitLog, "tail">) {
    this.#log = log;
  }

  /**
   * A position not before any append that completed anywhere before the call.
   * @throws what the log does; the signal's reason, and then nothing is left of the wait
   */
  async ask(signal?: AbortSignal): Promise<Lsn> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Lsn>();
    const waiter = { resolve, reject };
    const company = this.#waiting;
    const giveUp = () => reject(signal?.reason);
    company.add(waiter);
    signal?.addEventListener("abort", giveUp, { once: true });
    if (!this.#isAsking) void this.#askForAll();
    try {
      return await promise;
    } finally {
      company.delete(waiter);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  async #askForAll(): Promise<void> {
    this.#isAsking = true;
    // All who ask in one turn share a question.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.size > 0) {
      const company = this.#waiting;
      this.#waiting = new Set();
      await this.#askFor(company);
    }
    this.#isAsking = false;
  }

  async #askFor(company: ReadonlySet<Waiter>): Promise<void> {
    try {
      const lsn = await this.#log.tail();
      for (const { resolve } of company) resolve(lsn);
    } catch (error) {
      for (const { reject } of company) reject(error);
    }
  }
}
