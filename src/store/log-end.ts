// Where the log ends, for many who ask: all who ask in one turn share a question. One that is under way may be answered
// from before they asked, and does not do.

import type { CommitLog, Lsn } from "./commit-log.ts";

export class LogEnd {
  readonly #log: CommitLog;
  #next: Promise<Lsn> | null = null;

  constructor(log: CommitLog) {
    this.#log = log;
  }

  /** A position not before any append that completed anywhere before the call. */
  ask(): Promise<Lsn> {
    this.#next ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#next = null;
        this.#log.tail().then(resolve, reject);
      });
    });
    return this.#next;
  }
}
