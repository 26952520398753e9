// The state as it stands in the rows of the tables. What cannot be of one state is refused with a sentence that says what is
// wrong with which row.

import type { KeptAcl } from "../../core/acl/acl.ts";
import { aclOfText } from "../../core/acl/acl-syntax.ts";
import { Digest } from "../../core/digest.ts";
import type { Epoch } from "../../core/epochs.ts";
import { type QuotaLimits, quotaLimitNames } from "../../core/quotas/quota.ts";
import type { Reply } from "../../core/replies/reply.ts";
import type { Session } from "../../core/session.ts";
import { State } from "../../core/state.ts";
import { parentPath, rootPath } from "../../core/tree/path.ts";
import { emptyData, type Znode } from "../../core/tree/znode.ts";
import type { Position } from "../tables.ts";
import type { Connection } from "./connection.ts";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import type { AclRow } from "./packed-rows.ts";

/** @throws CorruptStoreError */
export function readState(connection: Connection, file: string, position: Position): State {
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
