// What a restore leaves in the file for the next start: a table of one row. It stays until the rows reflect that the restore
// was decided, so that a start which is killed is followed by one that knows.

import type Sqlite from "better-sqlite3";
import type { RestoreNote } from "../restoring.ts";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import { valuesChecksum } from "./row-checksums.ts";

/** Call within a transaction. What another restore asked for, and no start has done yet, is asked for no more. */
export function leaveRestoreNote(connection: Sqlite.Database, note: RestoreNote): void {
  dropRestoreNote(connection);
  connection.exec(createTable);
  connection.prepare(insertNote).run({ ...note, checksum: checksumOf(note) });
}

/** Null where no restore is asked for. @throws CorruptStoreError when the row is missing or not as it was written */
export function readRestoreNote(connection: Sqlite.Database, file: string): RestoreNote | null {
  if (connection.prepare(selectTable).pluck().get() !== 1) return null;
  const row = connection.prepare(selectNote).get() as Row | undefined;
  if (row === undefined) throw new CorruptStoreError(file, "its table restore_note is empty");
  const { checksum, ...note } = row;
  if (checksum === checksumOf(note)) return note;
  throw new CorruptStoreError(file, "the row of its table restore_note does not match its checksum");
}

export function dropRestoreNote(connection: Sqlite.Database): void {
  connection.exec("DROP TABLE IF EXISTS restore_note");
}

type Row = RestoreNote & { readonly checksum: number };

function checksumOf({ id, ofMs, sequencesAhead }: RestoreNote): number {
  return valuesChecksum([id, ofMs, sequencesAhead]);
}

const selectTable = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'restore_note'";

const createTable = `
  CREATE TABLE restore_note (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL,
    of_ms INTEGER NOT NULL,
    sequences_ahead INTEGER NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT`;

const insertNote = `
  INSERT INTO restore_note (only, id, of_ms, sequences_ahead, checksum)
  VALUES (1, @id, @ofMs, @sequencesAhead, @checksum)`;

const selectNote = `
  SELECT id, of_ms AS ofMs, sequences_ahead AS sequencesAhead, checksum FROM restore_note`;
