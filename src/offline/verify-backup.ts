// Whether a backup could be restored: all that a start looks at, and more, without a start and without changing the file.
// The rest of its log is done in memory, so it says where the store would stand; that takes about as much memory as the
// service does.

import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { checkState } from "../core/check.ts";
import { Digest } from "../core/digest.ts";
import { machineVersion } from "../core/machine-version.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import type { State } from "../core/state.ts";
import { type BackupMarker, readBackupMarker } from "../store/sqlite/backup-marker.ts";
import { CorruptStoreError } from "../store/sqlite/corrupt-store-error.ts";
import { checkPages, readStore, whileReading } from "../store/sqlite/load.ts";
import { prepareEntriesAfter, readEntries } from "../store/sqlite/log-rows.ts";
import { applicationId, hasItsColumns, schemaVersion, upgradeSchemaIfOlder } from "../store/sqlite/schema.ts";
import { replay } from "./replay.ts";

/** What a sound backup says of itself. */
interface BackupReport extends BackupMarker {
  readonly clusterId: string;
  readonly bytes: number;
  readonly znodes: number;
  readonly sessions: number;
  /** Entries of the log behind the tables. */
  readonly entries: number;
  /** Of the state, with these entries done. */
  readonly digest: string;
}

type Verdict =
  | { readonly isSound: true; readonly report: BackupReport }
  /** Damaged, another program's, of a later version, or no backup: each is a sentence. */
  | { readonly isSound: false; readonly faults: readonly string[] };

const faultsMax = 20;
/** An older one is upgraded in memory; what Node may hold in one piece bounds it. */
const upgradableBytesMax = 2_000_000_000;

/** @throws the system's error where the file cannot be read */
export function verifyBackup(file: string): Verdict {
  const stats = statSync(file);
  if (!stats.isFile()) return { isSound: false, faults: [`${file} is no backup: it is not a file.`] };
  const { size: bytes } = stats;
  const foreign = foreignIn(file);
  if (foreign !== null) return { isSound: false, faults: [foreign] };
  try {
    const connection = open(file, bytes);
    try {
      return verdictOn(connection, file, bytes);
    } finally {
      connection.close();
    }
  } catch (error) {
    const fault = whileReading(error, file);
    if (fault instanceof CorruptStoreError || fault instanceof NewerVersionError)
      return { isSound: false, faults: [inWordsOfBackups(fault.message)] };
    throw fault;
  }
}

/** What the first page says of whose file it is; by it alone, since SQLite would make files beside some. */
function foreignIn(file: string): string | null {
  const header = Buffer.alloc(headerBytes);
  const descriptor = openSync(file, "r");
  const count = readSync(descriptor, header, 0, headerBytes, 0);
  closeSync(descriptor);
  if (count < headerBytes || header.toString("latin1", 0, 16) !== "SQLite format 3\0")
    return `${file} is no backup: it is not a SQLite database, or its first page is damaged.`;
  if (header.readUInt32BE(68) !== applicationId) return `${file} is no backup: another program wrote it.`;
  if (header[18] === walVersion) {
    return (
      `${file} is no backup, but the database of a data directory, or a copy of one. ` +
      "`treekeeper backup` takes a backup of the service while it runs."
    );
  }
  const version = header.readUInt32BE(60);
  return version > schemaVersion
    ? `${file} is a backup of a later version (tables ${version}, and this one knows ${schemaVersion}).`
    : null;
}

/** As the format has them: what a database is that is read with a log beside it. */
const headerBytes = 100;
const walVersion = 2;

function open(file: string, bytes: number): Sqlite.Database {
  const connection = new Sqlite(file, { readonly: true, fileMustExist: true });
  const version = connection.pragma("user_version", { simple: true }) as number;
  if (version === schemaVersion) return connection;
  connection.close();
  if (bytes > upgradableBytesMax) {
    throw new NewerVersionError(
      `an earlier version wrote ${file}, which is too large to be verified by this one; verify it with that version`,
    );
  }
  const upgraded = new Sqlite(readFileSync(file));
  upgraded.transaction(() => upgradeSchemaIfOlder(upgraded, machineVersion)).immediate();
  return upgraded;
}

function verdictOn(connection: Sqlite.Database, file: string, bytes: number): Verdict {
  const faults = pageFaults(connection);
  if (faults.length > 0) return { isSound: false, faults };
  const marker = readBackupMarker(connection, file);
  if (marker === null) {
    return { isSound: false, faults: [`${file} is no backup: it does not say of which moment it is.`] };
  }
  checkPages(connection, file);
  if (!hasItsColumns(connection)) throw new CorruptStoreError(file, "its tables are not as they were made");
  const { state, position, clusterId } = readStore(connection, file);
  const after = { file, after: position.appliedLsn, tail: marker.lsn };
  const { entries } = replay(state, readEntries(prepareEntriesAfter(connection), after));
  const found = [...momentFaults(marker, state, position.appliedLsn + entries), ...checkState(state)];
  if (found.length > 0) return { isSound: false, faults: found.slice(0, faultsMax) };
  const digest = Digest.of(state).toString();
  const counts = { znodes: state.tree.size, sessions: state.sessionCount, entries };
  return { isSound: true, report: { ...marker, clusterId, bytes, ...counts, digest } };
}

function pageFaults(connection: Sqlite.Database): string[] {
  const rows = connection.pragma(`integrity_check(${faultsMax})`) as { integrity_check: string }[];
  return rows.map(({ integrity_check: fault }) => fault).filter((fault) => fault !== "ok");
}

function momentFaults({ lsn, zxid }: BackupMarker, state: State, lastLsn: number): string[] {
  if (lastLsn !== lsn) return [`its log ends at entry ${lastLsn}, not ${lsn} as was written`];
  if (state.zxid !== zxid) return [`its log leads to zxid ${state.zxid}, not ${zxid} as was written`];
  return [];
}

/** Whoever verifies a backup has no use for the advice to restore one. */
function inWordsOfBackups(message: string): string {
  return message.replace(
    /^The database (.+?) is damaged: (.+?)\. It was left as it is.*$/s,
    "$1 is damaged: $2.",
  );
}
