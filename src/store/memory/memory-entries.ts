// What outlives a log in memory as a file outlives a process: a new log on the same entries is a restart.
// Holds each writer's entry once, however often it is sent.

import type { LogEntry, LogUsage, Lsn } from "../commit-log.ts";

export class MemoryEntries {
  readonly clusterId: string;
  readonly #entries: LogEntry[] = [];
  readonly #places = new Map<string, Lsn>();
  #trimmed: Lsn = 0;

  constructor(clusterId = "memory") {
    this.clusterId = clusterId;
  }

  /** The last position there is. */
  get tail(): Lsn {
    return this.#trimmed + this.#entries.length;
  }

  /** The last position that is gone. */
  get trimmed(): Lsn {
    return this.#trimmed;
  }

  /** The place the entry has, or has had since it was first sent. */
  add(writer: string, seq: number, body: Uint8Array): Lsn {
    const key = `${writer} ${seq}`;
    const place = this.#places.get(key);
    if (place !== undefined) return place;
    const lsn = this.tail + 1;
    this.#entries.push({ lsn, writer, seq, body });
    this.#places.set(key, lsn);
    return lsn;
  }

  /** Entries from this position on, in order, at most so many; it must not be gone. */
  from(lsn: Lsn, countMax = Number.POSITIVE_INFINITY): readonly LogEntry[] {
    const first = lsn - this.#trimmed - 1;
    return this.#entries.slice(first, first + countMax);
  }

  trim(upTo: Lsn): void {
    const count = Math.min(Math.max(0, upTo - this.#trimmed), this.#entries.length);
    this.#entries.splice(0, count);
    this.#trimmed += count;
  }

  usage(): LogUsage {
    const bytes = this.#entries.reduce((sum, { body }) => sum + body.byteLength, 0);
    return { entries: this.#entries.length, bytes };
  }
}
