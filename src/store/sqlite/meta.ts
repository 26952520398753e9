// The one row that says what the file is and where its rows stand. Every write of rows writes it.

import type Sqlite from "better-sqlite3";
import type { Housekeeper } from "../../core/housekeeper.ts";
import { neverRestored, type Restored } from "../../core/restored.ts";
import type { Position } from "../tables.ts";
import { CorruptStoreError } from "./corrupt-store-error.ts";
import { type Checked, valuesChecksum } from "./row-checksums.ts";

export interface Meta extends Position {
  /** The store's own name. */
  readonly clusterId: string;
  /** Counts the writes of rows, so that this page is among those of each of them (`wal-check.ts`). */
  readonly revision: number;
}

/** Whether the last stop was a clean one stands beside it: nothing follows from that but a line in the log. */
export interface MetaRow extends Meta {
  readonly cleanShutdown: number;
}

/** @throws CorruptStoreError when there is no row, or another than was written */
export function readMeta(connection: Sqlite.Database, file: string): MetaRow {
  const row = connection.prepare(selectMeta).get() as Checked<MetaColumns> | undefined;
  if (row === undefined) throw new CorruptStoreError(file, "its table meta is empty");
  const { checksum, ...columns } = row;
  const meta = metaOf(columns);
  if (checksum !== metaChecksum(meta)) {
    throw new CorruptStoreError(file, "the row of its table meta does not match its checksum");
  }
  return meta;
}

/** The version of the evaluation alone, which a later version of the service may have written in another row. */
export function readMachineVersion(connection: Sqlite.Database): number | undefined {
  return connection.prepare("SELECT machine_version FROM meta").pluck().get() as number | undefined;
}

/** Writes the row with its checksum; `revision` goes up by one. Answers the row. */
export function preparePutMeta(connection: Sqlite.Database): (meta: Meta) => Meta {
  const update: Sqlite.Statement<object> = connection.prepare(updateMeta);
  return (meta) => {
    const next = { ...meta, revision: meta.revision + 1 };
    const { housekeeper, restored, ...columns } = next;
    update.run({ ...columns, ...housekeeper, ...columnsOf(restored), checksum: metaChecksum(next) });
    return next;
  };
}

/** The row as it is read, with the housekeeper and the last restore spread over columns of their own. */
type MetaColumns = Omit<MetaRow, "housekeeper" | "restored"> & Housekeeper & RestoredColumns;

interface RestoredColumns {
  readonly restoreId: string;
  readonly restoredZxid: number;
  readonly sequenceFloor: number;
}

function columnsOf({ id, zxid, sequenceFloor }: Restored): RestoredColumns {
  return { restoreId: id, restoredZxid: zxid, sequenceFloor };
}

function metaOf(columns: MetaColumns): MetaRow {
  const { server, term, touchedAt, restoreId, restoredZxid, sequenceFloor, ...meta } = columns;
  const restored = { id: restoreId, zxid: restoredZxid, sequenceFloor };
  return { ...meta, housekeeper: { server, term, touchedAt }, restored };
}

/** Of all that stands in the row but the version of the evaluation and the goodbye. */
function metaChecksum({ clusterId, revision, ...position }: Meta): number {
  const { appliedLsn, zxid, nextZnodeId, ranMs, digest, historyFloorZxid } = position;
  const { server, term, touchedAt } = position.housekeeper;
  return valuesChecksum([
    clusterId,
    revision,
    appliedLsn,
    zxid,
    nextZnodeId,
    ranMs,
    digest,
    historyFloorZxid,
    position.timeMs,
    server,
    term,
    touchedAt,
    ...restoredValues(position.restored),
    ...nameValues(position.entryName),
  ]);
}

/** Rows of versions that could not be restored keep their checksum. */
function restoredValues({ id, zxid, sequenceFloor }: Restored): readonly (string | number)[] {
  return id === neverRestored.id ? [] : [id, zxid, sequenceFloor];
}

/** So do those that do not say which entry they are as of. */
function nameValues(entryName: string): readonly string[] {
  return entryName === "" ? [] : [entryName];
}

/** The store goes by another name from here on: what was made of the one before is never put beside it. */
export function renameCluster(connection: Sqlite.Database, clusterId: string): void {
  connection.prepare("UPDATE meta SET cluster_id = ?").run(clusterId);
  sealMeta(connection);
}

/** Gives the row the checksum of what it holds: for a file that is made, or brought to a version with other columns. */
export function sealMeta(connection: Sqlite.Database): void {
  const columns = connection.prepare(selectMeta).get() as MetaColumns | undefined;
  if (columns !== undefined) preparePutMeta(connection)(metaOf(columns));
}

const selectMeta = `
  SELECT cluster_id AS clusterId, applied_lsn AS appliedLsn, entry_name AS entryName, zxid, next_znode_id AS nextZnodeId, ran_ms AS ranMs,
    time_ms AS timeMs, housekeeper AS server, housekeeper_term AS term, housekeeper_touched_at AS touchedAt,
    restore_id AS restoreId, restored_zxid AS restoredZxid, sequence_floor AS sequenceFloor,
    digest, history_floor_zxid AS historyFloorZxid, clean_shutdown AS cleanShutdown, revision, checksum
  FROM meta`;

const updateMeta = `
  UPDATE meta SET applied_lsn = @appliedLsn, entry_name = @entryName, zxid = @zxid, next_znode_id = @nextZnodeId, ran_ms = @ranMs,
    time_ms = @timeMs, housekeeper = @server, housekeeper_term = @term, housekeeper_touched_at = @touchedAt,
    restore_id = @restoreId, restored_zxid = @restoredZxid, sequence_floor = @sequenceFloor,
    digest = @digest, history_floor_zxid = @historyFloorZxid, revision = @revision, checksum = @checksum`;
