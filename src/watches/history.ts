// The recent messages, in zxid order: what a stream that was away, or could not keep up, is told from. It
// forgets by count, age and bytes, oldest first, and never without moving its floor: a gap is always known to
// be one.

import type { ChangeRow } from "../store/tables.ts";
import { type ChangeMessage, parseChangeMessage } from "../told/change-message.ts";
import type { Gap } from "../told/frames.ts";
import type { HistoryBounds } from "./limits.ts";

/** What the store kept of the history, and the zxid its state stands at. */
export interface SavedHistory {
  readonly rows: readonly ChangeRow[];
  readonly floorZxid: number;
  readonly zxid: number;
}

/** Kept as flat text: a hundred thousand messages in pieces would be a million objects for the collector to visit. */
interface Entry {
  readonly zxid: number;
  readonly ranMs: number;
  readonly text: string;
  readonly bytes: number;
}

/** What streams can be told again, and how much of it there may be. */
export interface HistoryStats {
  readonly messages: number;
  readonly messagesMax: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly ageMsMax: number;
  /** Streams can go on after this transaction and any later one. */
  readonly floorZxid: number;
  readonly zxid: number;
}

/** Messages cut into pieces again for one reader, kept for those who read the same part of the history. */
const cutMessagesMax = 1024;

/** Forgotten entries leave room at the front, closed when it is half of the array: a trim stays cheap. */
const compactAtMin = 1024;

export class History {
  readonly #bounds: HistoryBounds;
  #entries: (Entry | null)[] = [];
  #first = 0;
  #bytes = 0;
  #floorZxid: number;
  #zxid: number;
  readonly #cutMessages = new Map<number, ChangeMessage>();

  constructor(bounds: HistoryBounds, saved: SavedHistory) {
    this.#bounds = bounds;
    this.#floorZxid = saved.floorZxid;
    this.#zxid = saved.zxid;
    for (const row of saved.rows) {
      // Rows at or below the floor are forgotten already: the store just has not deleted them yet.
      if (row.zxid > saved.floorZxid) this.#push(row.zxid, row.ranMs, row.message);
    }
  }

  /** The last transaction heard of, with or without a message. */
  get zxid(): number {
    return this.#zxid;
  }

  /** The oldest zxid one can resume after: everything later is still here. */
  get floorZxid(): number {
    return this.#floorZxid;
  }

  get messageCount(): number {
    return this.#entries.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  stats(): HistoryStats {
    return {
      ...{ messages: this.messageCount, bytes: this.#bytes },
      ...this.#bounds,
      ...{ floorZxid: this.#floorZxid, zxid: this.#zxid },
    };
  }

  /**
   * Notes the next transaction; a null message is one that watchers are told nothing of.
   * @param ranMs how long the service had run by then
   */
  add(zxid: number, message: ChangeMessage | null, ranMs: number): void {
    this.#zxid = zxid;
    if (message !== null) this.#push(zxid, ranMs, message.text);
  }

  /** Nothing up to this transaction, the next one, can be told. */
  beginBehind(zxid: number): void {
    this.#zxid = zxid;
    this.#floorZxid = zxid;
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  #push(zxid: number, ranMs: number, text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#entries.push({ zxid, ranMs, text, bytes });
    this.#bytes += bytes;
  }

  /**
   * Forgets what is over the bounds; says whether the floor moved.
   * @param nowMs how long the service has run
   */
  trim(nowMs: number): boolean {
    const before = this.#floorZxid;
    while (this.#isOverBounds(nowMs)) this.#forgetOldest();
    if (this.#first >= compactAtMin && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return this.#floorZxid !== before;
  }

  #isOverBounds(nowMs: number): boolean {
    const oldest = this.#entries[this.#first];
    if (oldest === undefined || oldest === null) return false;
    const { messagesMax, bytesMax, ageMsMax } = this.#bounds;
    if (this.messageCount > messagesMax || this.#bytes > bytesMax) return true;
    return nowMs - oldest.ranMs > ageMsMax;
  }

  #forgetOldest(): void {
    const { zxid, bytes } = this.#entries[this.#first] as Entry;
    this.#entries[this.#first] = null;
    this.#first += 1;
    this.#bytes -= bytes;
    this.#floorZxid = zxid;
  }

  /** Null when everything after `zxid` can be told. */
  gapAfter(zxid: number): Gap | null {
    if (zxid < this.#floorZxid) return "history_trimmed";
    return zxid > this.#zxid ? "unknown_zxid" : null;
  }

  /** The messages after `zxid`, oldest first. Neither add nor trim meanwhile. */
  *after(zxid: number): Generator<ChangeMessage> {
    for (let index = this.#indexAfter(zxid); index < this.#entries.length; index += 1) {
      yield this.#messageOf(this.#entryAt(index));
    }
  }

  #indexAfter(zxid: number): number {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entryAt(middle).zxid <= zxid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #entryAt(index: number): Entry {
    return this.#entries[index] as Entry;
  }

  #messageOf({ zxid, text }: Entry): ChangeMessage {
    let message = this.#cutMessages.get(zxid);
    if (message !== undefined) return message;
    if (this.#cutMessages.size === cutMessagesMax) this.#cutMessages.clear();
    message = parseChangeMessage(text);
    this.#cutMessages.set(zxid, message);
    return message;
  }
}
