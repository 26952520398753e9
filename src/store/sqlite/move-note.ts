// By which move a database came out of etcd: a table of one row. A move that is done again knows by it the directory that it
// has made, and takes no other for that. Whatever is made of the database elsewhere has not come by that move.

import type Sqlite from "better-sqlite3";
import { CorruptStoreError } from "./corrupt-store-error.ts";

/** Call within a transaction. */
export function leaveMoveNote(connection: Sqlite.Database, id: string): void {
  dropMoveNote(connection);
  connection.exec(createTable);
  connection.prepare("INSERT INTO move_note (only, id) VALUES (1, ?)").run(id);
}

/** Null where it did not come so. @throws CorruptStoreError */
export function readMoveNote(connection: Sqlite.Database, file: string): string | null {
  const select = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'move_note'";
  if (connection.prepare(select).pluck().get() !== 1) return null;
  const id = connection.prepare("SELECT id FROM move_note").pluck().get();
  if (typeof id !== "string") throw new CorruptStoreError(file, "its table move_note is empty");
  return id;
}

export function dropMoveNote(connection: Sqlite.Database): void {
  connection.exec("DROP TABLE IF EXISTS move_note");
}

const createTable = `
  CREATE TABLE move_note (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL
  ) STRICT`;
