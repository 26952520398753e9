// Reads the file into memory when the service starts. What does not add up is refused with a sentence that
// says what is wrong; nothing is repaired or guessed.

import { randomUUID } from "node:crypto";
import Sqlite from "better-sqlite3";
import type { KeptAcl } from "../../core/acl/acl.ts";
import { aclOfText } from "../../core/acl/acl-syntax.ts";
import { Digest } from "../../core/digest.ts";
import type { Epoch } from "../../core/epochs.ts";
import { machineVersion } from "../../core/machine-version.ts";
import { NewerVersionError } from "../../core/newer-version-error.ts";
import { type QuotaLimits, quotaLimitNames } from "../../core/quotas/quota.ts";
import type { Reply } from "../../core/replies/reply.ts";
import type { Session } from "../../core/session.ts";
import { State } from "../../core/state.ts";
import { parentPath, rootPath } from "../../core/tree/path.ts";
import { emptyData, type Znode } from "../../core/tree/znode.ts";
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
import { type AclRow, type PackedChanges, unpackChanges } from "./packed-rows.ts";
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

/** The digest that the tables have, without a tree in memory. @throws CorruptStoreError */
export function digestInTables(connection: Connection, file: string, position: Position): string {
  const state = new State();
  readBesideTree(connection, file, state);
  readEpochs(connection, file, state, position);
  state.restoreCounters(position);
  const digest = Digest.of(state);
  for (const znode of znodesOf(connection, file, state)) digest.addZnode(znode);
  for (const quota of quotasOf(connection)) digest.addQuota({ ...quota, count: 0, bytes: 0 });
  return digest.toString();
}

function readState(connection: Connection, file: string, position: Position): State {
  const state = new State();
  readBesideTree(connection, file, state);
  for (const znode of znodesOf(connection, file, state)) {
    const fault = faultOf(znode, state, position);
    if (fault !== null) throw new CorruptStoreError(file, fault);
    state.restoreZnode(znode);
  }
  if (state.tree.get(rootPath) === undefined) throw new CorruptStoreError(file, "it has no root znode");
  readQuotas(connection, file, state);
  readEpochs(connection, file, state, position);
  state.restoreCounters(position);
  return state;
}

/** What znodes are read with: who may do what, whose they are, and their lists. */
function readBesideTree(connection: Connection, file: string, state: State): void {
  for (const record of connection.prepare(selectAccess).pluck().iterate() as Iterable<string>) {
    state.restoreAccess(JSON.parse(record));
  }
  for (const row of connection.prepare(selectSessions).iterate() as Iterable<SessionRow>) {
    state.restoreSession(sessionOf(row));
  }
  for (const reply of connection.prepare(selectReplies).iterate() as Iterable<Reply>) {
    if (state.replies.get(reply.key) !== undefined) throw new CorruptStoreError(file, replyTwice(reply));
    state.restoreReply(reply);
  }
  readAcls(connection, file, state);
}

function* znodesOf(connection: Connection, file: string, { acls }: State): Generator<Znode> {
  const childCounts = countChildren(connection);
  for (const row of connection.prepare(selectZnodes).iterate() as Iterable<ZnodeRow>) {
    const acl = acls.get(row.aclId);
    if (acl === undefined)
      throw new CorruptStoreError(file, `znode ${row.path} has no access control list ${row.aclId}`);
    yield znodeOf(row, childCounts.get(row.path) ?? 0, acl);
  }
}

function replyTwice({ zxid }: Reply): string {
  return `the reply at zxid ${zxid} has a key that an older one has`;
}

/** A list that is not sound would let in whom it should keep out. */
function readAcls(connection: Connection, file: string, state: State): void {
  for (const { id, entries: text } of connection.prepare(selectAcls).iterate() as Iterable<AclRow>) {
    const entries = aclOfText(text);
    if (entries === null || id < 1 || id > aclIdMax)
      throw new CorruptStoreError(file, `its access control list ${id} is none`);
    state.restoreAcl({ id, entries });
  }
}

/** Ids are given out one after the other to what is there, so none is larger. */
const aclIdMax = 2 ** 31;

function readQuotas(connection: Connection, file: string, state: State): void {
  for (const { path, limits } of quotasOf(connection)) {
    if (state.tree.get(path) === undefined) {
      throw new CorruptStoreError(file, `there is a quota on ${path}, and no such znode`);
    }
    state.restoreQuota({ path, limits });
  }
}

function* quotasOf(
  connection: Connection,
): Generator<{ readonly path: string; readonly limits: QuotaLimits }> {
  for (const { path, ...columns } of connection.prepare(selectQuotas).iterate() as Iterable<QuotaRow>) {
    const limits: { -readonly [Name in keyof QuotaLimits]: QuotaLimits[Name] } = {};
    for (const name of quotaLimitNames) {
      const limit = columns[name];
      if (limit !== null) limits[name] = limit;
    }
    yield { path, limits };
  }
}

function readEpochs(connection: Connection, file: string, state: State, { zxid }: Position): void {
  for (const epoch of connection.prepare(selectEpochs).iterate() as Iterable<Epoch>) {
    if (epoch.firstZxid > zxid + 1)
      throw new CorruptStoreError(
        file,
        `epoch ${epoch.id} begins at zxid ${epoch.firstZxid}, which is yet to come`,
      );
    state.restoreEpoch(epoch);
  }
}

type QuotaRow = { readonly path: string } & { readonly [Name in keyof QuotaLimits]-?: number | null };

/** Children are not counted in any row, so that no count can disagree with the rows. */
function countChildren(connection: Connection): Map<string, number> {
  const counts = new Map<string, number>();
  const paths = connection.prepare("SELECT path FROM znode WHERE id > 0").pluck();
  for (const path of paths.iterate() as Iterable<string>) {
    const parent = parentPath(path);
    counts.set(parent, (counts.get(parent) ?? 0) + 1);
  }
  return counts;
}

/** Parents have smaller ids than their children, so they are read first. */
function faultOf(znode: Znode, state: State, position: Position): string | null {
  if (state.tree.get(znode.path) !== undefined) return `there are two znodes ${znode.path}`;
  if (znode.path !== rootPath && state.tree.get(parentPath(znode.path)) === undefined) {
    return `znode ${znode.path} has no parent`;
  }
  if (znode.id >= position.nextZnodeId)
    return `znode ${znode.path} has the id ${znode.id}, which is yet to come`;
  if (znode.ephemeralOwner !== null && state.session(znode.ephemeralOwner) === undefined) {
    return `ephemeral znode ${znode.path} has no session ${znode.ephemeralOwner}`;
  }
  return null;
}

interface SessionRow extends Omit<Session, "touchedAt" | "owner"> {
  readonly touchedAt: number | null;
  readonly owner: string | null;
}

function sessionOf({ touchedAt, owner, ...session }: SessionRow): Session {
  return { ...session, ...(touchedAt !== null && { touchedAt }), ...(owner !== null && { owner }) };
}

interface ZnodeRow extends Omit<Znode, "data" | "container" | "numChildren" | "pzxid" | "attempts" | "acl"> {
  readonly data: Uint8Array;
  readonly pzxid: number | null;
  readonly container: number;
  /** With spaces between them. */
  readonly attempts: string | null;
  readonly aclId: number;
}

function znodeOf({ aclId: _, ...row }: ZnodeRow, numChildren: number, acl: KeptAcl): Znode {
  const { buffer, byteOffset, byteLength } = row.data;
  return {
    ...row,
    acl,
    data: byteLength === 0 ? emptyData : new Uint8Array(buffer, byteOffset, byteLength),
    pzxid: row.pzxid ?? row.czxid,
    numChildren,
    container: row.container === 1,
    attempts: row.attempts === null ? null : row.attempts.split(" "),
  };
}

const selectSessions = `
  SELECT id, token_hash AS tokenHash, timeout_ms AS timeoutMs, name, opened_zxid AS openedZxid,
    opened_at_ms AS openedAtMs, touched_at AS touchedAt, owner
  FROM session`;

const selectAccess = "SELECT record FROM access";

const selectReplies = `
  SELECT zxid, time_ms AS timeMs, key, request, outcome, ran_ms AS ranMs, scope FROM reply ORDER BY zxid`;
const selectQuotas = `
  SELECT path, count_soft AS countSoft, count_hard AS countHard, bytes_soft AS bytesSoft,
    bytes_hard AS bytesHard
  FROM quota`;

const selectAcls = "SELECT id, entries FROM acl ORDER BY id";

const selectEpochs = "SELECT first_zxid AS firstZxid, id FROM epoch ORDER BY first_zxid";

const selectZnodes = `
  SELECT id, path, data, czxid, mzxid, pzxid, ctime_ms AS ctimeMs, mtime_ms AS mtimeMs, version, aversion,
    coalesce(cversion, 0) AS cversion, coalesce(next_sequence, 0) AS nextSequence,
    ephemeral_owner AS ephemeralOwner, sequence, ttl_ms AS ttlMs, container,
    written_ran_ms AS writtenRanMs, attempts, acl_id AS aclId
  FROM znode LEFT JOIN znode_children USING (id)
  ORDER BY id`;

const selectChanges = `
  SELECT last_zxid AS lastZxid, ran_ms AS ranMs, messages, checksum FROM change
  WHERE last_zxid > ? ORDER BY last_zxid`;
