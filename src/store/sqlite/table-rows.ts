// The rows of the tables, as they are written: all that changed since the last write, in one transaction of who calls.

import type { Connection } from "./connection.ts";
import {
  type AccessRow,
  type ChangedColumns,
  type CreatedColumns,
  type PackedChanges,
  type PackedRows,
  type ParentColumns,
  type ReplyColumns,
  unpackChanged,
  unpackCreated,
  unpackParents,
  unpackReplies,
} from "./packed-rows.ts";
import { type Checked, changesChecksum } from "./row-checksums.ts";

type RowStatements = ReturnType<typeof prepareRowStatements>;

export function writeRows(statements: RowStatements, rows: PackedRows): void {
  for (const id of rows.deletedZnodeIds) {
    statements.deleteZnode.run(id);
    statements.deleteParent.run(id);
  }
  for (const id of rows.closedSessionIds) statements.deleteSession.run(id);
  for (const zxid of rows.forgottenReplyZxids) statements.deleteReply.run(zxid);
  for (const firstZxid of rows.forgottenEpochZxids) statements.deleteEpoch.run(firstZxid);
  for (const id of rows.forgottenAclIds) statements.deleteAcl.run(id);
  for (const path of rows.deletedQuotaPaths) statements.deleteQuota.run(path);
  for (const record of rows.removedAccess) statements.deleteAccess.run(record);
  for (const columns of unpackCreated(rows)) statements.insertZnode.run(...columns);
  for (const columns of unpackChanged(rows)) statements.updateZnode.run(...columns);
  for (const columns of unpackParents(rows)) statements.putParent.run(...columns);
  for (const session of rows.sessions)
    statements.putSession.run({ touchedAt: null, owner: null, ...session });
  for (const columns of unpackReplies(rows)) statements.insertReply.run(...columns);
  for (const { path, limits } of rows.quotas) statements.putQuota.run({ path, ...noLimits, ...limits });
  for (const epoch of rows.epochs) statements.putEpoch.run(epoch);
  for (const row of rows.access) statements.putAccess.run(row);
  for (const acl of rows.acls) statements.putAcl.run(acl);
  for (const changes of rows.changes) {
    statements.insertChanges.run({ ...changes, checksum: changesChecksum(changes) });
  }
}

/** SQLite asks for every named value. */
const noLimits = { countSoft: null, countHard: null, bytesSoft: null, bytesHard: null };

export function prepareRowStatements(connection: Connection) {
  return {
    insertZnode: connection.prepare<CreatedColumns>(
      `INSERT INTO znode (id, path, data, czxid, mzxid, ctime_ms, mtime_ms, version, aversion,
         ephemeral_owner, sequence, ttl_ms, container, written_ran_ms, attempts, acl_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    updateZnode: connection.prepare<ChangedColumns>(
      `UPDATE znode SET data = ?, mzxid = ?, mtime_ms = ?, version = ?, aversion = ?, written_ran_ms = ?,
         attempts = ?, acl_id = ?
       WHERE id = ?`,
    ),
    putParent: connection.prepare<ParentColumns>(
      `INSERT INTO znode_children (id, cversion, next_sequence, pzxid) VALUES (?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET cversion = excluded.cversion, next_sequence = excluded.next_sequence,
         pzxid = excluded.pzxid`,
    ),
    deleteZnode: connection.prepare("DELETE FROM znode WHERE id = ?"),
    deleteParent: connection.prepare("DELETE FROM znode_children WHERE id = ?"),
    putSession: connection.prepare(
      `INSERT OR REPLACE INTO session (id, token_hash, timeout_ms, name, opened_zxid, opened_at_ms,
         touched_at, owner)
       VALUES (@id, @tokenHash, @timeoutMs, @name, @openedZxid, @openedAtMs, @touchedAt, @owner)`,
    ),
    deleteSession: connection.prepare("DELETE FROM session WHERE id = ?"),
    insertReply: connection.prepare<ReplyColumns>(
      "INSERT INTO reply (zxid, time_ms, key, request, outcome, ran_ms, scope) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    deleteReply: connection.prepare("DELETE FROM reply WHERE zxid = ?"),
    putQuota: connection.prepare(
      `INSERT OR REPLACE INTO quota (path, count_soft, count_hard, bytes_soft, bytes_hard)
       VALUES (@path, @countSoft, @countHard, @bytesSoft, @bytesHard)`,
    ),
    deleteQuota: connection.prepare("DELETE FROM quota WHERE path = ?"),
    putEpoch: connection.prepare("INSERT OR REPLACE INTO epoch (first_zxid, id) VALUES (@firstZxid, @id)"),
    deleteEpoch: connection.prepare("DELETE FROM epoch WHERE first_zxid = ?"),
    putAccess: connection.prepare<AccessRow>(
      "INSERT OR REPLACE INTO access (kind, name, record) VALUES (@kind, @name, @record)",
    ),
    deleteAccess: connection.prepare("DELETE FROM access WHERE kind = @kind AND name = @name"),
    putAcl: connection.prepare("INSERT OR REPLACE INTO acl (id, entries) VALUES (@id, @entries)"),
    deleteAcl: connection.prepare("DELETE FROM acl WHERE id = ?"),
    insertChanges: connection.prepare<Checked<PackedChanges>>(
      `INSERT INTO change (last_zxid, messages, ran_ms, checksum)
       VALUES (@lastZxid, @messages, @ranMs, @checksum)`,
    ),
  };
}
