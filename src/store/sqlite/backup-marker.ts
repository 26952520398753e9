// What a backup has and the file it was taken of has not: a table of one row that says of which moment it is. By it a copy
// is known for one, and is not served as if nothing had happened since (docs/backup.md).

import type Sqlite from "better-sqlite3";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import { valuesChecksum } from "./row-checksums.ts";

export interface BackupMarker {
  /** Names this backup; no two have the same. */
  readonly id: string;
  /** Wall clock of the server when it was begun. */
  readonly takenAtMs: number;
  /** The version of the service that took it. */
  readonly version: string;
  /** The last entry of the log that is in it. */
  readonly lsn: number;
  /** Where the state stands once that entry is applied: the moment the backup is of. */
  readonly zxid: number;
}

/** Makes the file a backup. Call within a transaction, on the copy alone. */
export function markAsBackup(connection: Sqlite.Database, marker: BackupMarker): void {
  connection.exec(createTable);
  connection.prepare(insertMarker).run({ ...marker, checksum: checksumOf(marker) });
}

/** Null in a file that is no backup. @throws CorruptStoreError when the row is missing or not as it was written */
export function readBackupMarker(connection: Sqlite.Database, file: string): BackupMarker | null {
  if (!hasTable(connection)) return null;
  const row = connection.prepare(selectMarker).get() as Row | undefined;
  if (row === undefined) throw new CorruptStoreError(file, "its table backup is empty");
  const { checksum, ...marker } = row;
  if (checksum !== checksumOf(marker))
    throw new CorruptStoreError(file, "the row of its table backup does not match its checksum");
  return marker;
}

/** Makes a backup a store again: for a restore, in the transaction that opens the new epoch. */
export function dropBackupMarker(connection: Sqlite.Database): void {
  connection.exec("DROP TABLE IF EXISTS backup");
}

/** What a start says of a file that was put into the data directory as it is. @throws Error */
export function refuseBackup(connection: Sqlite.Database, file: string): void {
  if (!hasTable(connection)) return;
  throw new Error(
    `The database ${file} is a backup. Served as it is, numbers that were given after it was taken would be given again. ` +
      "Go on from it, where it is, with: treekeeper restore --rolled-back --data-dir DIR (docs/backup.md).",
  );
}

type Row = BackupMarker & { readonly checksum: number };

function hasTable(connection: Sqlite.Database): boolean {
  const select = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'backup'";
  return connection.prepare(select).pluck().get() === 1;
}

function checksumOf({ id, takenAtMs, version, lsn, zxid }: BackupMarker): number {
  return valuesChecksum([id, takenAtMs, version, lsn, zxid]);
}

const createTable = `
  CREATE TABLE backup (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL,
    taken_at_ms INTEGER NOT NULL,
    version TEXT NOT NULL,
    lsn INTEGER NOT NULL,
    zxid INTEGER NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT`;

const insertMarker = `
  INSERT INTO backup (only, id, taken_at_ms, version, lsn, zxid, checksum)
  VALUES (1, @id, @takenAtMs, @version, @lsn, @zxid, @checksum)`;

const selectMarker = "SELECT id, taken_at_ms AS takenAtMs, version, lsn, zxid, checksum FROM backup";
