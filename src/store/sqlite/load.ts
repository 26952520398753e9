// Reads the file into memory when the service starts. What does not add up is refused with a sentence that
// says what is wrong; nothing is repaired or guessed.

import { randomUUID } from "node:crypto";
import Sqlite from "better-sqlite3";
import { Digest } from "../../core/digest.ts";
import { machineVersion } from "../../core/machine-version.ts";
import { NewerVersionError } from "../../core/newer-version-error.ts";
import { State } from "../../core/state.ts";
import type { Lsn } from "../commit-log.ts";
import type { RestoreNote } from "../restoring.ts";
import type { ChangeRow, Position } from "../tables.ts";
import { type Connection, openConnection } from "./connection.ts";
import { asCorruption, CorruptStoreError } from "./corrupt-store-error.ts";
import { noteIdentity } from "./file-identity.ts";
import { readFollowerNote } from "./follower-note.ts";
import { type LogHome, readLogHome } from "./log-home.ts";
import { checkLog } from "./log-rows.ts";
import { readMachineVersion, readMeta } from "./meta.ts";
import { metaPageWith } from "./meta-page.ts";
import { type PackedChanges, unpackChanges } from "./packed-rows.ts";
import { readState } from "./read-state.ts";
import { dropRestoreNote, readRestoreNote } from "./restore-note.ts";
import { type Checked, changesChecksum } from "./row-checksums.ts";
import { createSchemaIfEmpty, hasItsColumns, upgradeSchemaIfOlder } from "./schema.ts";

export interface LoadedStore {
  /** The store's own name, made when the file was. */
  readonly clusterId: string;
  /** As of `position`; the rest of the log comes after it. */
  readonly state: State;
  readonly position: Position;
  /** The history watches can resume from, oldest first. */
  readonly changes: readonly ChangeRow[];
  /** Whether the last process ended without saying goodbye. */
  readonly wasUnclean: boolean;
}

/** One that is opened to be served. */
export interface OpenedStore extends LoadedStore {
  /** The last entry of the log. */
  readonly tail: Lsn;
  /** Whether it is a copy of the file that was written last. */
  readonly isCopy: boolean;
  /** Where its log is, if not beside the rows. */
  readonly logHome: LogHome | null;
  /** What is asked for by whoever put an earlier moment back, and was not decided as of `position`. */
  readonly restoreNote: RestoreNote | null;
  /** Whom it follows; null where it is a store of its own. */
  readonly follows: string | null;
}

/**
 * Makes the file when there is none.
 * @param clusterId whose it must be, and whose a new one is; any where it is not given
 * @throws CorruptStoreError | Error
 */
export function loadStore(file: string, clusterId?: string): OpenedStore {
  const connection = openConnection(file, { isMade: true });
  try {
    createSchemaIfEmpty(connection, {
      clusterId: clusterId ?? randomUUID(),
      digest: Digest.of(State.fresh()).toString(),
      machineVersion,
    });
    // Rewrites what a failed sync may have left in the page cache only, before anyone is told of it.
    connection.pragma("wal_checkpoint(TRUNCATE)");
    // An older file is upgraded in the transaction that reads it: one that is found damaged is left as it was.
    const read = connection.transaction(() => {
      checkPages(connection, file);
      upgradeSchemaIfOlder(connection, machineVersion);
      if (!hasItsColumns(connection))
        throw new CorruptStoreError(file, "its tables are not as they were made");
      refuseOtherCluster(connection, file, clusterId);
      return { ...readStore(connection, file), ...readSurroundings(connection, file) };
    });
    return read.immediate();
  } catch (error) {
    throw whileReading(error, file);
  } finally {
    connection.close();
  }
}

/** Statements that are always right fail on tables that are not as they were made. */
export function whileReading(error: unknown, file: string): unknown {
  if (error instanceof Sqlite.SqliteError && error.code === "SQLITE_FULL") {
    return new Error(`The disk of ${file} is full; make room on it, then start again.`);
  }
  if (error instanceof Sqlite.SqliteError && tableFaults.test(error.code)) {
    return new CorruptStoreError(file, `its tables are not as they were made (${error.message})`);
  }
  if (error instanceof Sqlite.SqliteError && error.code.startsWith("SQLITE_READONLY")) {
    return new Error(
      `The database ${file} cannot be written: it or its filesystem is read-only, or the header of the file is damaged.`,
    );
  }
  if (error instanceof SyntaxError) return new CorruptStoreError(file, error.message);
  return asCorruption(error, file);
}

const tableFaults = /^SQLITE_(ERROR|TOOBIG|MISMATCH|CONSTRAINT)/;

/** All of a file, held against what was written into it. @throws CorruptStoreError | NewerVersionError */
export function readStore(connection: Connection, file: string): LoadedStore {
  checkVersion(connection, file);
  const { clusterId, revision: _, cleanShutdown, ...position } = readMeta(connection, file);
  checkLog(connection, file, position.appliedLsn);
  const changes = readChanges(connection, file, position.historyFloorZxid);
  const state = readState(connection, file, position);
  const digest = Digest.of(state).toString();
  if (digest !== position.digest) {
    throw new CorruptStoreError(
      file,
      `its tables have digest ${digest}, not ${position.digest} as was written`,
    );
  }
  return { clusterId, state, position, changes, wasUnclean: cleanShutdown === 0 };
}

/** What a start asks of the file beside what is in the store; it is noted that this is the file from here on. */
function readSurroundings(
  connection: Connection,
  file: string,
): Pick<OpenedStore, "tail" | "isCopy" | "logHome" | "restoreNote" | "follows"> {
  const tail = connection.prepare(selectTail).pluck().get() as Lsn;
  const logHome = readLogHome(connection, file);
  const restoreNote = openRestoreNote(connection, file);
  const follows = readFollowerNote(connection, file);
  return { tail, isCopy: noteIdentity(connection, file), logHome, restoreNote, follows };
}

/** One that is done goes: what it asked for is in the rows. */
function openRestoreNote(connection: Connection, file: string): RestoreNote | null {
  const note = readRestoreNote(connection, file);
  if (note === null || note.id !== readMeta(connection, file).restored.id) return note;
  dropRestoreNote(connection);
  return null;
}

const selectTail = "SELECT max(applied_lsn, coalesce((SELECT max(lsn) FROM log), 0)) FROM meta";

/**
 * What the checksums of rows cannot see: how pages hang together, which are free, and whether each row has the shape of
 * its table. Every page is read here anyway, so this costs little more, and is done after a clean stop as well.
 */
export function checkPages(connection: Connection, file: string): void {
  const fault = connection.pragma("quick_check(1)", { simple: true });
  if (fault !== "ok") throw new CorruptStoreError(file, String(fault));
  const metaPage = connection.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'").pluck().get();
  if (metaPage !== metaPageWith(connection.pragma("auto_vacuum", { simple: true }) as number))
    throw new CorruptStoreError(file, "its table meta is not where it was made");
}

/** Before anything of it is taken over: the zxids, fences and sessions of another cluster mean other things. */
function refuseOtherCluster(connection: Connection, file: string, expected: string | undefined): void {
  const { clusterId } = readMeta(connection, file);
  if (expected === undefined || clusterId === expected) return;
  throw new Error(
    `The database ${file} is that of cluster ${clusterId}, not of ${expected}: start with the data directory of this ` +
      "cluster, or with an empty one.",
  );
}

function checkVersion(connection: Connection, file: string): void {
  const writtenBy = readMachineVersion(connection);
  if (writtenBy !== undefined && writtenBy > machineVersion) {
    throw new NewerVersionError(`a later version wrote the log of ${file}`);
  }
}

/** Those rows that the digest of the tables does not cover. @throws CorruptStoreError */
export function checkRows(connection: Connection, file: string, position: Position): void {
  checkLog(connection, file, position.appliedLsn);
  for (const _ of changeRows(connection, file, position.historyFloorZxid));
}

/** Rows from before the floor may still be there. */
function readChanges(connection: Connection, file: string, floorZxid: number): ChangeRow[] {
  const changes: ChangeRow[] = [];
  for (const row of changeRows(connection, file, floorZxid)) {
    for (const change of unpackChanges(row)) if (change.zxid > floorZxid) changes.push(change);
  }
  return changes;
}

function* changeRows(connection: Connection, file: string, floorZxid: number): Generator<PackedChanges> {
  const rows = connection.prepare<[number], Checked<PackedChanges>>(selectChanges);
  for (const { checksum, ...row } of rows.iterate(floorZxid)) {
    if (checksum !== changesChecksum(row)) {
      throw new CorruptStoreError(file, `the history up to zxid ${row.lastZxid} does not match its checksum`);
    }
    yield row;
  }
}

const selectChanges = `
  SELECT last_zxid AS lastZxid, ran_ms AS ranMs, messages, checksum FROM change
  WHERE last_zxid > ? ORDER BY last_zxid`;
