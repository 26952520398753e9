// The file does not hold what it was given. It is left exactly as it was found: it is never repaired, emptied
// or made anew here, since only a person can tell what a backup is worth beside it.

import { dirname } from "node:path";
import Sqlite from "better-sqlite3";

export class CorruptStoreError extends Error {
  /** What is wrong with it, without where it is and what to do. */
  readonly fault: string;

  constructor(file: string, fault: string) {
    super(
      `The database ${file} is damaged: ${fault}. It was left as it is. See what else is with ` +
        `\`treekeeper check ${dirname(file)}\`, then restore a backup (docs/backup.md).`,
    );
    this.name = "CorruptStoreError";
    this.fault = fault;
  }
}

/** An error of SQLite that means damage becomes a CorruptStoreError; any other stays what it is. */
export function asCorruption(error: unknown, file: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  if (error.code === "SQLITE_NOTADB") return new CorruptStoreError(file, "it is not a SQLite database");
  if (error.code.startsWith("SQLITE_CORRUPT")) return new CorruptStoreError(file, error.message);
  return error;
}
