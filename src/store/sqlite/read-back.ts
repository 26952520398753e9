// Reads a backup that was just made, row by row and without its tree in memory: whether its pages hang together, and every
// row is the one that was written. What a replay would find beyond that is for `verify.ts`, which takes as much memory as
// a server.

import Sqlite from "better-sqlite3";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import { checkPages, checkRows, whileReading } from "./load.ts";
import { readMeta } from "./meta.ts";
import { digestInTables } from "./read-state.ts";

/**
 * @param assertWanted called now and then; what it throws ends the reading
 * @throws CorruptStoreError
 */
export function readBack(file: string, assertWanted: () => void): void {
  const connection = new Sqlite(file, { fileMustExist: true, readonly: true });
  try {
    checkPages(connection, file);
    assertWanted();
    const position = readMeta(connection, file);
    checkRows(connection, file, position);
    assertWanted();
    const digest = digestInTables(connection, file, position);
    if (digest === position.digest) return;
    throw new CorruptStoreError(
      file,
      `its tables have digest ${digest}, not ${position.digest} as was written`,
    );
  } catch (error) {
    throw whileReading(error, file);
  } finally {
    connection.close();
  }
}
