// How much there is in the log: as it is counted now and then, and as it is asked for, of all entries.

import type { LogUsage, Lsn } from "../commit-log.ts";
import type { LogConnection } from "../log-connection.ts";
import type { EntriesRead } from "./entries-read.ts";
import { EntrySizes } from "./entry-sizes.ts";

export class Usage {
  readonly #connection: LogConnection;
  readonly #read: EntriesRead;
  readonly #sizes = new EntrySizes();
  #entryCount = 0;

  constructor(connection: LogConnection, read: EntriesRead) {
    this.#connection = connection;
    this.#read = read;
  }

  /** Entries as last counted, and the bytes of those that passed by this server. */
  get counted(): LogUsage {
    return { entries: this.#entryCount, bytes: this.#sizes.bytesKnown };
  }

  /** One that passed by. */
  note(lsn: Lsn, bytes: number): void {
    this.#sizes.note(lsn, bytes);
  }

  /** @throws Error when nobody answers */
  async count(): Promise<void> {
    const { first, end } = await this.#read.extent();
    this.#sizes.forgetBefore(first);
    this.#entryCount = end - first + 1;
  }

  /** Entries that this server did not follow are read for it once. */
  async ask(): Promise<LogUsage> {
    for (;;) {
      const { first, end } = await this.#connection.insist(() => this.#read.extent());
      this.#sizes.forgetBefore(first);
      await this.#learnSizes(first, end);
      const bytes = this.#sizes.bytesUpTo(end);
      // Otherwise some were trimmed meanwhile.
      if (bytes !== null) return { entries: end - first + 1, bytes };
    }
  }

  async #learnSizes(first: Lsn, end: Lsn): Promise<void> {
    if (this.#sizes.bytesUpTo(end) !== null) return;
    let from = first;
    while (from <= end) {
      if (this.#sizes.isKnown(from)) {
        from += 1;
        continue;
      }
      const start = from;
      const sizes = await this.#connection.insist(() => this.#read.sizesFrom(start));
      for (const { lsn, bytes } of sizes) this.#sizes.note(lsn, bytes);
      if (sizes.length === 0) return;
      from = Math.max(from, sizes.at(-1)?.lsn ?? from) + 1;
    }
  }
}
