// What one transaction may change. All of it is decided, done and told in one go, while everybody else waits, so the
// bounds are bounds on that wait. They stand in the entry of the log that they were in force for: a replay refuses
// what was refused, and an entry from before there were bounds has none.

import type { Namespaces } from "./access/namespaces.ts";
import { isInstancePath } from "./coordination/instances.ts";
import { KeeperError } from "./errors.ts";
import { jsonLengthOf } from "./json-length.ts";
import type { Znode } from "./tree/znode.ts";

export interface TransactionBounds {
  /** Znodes one transaction makes, sets and deletes, each time counted. */
  readonly transactionChangesMax: number;
  /** Characters of what it tells of them: their paths and data, as they stand in JSON. */
  readonly transactionChangeBytesMax: number;
  /** Ephemeral znodes of one session: they go in one transaction. */
  readonly ephemeralsPerSessionMax: number;
}

export const unbounded: TransactionBounds = {
  transactionChangesMax: Number.POSITIVE_INFINITY,
  transactionChangeBytesMax: Number.POSITIVE_INFINITY,
  ephemeralsPerSessionMax: Number.POSITIVE_INFINITY,
};

/** The end of a session may set a lock for each of its claims besides, so it has half of what there is. */
export function ephemeralBytesMax({ transactionChangeBytesMax }: TransactionBounds): number {
  return transactionChangeBytesMax / 2;
}

export function tooManyChanges(limitValue: number, size: number): KeeperError {
  return new KeeperError(
    "too_many_changes",
    `One transaction changes at most ${limitValue} znodes, and this would be ${size} or more; nothing was done. Do it in parts.`,
    { limit: "transactionChangesMax", limitValue, size },
  );
}

export function tooLongChanges(limitValue: number, size: number): KeeperError {
  return new KeeperError(
    "too_large",
    `The paths and data that one transaction changes have at most ${limitValue} characters in JSON, and these would have ${size} or more; nothing was done. Do it in parts.`,
    { limit: "transactionChangeBytesMax", limitValue, size },
  );
}

export function tooManyEphemerals(limitValue: number, size: number): KeeperError {
  return new KeeperError(
    "too_large",
    `A session owns at most ${limitValue} ephemeral znodes, claims and instances among them, and this would make ${size}: they all go at once when it ends. Open another session for more.`,
    { limit: "ephemeralsPerSessionMax", limitValue, size },
  );
}

export function tooLongEphemerals(limitValue: number, size: number): KeeperError {
  return new KeeperError(
    "too_large",
    `The ephemeral znodes of a session go at once when it ends, and their paths would have ${size} characters, more than half of what one transaction may change (${limitValue}). Open another session for more.`,
    { limit: "transactionChangeBytesMax", limitValue, size },
  );
}

/** What a znode adds to its transaction when it is made or set. */
export function writtenLength({ path, data }: Pick<Znode, "path" | "data">): number {
  return textLength(path) + jsonLengthOf(data);
}

/** What it adds when it is deleted: its data is told of instances of services alone. */
export function deletedLength(
  { path, data }: Pick<Znode, "path" | "data">,
  namespaces: Pick<Namespaces, "keeps">,
): number {
  return textLength(path) + (namespaces.keeps(path, isInstancePath) ? jsonLengthOf(data) : 0);
}

function textLength(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit === quote || unit === backslash) length += 1;
  }
  return length;
}

const quote = 0x22;
const backslash = 0x5c;
