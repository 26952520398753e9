// Opens the database file the one way it may be opened. SQLite forgets most settings when a file is closed,
// and the build's own default for a second opening would lose acknowledged writes at a power failure: every
// connection sets them and reads them back.

import { existsSync, statSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { NewerVersionError } from "../../core/newer-version-error.ts";
import { refuseBackup } from "./backup-marker.ts";
import { asCorruption, CorruptStoreError } from "./corrupt-store-error.ts";
import { makePrivateFile } from "./privacy.ts";
import { applicationId, schemaVersion } from "./schema.ts";
import { defaultSqliteSettings } from "./settings.ts";

export type Connection = Sqlite.Database;

/**
 * A file gives empty pages back (`shrinker.ts`) if it was made to: it has pages for that from its first on, and only `VACUUM`
 * would put them into one that has none.
 */
const incrementally = 2;

const walFileBytesKept = 67_108_864;
const cacheKibibytes = 65_536;

/**
 * @param options.isMade whether a file that is not there is made: only a start may, everyone after it has one
 * @throws CorruptStoreError, NewerVersionError, or Error when the file is another program's
 */
export function openConnection(file: string, options = { isMade: false }): Connection {
  refuseLostDatabase(file);
  if (options.isMade) makePrivateFile(file);
  const connection = new Sqlite(file, { timeout: defaultSqliteSettings.lockWaitMsMax, fileMustExist: true });
  try {
    refuseOldSqlite(connection);
    refuseForeign(connection, file);
    // Before anything is set, which would make another file of it.
    if (options.isMade) refuseBackup(connection, file);
    if (options.isMade && statSync(file).size === 0)
      set(connection, "auto_vacuum", "INCREMENTAL", incrementally);
    configure(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw asCorruption(error, file);
  }
}

/** SQLite would delete the write-ahead log of a file that is gone, and with it what could still be saved. */
function refuseLostDatabase(file: string): void {
  const walFile = `${file}-wal`;
  if (existsSync(file) && statSync(file).size > 0) return;
  if (!existsSync(walFile) || statSync(walFile).size === 0) return;
  throw new CorruptStoreError(file, `it is missing or empty, but its write-ahead log ${walFile} is not`);
}

/** Before 3.51.3 two connections that wrote and checkpointed at once could lose committed pages. */
function refuseOldSqlite(connection: Connection): void {
  const version = connection.prepare("SELECT sqlite_version()").pluck().get() as string;
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const isFit = major * 1_000_000 + minor * 1_000 + patch >= 3_051_003;
  if (!isFit) throw new Error(`SQLite ${version} can lose committed writes; 3.51.3 or later is needed.`);
}

function refuseForeign(connection: Connection, file: string): void {
  const id = connection.pragma("application_id", { simple: true });
  const version = connection.pragma("user_version", { simple: true }) as number;
  if (id === applicationId && version > schemaVersion) {
    throw new NewerVersionError(`a later version wrote ${file} (tables ${version}, not ${schemaVersion})`);
  }
  if (id === applicationId) return;
  const tables = connection.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() as number;
  if (id !== 0 || version !== 0 || tables > 0) {
    throw new Error(`The database ${file} belongs to another program; use another data directory.`);
  }
}

/** Pragmas are never prepared: a prepared one takes effect, or fails to, at the wrong moment. */
function configure(connection: Connection): void {
  set(connection, "journal_mode", "WAL", "wal");
  set(connection, "synchronous", "FULL", 2);
  set(connection, "wal_autocheckpoint", 0, 0);
  set(connection, "journal_size_limit", walFileBytesKept, walFileBytesKept);
  set(connection, "cell_size_check", "ON", 1);
  set(connection, "trusted_schema", "OFF", 0);
  set(connection, "temp_store", "MEMORY", 2);
  set(connection, "cache_size", -cacheKibibytes, -cacheKibibytes);
}

function set(connection: Connection, name: string, value: string | number, expected: string | number): void {
  connection.pragma(`${name} = ${value}`);
  const actual = connection.pragma(name, { simple: true });
  if (actual !== expected) throw new Error(`SQLite did not take ${name} = ${value}; it says ${actual}.`);
}
