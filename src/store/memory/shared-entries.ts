// The entries of a log that several servers write to: each of them looks at the same ones, and hears when there are more.

import type { Lsn } from "../commit-log.ts";
import { MemoryEntries } from "./memory-entries.ts";

export class SharedEntries extends MemoryEntries {
  readonly #listeners = new Set<() => void>();

  constructor(clusterId = "shared") {
    super(clusterId);
  }

  override add(writer: string, seq: number, body: Uint8Array): Lsn {
    const before = this.tail;
    const lsn = super.add(writer, seq, body);
    if (this.tail > before) for (const listener of this.#listeners) listener();
    return lsn;
  }

  /** Calls back after each entry that is new. Returns what ends it. */
  onAdded(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
