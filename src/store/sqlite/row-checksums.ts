// Checksums of rows that nothing else covers: the log, the history and the position. (Znodes, sessions, replies and quotas
// are in the digest.) They are made where rows are written and looked at wherever rows are read. CRC-32 of the runtime:
// native, and it finds whatever a disk or a memory is likely to do to a row.

import { crc32 } from "node:zlib";
import type { LogEntry } from "../commit-log.ts";
import type { PackedChanges } from "./packed-rows.ts";

export function entryChecksum({ lsn, writer, seq, body }: LogEntry): number {
  return crc32(body, crc32(`${lsn} ${seq} ${writer}`));
}

/** Of a row of the history, and so of each message in it. */
export function changesChecksum({ lastZxid, ranMs, messages }: PackedChanges): number {
  return crc32(messages, crc32(`${lastZxid} ${ranMs} `));
}

/** Values of the row in their order; a text in them ends where it ends. */
export function valuesChecksum(values: readonly (string | number)[]): number {
  return crc32(JSON.stringify(values));
}

/** A row with what was written beside it; a row of a whole file always has a checksum. */
export type Checked<Row> = Row & { readonly checksum: number | null };
