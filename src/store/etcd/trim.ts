// Removes entries from the beginning of the log on, piece by piece, and each piece at once: what is left has no gap at any
// time, since it is by counting from the end that the others have their places.

import type { Lsn } from "../commit-log.ts";
import type { EntriesRead } from "./entries-read.ts";
import type { EtcdCalls, Step } from "./etcd-calls.ts";
import type { Keys } from "./keys.ts";
import { SupersededError } from "./superseded-error.ts";

/** Entries that go at once. */
const entriesAtOnceMax = 1000;
/** Their writers, each of which takes two steps of a transaction; etcd allows 128. */
const writersAtOnceMax = 60;

interface TrimParts {
  readonly client: EtcdCalls;
  readonly keys: Keys;
  readonly read: EntriesRead;
  readonly formatRevision: bigint;
  /** Of the manifest of the snapshot that covers what goes; undefined where the entries are covered elsewhere. */
  readonly manifestRevision?: bigint | undefined;
  /** Asks until it is answered. */
  readonly insist: <T>(ask: () => Promise<T>) => Promise<T>;
}

/**
 * Where etcd was put back while it is asked, what goes by this snapshot may be covered by none any more: so each piece goes
 * as long as the snapshot is there.
 * @throws Error when the log is another one by now; SupersededError when the snapshot is
 */
export async function trimEntries(parts: TrimParts, upTo: Lsn): Promise<void> {
  const { client, keys, read, formatRevision, manifestRevision, insist } = parts;
  if (upTo < (await insist(() => read.extent())).first) return;
  const listing = await insist(() => read.list());
  const first = listing.end - listing.keys.length + 1;
  for (const piece of piecesOf(listing.keys.slice(0, Math.max(0, upTo - first + 1)), keys)) {
    const success = [...piece].flatMap(([writer, seq]) => deletionsOf(writer, seq, keys));
    const compare = [
      { key: keys.format, modRevision: formatRevision },
      ...(manifestRevision === undefined ? [] : [{ key: keys.manifest, modRevision: manifestRevision }]),
    ];
    const failure = [{ range: { key: keys.format, keysOnly: true } }];
    const { succeeded, ranges } = await insist(() => client.txn({ compare, success, failure }));
    if (succeeded) continue;
    if (ranges[0]?.kvs[0]?.modRevision === formatRevision)
      throw new SupersededError("another snapshot is there than the one that covers what is to go");
    throw new Error("the log in etcd is not the one that was opened");
  }
}

/** Of each writer the last that goes. */
type Piece = ReadonlyMap<string, number>;

function* piecesOf(entries: readonly Uint8Array[], keys: Keys): Generator<Piece> {
  let [piece, count] = [new Map<string, number>(), 0];
  for (const key of entries) {
    const place = keys.entryAt(key);
    if (place === null) throw new Error("a key of the log is none of an entry");
    piece.set(place.writer, place.seq);
    count += 1;
    if (count < entriesAtOnceMax && piece.size < writersAtOnceMax) continue;
    yield piece;
    [piece, count] = [new Map<string, number>(), 0];
  }
  if (piece.size > 0) yield piece;
}

function deletionsOf(writer: string, seq: number, keys: Keys): Step[] {
  return [{ deleteRange: keys.entriesUpTo(writer, seq) }, { deleteRange: keys.partsUpTo(writer, seq) }];
}
