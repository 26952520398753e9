// Entries of the log as they are read: each the next one, and each as it was written.

import type { LogEntry, Lsn } from "../commit-log.ts";
import type { Connection } from "./connection.ts";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import { type Checked, entryChecksum } from "./row-checksums.ts";

/** Only what is asked of the prepared statement: its own type has no name in a package. */
export interface EntriesAfter {
  iterate(after: Lsn): Iterable<Checked<LogEntry>>;
}

export function prepareEntriesAfter(connection: Connection): EntriesAfter {
  return connection.prepare<[after: Lsn], Checked<LogEntry>>(
    "SELECT lsn, writer, seq, body, checksum FROM log WHERE lsn > ? ORDER BY lsn",
  );
}

/**
 * Entries after `after`, in order. Read to the end or return: an open read keeps the file from being tidied.
 * @throws CorruptStoreError when one is missing up to `tail`, or is not as it was written
 */
export function* readEntries(
  entriesAfter: EntriesAfter,
  { file, after, tail }: { readonly file: string; readonly after: Lsn; readonly tail: Lsn },
): Generator<LogEntry> {
  let expected = after + 1;
  for (const { checksum, ...entry } of entriesAfter.iterate(after)) {
    if (entry.lsn !== expected) throw missing(file, expected, entry.lsn - 1);
    if (checksum !== entryChecksum(entry)) {
      throw new CorruptStoreError(file, `log entry ${entry.lsn} does not match its checksum`);
    }
    expected += 1;
    yield entry;
  }
  if (expected <= tail) throw missing(file, expected, tail);
}

/** Reads the whole log: what is not to be replayed any more must be there and whole, or removing it would fail. */
export function checkLog(connection: Connection, file: string, appliedLsn: Lsn): void {
  const first = connection.prepare("SELECT min(lsn) FROM log").pluck().get() as Lsn | null;
  const after = first === null ? appliedLsn : Math.min(appliedLsn, first - 1);
  for (const _ of readEntries(prepareEntriesAfter(connection), { file, after, tail: 0 }));
}

function missing(file: string, first: Lsn, last: Lsn): Error {
  return new CorruptStoreError(file, `log entries ${first} to ${last} are missing`);
}
