// One who follows a log, for implementations of the port: asks for the next entries when the ones before are worked off,
// and so needs no queue. Whoever keeps the log wakes it when there may be more.

import type { EntriesHandler, LogEntry, Lsn } from "./commit-log.ts";

/**
 * Entries from `from` on, in order, as many as are at hand; none when there are none now. A log that fails meanwhile says
 * so by its state, and has none any more.
 */
export type ReadEntries = (from: Lsn) => readonly LogEntry[] | Promise<readonly LogEntry[]>;

export class Follower {
  readonly #read: ReadEntries;
  readonly #onEntries: EntriesHandler;
  #next: Lsn;
  #isBusy = false;
  /** Woken while it was busy reading: what was read may not be all. */
  #isWoken = false;

  constructor(after: Lsn, read: ReadEntries, onEntries: EntriesHandler) {
    this.#next = after + 1;
    this.#read = read;
    this.#onEntries = onEntries;
  }

  /** The entry it will be handed next. */
  get next(): Lsn {
    return this.#next;
  }

  /** What is at hand is handed over before this returns, unless the follower is still busy with what was. */
  wake(): void {
    this.#isWoken = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#isWoken) {
      this.#isWoken = false;
      const entries = this.#read(this.#next);
      const pending =
        entries instanceof Promise ? entries.then((read) => this.#hand(read)) : this.#hand(entries);
      if (pending !== undefined) {
        void pending.then(() => this.#goOn());
        return;
      }
    }
    this.#isBusy = false;
  }

  /** Where nothing was at hand and nobody woke it, there is nothing to look for. */
  #goOn(): void {
    this.#isBusy = false;
    if (this.#isWoken) this.wake();
  }

  #hand(entries: readonly LogEntry[]): void | Promise<void> {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.#next = last.lsn + 1;
    this.#isWoken = true;
    return this.#onEntries(entries);
  }
}
