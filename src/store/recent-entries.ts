// The last entries of the log, in memory, for servers that follow this one. What is kept is bounded; whoever asks for what
// is gone begins with a backup. Of each position it is known which past it is of, so that nobody goes on from another one.

import type { LogEntry, Lsn } from "./commit-log.ts";

/** A position of the log, and what is known of the past that led to it. Two that agree in all they know are of one past. */
export interface Stamp {
  readonly lsn: Lsn;
  /** Where the state stands behind the entry. */
  readonly zxid: number;
  /** The epoch that transactions to come belong to. */
  readonly epoch: string;
  /** Who wrote the entry, as it is in the log; null where nobody here has heard it. */
  readonly author: Author | null;
}

export type Author = Pick<LogEntry, "writer" | "seq">;

/** An entry, and where the state stands behind it. */
export interface StampedEntry extends LogEntry {
  readonly zxid: number;
  readonly epoch: string;
}

/** However small they are. */
const entriesMax = 100_000;
/** Beside its body, about. */
const overheadBytes = 200;

export class RecentEntries {
  readonly #bytesMax: number;
  readonly #listeners = new Set<() => void>();
  /** Where what is kept begins. */
  #base: Stamp;
  /** From `#start` on; what is before it goes when it has become half of all. */
  readonly #entries: StampedEntry[] = [];
  #start = 0;
  #bytes = 0;

  /** @param base where the store stands before the first of them @param bytesMax 0 keeps none */
  constructor(base: Stamp, bytesMax: number) {
    this.#base = base;
    this.#bytesMax = bytesMax;
  }

  /** Whether any are kept at all. */
  get areKept(): boolean {
    return this.#bytesMax > 0;
  }

  get count(): number {
    return this.#entries.length - this.#start;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The newest position. */
  get last(): Stamp {
    return stampOf(this.#entries.at(-1)) ?? this.#base;
  }

  /** Of a position from the one before the first entry on; undefined for any other. */
  stampAt(lsn: Lsn): Stamp | undefined {
    if (lsn === this.#base.lsn) return this.#base;
    return stampOf(this.#entries[this.#start + lsn - this.#base.lsn - 1]);
  }

  /** The entry behind a position: null when it is yet to come, undefined when it is gone. */
  after(lsn: Lsn): StampedEntry | null | undefined {
    if (lsn < this.#base.lsn) return undefined;
    return this.#entries[this.#start + lsn - this.#base.lsn] ?? null;
  }

  add(entry: StampedEntry): void {
    if (!this.areKept) {
      this.#base = stampOf(entry) as Stamp;
      return;
    }
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    while (this.#bytes > this.#bytesMax || this.count > entriesMax) this.#dropFirst();
    for (const listener of this.#listeners) listener();
  }

  #dropFirst(): void {
    const first = this.#entries[this.#start] as StampedEntry;
    this.#base = stampOf(first) as Stamp;
    this.#bytes -= sizeOf(first);
    // Whatever it held is free now, and not when the rest of the list is.
    this.#entries[this.#start] = { ...first, body: nothing };
    this.#start += 1;
    if (this.#start * 2 < this.#entries.length) return;
    this.#entries.splice(0, this.#start);
    this.#start = 0;
  }

  /** Called when there is one more. */
  onAdded(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const nothing = new Uint8Array();

function sizeOf({ body }: LogEntry): number {
  return body.byteLength + overheadBytes;
}

function stampOf(entry: StampedEntry | undefined): Stamp | undefined {
  if (entry === undefined) return undefined;
  const { lsn, zxid, epoch, writer, seq } = entry;
  return { lsn, zxid, epoch, author: { writer, seq } };
}

/** Whether both can be of one past. */
export function isSamePast(one: Stamp, other: Stamp): boolean {
  if (one.lsn !== other.lsn || one.zxid !== other.zxid || one.epoch !== other.epoch) return false;
  const { author } = one;
  if (author === null || other.author === null) return true;
  return author.writer === other.author.writer && author.seq === other.author.seq;
}
