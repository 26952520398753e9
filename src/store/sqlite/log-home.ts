// Where the log of a directory is that is not in the directory: a table of one row. Served without that log it would go on
// from rows that the log has gone on from as well, and there would be two of what can be one alone.

import type Sqlite from "better-sqlite3";
import { openConnection } from "./connection.ts";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import { valuesChecksum } from "./row-checksums.ts";

export interface LogHome {
  /** As `treekeeper migrate` takes it, such as `etcd://10.0.0.1:2379/treekeeper/`. */
  readonly place: string;
  /** Names the log among those that the cluster has had. */
  readonly logId: string;
}

/** Call within a transaction. */
export function leaveLogHome(connection: Sqlite.Database, home: LogHome): void {
  dropLogHome(connection);
  connection.exec(createTable);
  connection.prepare(insertHome).run({ ...home, checksum: checksumOf(home) });
}

/** Null where the log is beside the rows. @throws CorruptStoreError when the row is missing or not as it was written */
export function readLogHome(connection: Sqlite.Database, file: string): LogHome | null {
  if (connection.prepare(selectTable).pluck().get() !== 1) return null;
  const row = connection.prepare(selectHome).get() as (LogHome & { readonly checksum: number }) | undefined;
  if (row === undefined) throw new CorruptStoreError(file, "its table log_home is empty");
  const { checksum, ...home } = row;
  if (checksum === checksumOf(home)) return home;
  throw new CorruptStoreError(file, "the row of its table log_home does not match its checksum");
}

export function dropLogHome(connection: Sqlite.Database): void {
  connection.exec("DROP TABLE IF EXISTS log_home");
}

/** Where it stands there already nothing is written. Durable when the call returns. */
export function noteLogHome(file: string, home: LogHome): void {
  const connection = openConnection(file);
  try {
    const before = readLogHome(connection, file);
    if (before?.place === home.place && before.logId === home.logId) return;
    connection.transaction(() => leaveLogHome(connection, home)).immediate();
    connection.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    connection.close();
  }
}

/** What a start says that would serve the directory without its log. */
export function logIsElsewhere(directory: string, { place }: LogHome): string {
  return (
    `The log of ${directory} is ${place}, and goes on there. Serve it with --log etcd, or move the log into an empty ` +
    `directory with: treekeeper migrate --from ${place} --to DIR (docs/cluster.md).`
  );
}

function checksumOf({ place, logId }: LogHome): number {
  return valuesChecksum([place, logId]);
}

const selectTable = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'log_home'";

const createTable = `
  CREATE TABLE log_home (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    place TEXT NOT NULL,
    log_id TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT`;

const insertHome =
  "INSERT INTO log_home (only, place, log_id, checksum) VALUES (1, @place, @logId, @checksum)";

const selectHome = "SELECT place, log_id AS logId, checksum FROM log_home";
