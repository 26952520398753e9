// Entries as they are read from etcd after the fact. Where an entry stands follows from how many are behind it: the one
// written last has the position that the tail's version says, and none is missing between two.

import { entryNameText, type LogEntry, type Lsn } from "../commit-log.ts";
import { bodyIn, joined, lengthIn } from "./entry-value.ts";
import { byModRevision, type EtcdCalls, type KeyValue, type Step } from "./etcd-calls.ts";
import { answeredFromBefore, isOutOfSpace } from "./etcd-errors.ts";
import { bytesOf, type Keys } from "./keys.ts";

/** All entries that are there, by their keys, at one moment. */
export interface Listing {
  readonly revision: bigint;
  /** Position of the last entry that was ever written, be it there or not. */
  readonly end: Lsn;
  /** In their order; the last is the one at the end. */
  readonly keys: readonly Uint8Array[];
}

/** An entry that somebody has read or heard of before. */
export interface KnownEntry {
  readonly lsn: Lsn;
  /** As `entryNameText` writes it; empty where it is not known. */
  readonly name: string;
}

/** Whether it is further on, or the same with its name. */
export function tellsMore(one: KnownEntry, other: KnownEntry): boolean {
  return one.lsn > other.lsn || (one.lsn === other.lsn && other.name === "");
}

/** Entries fetched at once: each has up to a mebibyte. */
const fetchedAtOnceMax = 8;

export class EntriesRead {
  readonly #client: EtcdCalls;
  readonly #keys: Keys;
  /** Until it is read to its end: who is far behind reads many times. */
  #listing: Listing | null = null;
  /** The same for whoever asks for sizes. */
  #sized: Listing | null = null;

  constructor(client: EtcdCalls, keys: Keys) {
    this.#client = client;
    this.#keys = keys;
  }

  /** Which entries are there, without looking at them: none where the first is behind the end. */
  async extent(): Promise<{ readonly first: Lsn; readonly end: Lsn }> {
    const { tail, entries } = this.#keys;
    const { ranges } = await this.#client.txn({
      compare: [],
      success: [{ range: { key: tail, keysOnly: true } }, { range: { ...entries, countOnly: true } }],
    });
    const end = endIn(ranges[0]?.kvs, this.#keys);
    return { first: end - Number(ranges[1]?.count ?? 0n) + 1, end };
  }

  /**
   * Whether an entry stands where it is known to have stood. What was trimmed is neither beyond the end nor another, and so
   * is one whose name is not known. That it is beyond the end is asked again by a write, which no member answers from before.
   */
  async lookAt(known: KnownEntry): Promise<{ readonly isBeyond: boolean; readonly isAnother: boolean }> {
    const read = await this.list();
    const listing = known.lsn > read.end ? await this.#listByWrite() : read;
    return { isBeyond: known.lsn > listing.end, isAnother: this.isAnother(listing, known) };
  }

  isAnother({ end, keys }: Listing, { lsn, name }: KnownEntry): boolean {
    const key = keys[lsn - (end - keys.length + 1)];
    return key !== undefined && name !== "" && entryNameText(placeIn(key, this.#keys)) !== name;
  }

  /**
   * Whether it is there no more, and so cannot be compared: the last that a snapshot covers stays, and with it the last of
   * each server that has all there is. Earlier versions, which knew no names, trimmed that as well; and where the log begins
   * nothing was before.
   */
  isTrimmed({ end, keys }: Listing, { lsn, name }: KnownEntry): boolean {
    const isBegin = lsn === this.#keys.lsnAt(0n);
    return lsn < end - keys.length + 1 && name !== "" && !isBegin;
  }

  /** Which entry the log ends with. */
  lastOf({ end, keys }: Listing): KnownEntry {
    const key = keys.at(-1);
    return { lsn: end, name: key === undefined ? "" : entryNameText(placeIn(key, this.#keys)) };
  }

  /** How many bytes entries have, without their parts being fetched. Some of those from one on; none that was trimmed. */
  async sizesFrom(from: Lsn): Promise<readonly { readonly lsn: Lsn; readonly bytes: number }[]> {
    if (this.#sized === null || from > this.#sized.end) this.#sized = await this.list();
    const { end, keys } = this.#sized;
    const first = end - keys.length + 1;
    const wanted = keys.slice(Math.max(0, from - first), Math.max(0, from - first) + fetchedAtOnceMax);
    if (from + wanted.length > end) this.#sized = null;
    if (wanted.length === 0) return [];
    const success = wanted.map((key) => ({ range: { key } }));
    const { ranges } = await this.#client.txn({ compare: [], success });
    return ranges.flatMap(({ kvs }, index) =>
      kvs.map(({ value }) => ({ lsn: Math.max(from, first) + index, bytes: lengthIn(value) })),
    );
  }

  /** Where nothing can be written it is read. */
  async #listByWrite(): Promise<Listing> {
    try {
      return await this.list([{ put: { key: this.#keys.question, value: bytesOf("") } }]);
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      return await this.list();
    }
  }

  /** One picture of the tail and of what is there. @param before steps that are taken before */
  async list(before: readonly Step[] = []): Promise<Listing> {
    const { tail, entries } = this.#keys;
    const { header, ranges } = await this.#client.txn({
      compare: [],
      success: [
        ...before,
        { range: { key: tail, keysOnly: true } },
        { range: { ...entries, keysOnly: true, ...byModRevision } },
      ],
    });
    const keys = (ranges[1]?.kvs ?? []).map(({ key }) => key);
    return { revision: header.revision, end: endIn(ranges[0]?.kvs, this.#keys), keys };
  }

  /**
   * Some entries from one on; none when it has yet to be written, and null when it is there no more.
   */
  async from(
    from: Lsn,
  ): Promise<{ readonly entries: readonly LogEntry[]; readonly listing: Listing } | null> {
    if (this.#listing === null || from > this.#listing.end) this.#listing = await this.list();
    for (;;) {
      const listing = this.#listing;
      if (from > listing.end) return { entries: [], listing };
      const first = listing.end - listing.keys.length + 1;
      if (from < first) return null;
      const keys = listing.keys.slice(from - first, from - first + fetchedAtOnceMax);
      const entries = await this.#fetch(keys, from);
      if (entries !== null) return { entries, listing };
      // Trimmed since it was listed.
      this.#listing = await this.list();
    }
  }

  async #fetch(keys: readonly Uint8Array[], from: Lsn): Promise<readonly LogEntry[] | null> {
    const success = keys.map((key) => ({ range: { key } }));
    const { ranges } = await this.#client.txn({ compare: [], success });
    const kvs = ranges.flatMap((range) => range.kvs);
    if (kvs.length < keys.length) return null;
    const entries: LogEntry[] = [];
    for (const [index, kv] of kvs.entries()) {
      const entry = entryOf(kv, from + index, this.#keys) ?? (await this.#fetchParts(kv, from + index));
      if (entry === null) return null;
      entries.push(entry);
    }
    return entries;
  }

  /** Null when they are there no more. */
  async #fetchParts({ key, value }: KeyValue, lsn: Lsn): Promise<LogEntry | null> {
    const place = placeIn(key, this.#keys);
    const { kvs } = await this.#client.range(this.#keys.parts(place.writer, place.seq));
    const body = joined(kvs.map((part) => part.value));
    return body.byteLength < lengthIn(value) ? null : { lsn, ...place, body };
  }

  /** Where the entry stands that was written at the revision. @throws ConnectError where it is answered from before */
  async lsnAt(modRevision: bigint): Promise<Lsn> {
    const { tail, entries } = this.#keys;
    const { header, ranges } = await this.#client.txn({
      compare: [],
      success: [
        { range: { key: tail, keysOnly: true } },
        { range: { ...entries, keysOnly: true, minModRevision: modRevision + 1n } },
      ],
    });
    if (header.revision < modRevision) throw answeredFromBefore();
    return endIn(ranges[0]?.kvs, this.#keys) - (ranges[1]?.kvs.length ?? 0);
  }
}

/** Where the log ends, by its tail; where it begins while that was never written. */
export function endIn(tails: readonly KeyValue[] | undefined, keys: Keys): Lsn {
  return keys.lsnAt(tails?.[0]?.version ?? 0n);
}

/** Null where its parts have to be read. */
export function entryOf({ key, value }: KeyValue, lsn: Lsn, keys: Keys): LogEntry | null {
  const body = bodyIn(value);
  return body === null ? null : { lsn, ...placeIn(key, keys), body };
}

function placeIn(key: Uint8Array, keys: Keys): Pick<LogEntry, "writer" | "seq"> {
  const place = keys.entryAt(key);
  if (place === null) throw new Error("a key of the log is none of an entry");
  return place;
}
