// How much a page sends. It is counted as it will be written: a byte of data may be six of JSON, and a page of names
// alone may be as large as one with data.

import type { Znode } from "../../core/tree/znode.ts";
import { dataText } from "../../told/json-data.ts";
import { fixedLimits } from "../http/fixed-limits.ts";

/** More than the stat, the ids and the names of members of any one entry. */
const overheadBytes = 512;
/** More than all of an entry of an access control list but its id. */
const aclEntryBytes = 128;

export class PageSize {
  #bytes = 0;
  #count = 0;

  /** Whether no entry fits any more: then none need be measured. */
  get isFull(): boolean {
    return this.#bytes >= fixedLimits.pageBytesMax;
  }

  /** Counts an entry, unless it has to wait for the next page. The first never has: a page has one entry at least. */
  takes(bytes: number): boolean {
    if (this.#count > 0 && this.#bytes + bytes > fixedLimits.pageBytesMax) return false;
    this.#bytes += bytes;
    this.#count += 1;
    return true;
  }
}

/** What an entry takes that is written as it is. */
export function jsonBytes(entry: unknown): number {
  if (typeof entry === "string" && isPlain.test(entry)) return entry.length + 3;
  return Buffer.byteLength(JSON.stringify(entry)) + 1;
}

/** ASCII of which nothing is escaped, as nearly all names are: its length is known without writing it. */
const isPlain = /^[ !#-[\]-~]*$/;

/** What a znode takes at most; its data only where that is shown. */
export function entryBytes(
  znode: Znode,
  shows: { readonly data: boolean; readonly aclFor?: object },
): number {
  const dataBytes = shows.data ? Buffer.byteLength(dataText(znode.data)) : 0;
  const aclBytes = shows.aclFor === undefined ? 0 : aclBytesOf(znode);
  return overheadBytes + jsonBytes(znode.path) + dataBytes + aclBytes;
}

function aclBytesOf({ acl: { entries } }: Znode): number {
  return entries.reduce((sum, { id }) => sum + aclEntryBytes + jsonBytes(id), 0);
}
