// What the database of a server has that follows another: a table of one row that says whom. By it nobody takes the tables of
// a follower for a store of its own, which would go on beside the one it followed (docs/followers.md).

import type Sqlite from "better-sqlite3";
import { CorruptStoreError } from "./corrupt-store-error.ts";

/** Call within a transaction. */
export function leaveFollowerNote(connection: Sqlite.Database, upstream: string): void {
  dropFollowerNote(connection);
  connection.exec(createTable);
  connection.prepare("INSERT INTO follower (only, upstream) VALUES (1, ?)").run(upstream);
}

/** The addresses it was made with; null in a database that follows nobody. @throws CorruptStoreError */
export function readFollowerNote(connection: Sqlite.Database, file: string): string | null {
  const select = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'follower'";
  if (connection.prepare(select).pluck().get() !== 1) return null;
  const upstream = connection.prepare("SELECT upstream FROM follower").pluck().get();
  if (typeof upstream !== "string") throw new CorruptStoreError(file, "its table follower is empty");
  return upstream;
}

export function dropFollowerNote(connection: Sqlite.Database): void {
  connection.exec("DROP TABLE IF EXISTS follower");
}

const createTable = `
  CREATE TABLE follower (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    upstream TEXT NOT NULL
  ) STRICT`;
