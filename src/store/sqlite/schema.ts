// The tables, written out whole. There is no secondary index: everything is read from memory, and an index
// would be one more dirty page in every write.

import Sqlite from "better-sqlite3";
import type { LogEntry } from "../commit-log.ts";
import { sealMeta } from "./meta.ts";
import type { PackedChanges } from "./packed-rows.ts";
import { changesChecksum, entryChecksum } from "./row-checksums.ts";

/** "CORD": says whose file it is to whoever finds it. */
export const applicationId = 0x434f5244;

/** Version 1 of the tables. */
const firstSchema = `
  CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    cluster_id TEXT NOT NULL,
    applied_lsn INTEGER NOT NULL,
    zxid INTEGER NOT NULL,
    next_znode_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    history_floor_zxid INTEGER NOT NULL,
    machine_version INTEGER NOT NULL,
    clean_shutdown INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE log (
    lsn INTEGER PRIMARY KEY,
    writer TEXT NOT NULL,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;

  CREATE TABLE znode (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    data BLOB NOT NULL,
    czxid INTEGER NOT NULL,
    mzxid INTEGER NOT NULL,
    ctime_ms INTEGER NOT NULL,
    mtime_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    aversion INTEGER NOT NULL,
    ephemeral_owner TEXT,
    sequence INTEGER,
    ttl_ms INTEGER,
    container INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE znode_children (
    id INTEGER PRIMARY KEY,
    cversion INTEGER NOT NULL,
    next_sequence INTEGER NOT NULL,
    pzxid INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE session (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL,
    timeout_ms INTEGER NOT NULL,
    name TEXT NOT NULL,
    opened_zxid INTEGER NOT NULL,
    opened_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- What watchers were told, in zxid order: one message a line, several in a row, up to the zxid of the last one.
  CREATE TABLE change (
    last_zxid INTEGER PRIMARY KEY,
    messages TEXT NOT NULL
  ) STRICT;

  INSERT INTO znode VALUES (0, '/', x'', 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, 0);
`;

/** What each later version has more than the one before it, from version 2 on; every file goes through all. */
const upgrades = [
  `-- What was answered to requests that may be sent again, oldest first.
  CREATE TABLE reply (
    zxid INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    outcome TEXT NOT NULL
  ) STRICT;

  -- Limits alone, NULL for none; what a quota counts is taken from the tree.
  CREATE TABLE quota (
    path TEXT PRIMARY KEY,
    count_soft INTEGER,
    count_hard INTEGER,
    bytes_soft INTEGER,
    bytes_hard INTEGER
  ) STRICT, WITHOUT ROWID;`,
  `-- Which incarnation of the service writes the file: every other one finds here that it no longer may.
  CREATE TABLE owner (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    writer TEXT NOT NULL
  ) STRICT;

  INSERT INTO owner VALUES (1, '');`,
  `-- How long the service has run, over all its starts, and what ages count from on that clock. What was there before
  -- there was such a clock begins anew.
  ALTER TABLE meta ADD COLUMN ran_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE reply ADD COLUMN ran_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE change ADD COLUMN ran_ms INTEGER NOT NULL DEFAULT 0;
  -- Only of those that go by themselves one day.
  ALTER TABLE znode ADD COLUMN written_ran_ms INTEGER;
  UPDATE znode SET written_ran_ms = 0 WHERE container = 1 OR ttl_ms IS NOT NULL;`,
  `-- Whose share of the room for replies each takes.
  ALTER TABLE reply ADD COLUMN scope TEXT NOT NULL DEFAULT '';`,
  `-- Of the other columns of the row. Not of clean_shutdown and machine_version, from which nothing
  -- follows but a line in the log and a refusal.
  ALTER TABLE log ADD COLUMN checksum INTEGER;
  ALTER TABLE change ADD COLUMN checksum INTEGER;
  ALTER TABLE meta ADD COLUMN checksum INTEGER;
  -- How often rows were written.
  ALTER TABLE meta ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;`,
  `-- Of a place in a queue or barrier: ids of the requests that it is for, with spaces between them.
  ALTER TABLE znode ADD COLUMN attempts TEXT;`,
  `-- The wall clock of the log, and who keeps house among several servers: since which term, last heard of in which entry.
  ALTER TABLE meta ADD COLUMN time_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE meta ADD COLUMN housekeeper TEXT NOT NULL DEFAULT '';
  ALTER TABLE meta ADD COLUMN housekeeper_term INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE meta ADD COLUMN housekeeper_touched_at INTEGER NOT NULL DEFAULT 0;
  -- The entry in which a server last told the others of it.
  ALTER TABLE session ADD COLUMN touched_at INTEGER;`,
  `-- The pasts of the store: which start of a writer wrote the transactions from each zxid on.
  CREATE TABLE epoch (
    first_zxid INTEGER PRIMARY KEY,
    id TEXT NOT NULL
  ) STRICT;`,
  `-- Who may do what: policies, tokens and what goes with them, each as JSON.
  CREATE TABLE access (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;

  -- Who opened it; NULL where nobody was asked who they are.
  ALTER TABLE session ADD COLUMN owner TEXT;`,
  `-- Access control lists, each once: JSON, [permissions, scheme, id] for each entry. Which znode has which; 0 is the list
  -- by which everybody may do everything, and has no row.
  CREATE TABLE acl (
    id INTEGER PRIMARY KEY,
    entries TEXT NOT NULL
  ) STRICT;

  ALTER TABLE znode ADD COLUMN acl_id INTEGER NOT NULL DEFAULT 0;`,
  `-- The last time that it was put back to an earlier moment: its name, its transaction, and where numbers in names go on.
  ALTER TABLE meta ADD COLUMN restore_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE meta ADD COLUMN restored_zxid INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE meta ADD COLUMN sequence_floor INTEGER NOT NULL DEFAULT 0;
  -- Which file it is, as its filesystem has it; nothing follows from it but a line in the log.
  ALTER TABLE meta ADD COLUMN file_identity TEXT NOT NULL DEFAULT '';`,
  `-- Which entry stands at applied_lsn: another one there is of another past.
  ALTER TABLE meta ADD COLUMN entry_name TEXT NOT NULL DEFAULT '';`,
] as const;

/** The first version whose rows have checksums. */
const checksumsSince = 6;

/** The first version that says which entry its rows are as of. */
export const entryNamesSince = 13;

export const schemaVersion = 1 + upgrades.length;

export interface Origin {
  /** Names the store for good, wherever the file is moved to. */
  readonly clusterId: string;
  /** Digest of a tree that has nothing but its root. */
  readonly digest: string;
  /** The version of the evaluation that its log takes (`core/machine-version.ts`). */
  readonly machineVersion: number;
}

/** Makes the tables in a file that has none, all at once: a crash leaves a whole schema or an empty file. */
export function createSchemaIfEmpty(connection: Sqlite.Database, origin: Origin): void {
  if (connection.pragma("user_version", { simple: true }) !== 0) return;
  const create = connection.transaction(() => {
    connection.exec(firstSchema);
    connection
      .prepare("INSERT INTO meta VALUES (1, ?, 0, 0, 1, ?, 0, ?, 1)")
      .run(origin.clusterId, origin.digest, origin.machineVersion);
    connection.pragma(`application_id = ${applicationId}`);
    upgradeSchema(connection, 1);
  });
  create.immediate();
}

/**
 * Brings a file of an earlier version to this one. Call within a transaction: it happens all at once or not.
 * @param machineVersion the version of the evaluation that its log takes from now on
 */
export function upgradeSchemaIfOlder(connection: Sqlite.Database, machineVersion: number): void {
  const version = connection.pragma("user_version", { simple: true }) as number;
  if (version < schemaVersion) upgradeSchema(connection, version);
  // From here on entries are written that an older version would decide otherwise.
  connection
    .prepare("UPDATE meta SET machine_version = @machineVersion WHERE machine_version < @machineVersion")
    .run({ machineVersion });
}

function upgradeSchema(connection: Sqlite.Database, version: number): void {
  for (const upgrade of upgrades.slice(version - 1)) connection.exec(upgrade);
  if (version < checksumsSince) sealRows(connection);
  sealMeta(connection);
  connection.pragma(`user_version = ${schemaVersion}`);
}

/** False when a table lacks a column, or has it by another name: SQLite takes one for the other where only the case differs. */
export function hasItsColumns(connection: Sqlite.Database): boolean {
  const fresh = new Sqlite(":memory:");
  try {
    for (const sql of [firstSchema, ...upgrades]) fresh.exec(sql);
    const expected = columnsOf(fresh);
    const found = new Set(columnsOf(connection));
    return expected.every((column) => found.has(column));
  } finally {
    fresh.close();
  }
}

function columnsOf(connection: Sqlite.Database): string[] {
  const select = `
    SELECT json_array(tables.name, columns.name, columns.type, columns."notnull", columns.pk)
    FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table'`;
  return connection.prepare(select).pluck().all() as string[];
}

/**
 * Rows of an earlier version are taken for what was written, if they can be read at all, and are covered from here on.
 * (Entries of the log have always had a checksum within, which is looked at when they are decoded.)
 * @throws SyntaxError when a message of the history is none
 */
function sealRows(connection: Sqlite.Database): void {
  connection.function("entry_checksum", (lsn, seq, writer, body) =>
    entryChecksum({ lsn, seq, writer, body } as LogEntry),
  );
  connection.function("changes_checksum", (lastZxid, ranMs, messages) => {
    for (const message of String(messages).split("\n")) JSON.parse(message);
    return changesChecksum({ lastZxid, ranMs, messages } as PackedChanges);
  });
  connection.exec(`
    UPDATE log SET checksum = entry_checksum(lsn, seq, writer, body);
    UPDATE change SET checksum = changes_checksum(last_zxid, ran_ms, messages);`);
}
