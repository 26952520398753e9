// Rows on their way to the writing thread. Copying thousands of records between threads field by field would
// hold up the event loop; columns of numbers, one list of texts and one run of bytes do not.

import type { Session } from "../../core/session.ts";
import type { Znode } from "../../core/znode.ts";
import type { ChangeRow, Position, RowChanges } from "../tables.ts";

export interface PackedRows {
  readonly position: Position;
  /** `numbersPerZnode` for each znode; NaN stands for null. */
  readonly znodeNumbers: Float64Array<ArrayBuffer>;
  /** Path and owner of each znode. */
  readonly znodeTexts: readonly (string | null)[];
  /** The data of all znodes, one after the other. */
  readonly znodeData: Uint8Array<ArrayBuffer>;
  /** id, cversion, nextSequence and pzxid of each parent. */
  readonly parentNumbers: Float64Array<ArrayBuffer>;
  readonly deletedZnodeIds: readonly number[];
  readonly sessions: readonly Session[];
  readonly closedSessionIds: readonly string[];
  readonly changes: readonly ChangeRow[];
}

const numbersPerZnode = 11;
const numbersPerParent = 4;

export function packRows(rows: RowChanges): PackedRows {
  const { position, deletedZnodeIds, sessions, closedSessionIds, changes } = rows;
  return {
    position,
    ...packZnodes(rows.znodes),
    parentNumbers: packParents(rows.parents),
    deletedZnodeIds,
    sessions,
    closedSessionIds,
    changes,
  };
}

/** Memory that may move to the other thread instead of being copied. */
export function movableParts(rows: PackedRows): ArrayBuffer[] {
  return [rows.znodeNumbers.buffer, rows.znodeData.buffer, rows.parentNumbers.buffer];
}

function packZnodes(znodes: readonly Znode[]) {
  const znodeNumbers = new Float64Array(znodes.length * numbersPerZnode);
  const znodeTexts: (string | null)[] = [];
  let dataLength = 0;
  for (const znode of znodes) dataLength += znode.data.byteLength;
  const znodeData = new Uint8Array(dataLength);
  let dataOffset = 0;
  let index = 0;
  for (const znode of znodes) {
    for (const number of numbersOf(znode)) znodeNumbers[index++] = number;
    znodeTexts.push(znode.path, znode.ephemeralOwner);
    znodeData.set(znode.data, dataOffset);
    dataOffset += znode.data.byteLength;
  }
  return { znodeNumbers, znodeTexts, znodeData };
}

function numbersOf(znode: Znode): number[] {
  return [
    znode.id,
    znode.data.byteLength,
    znode.czxid,
    znode.mzxid,
    znode.ctimeMs,
    znode.mtimeMs,
    znode.version,
    znode.aversion,
    znode.sequence ?? Number.NaN,
    znode.ttlMs ?? Number.NaN,
    znode.container ? 1 : 0,
  ];
}

function packParents(parents: readonly Znode[]): Float64Array<ArrayBuffer> {
  const numbers = new Float64Array(parents.length * numbersPerParent);
  let index = 0;
  for (const parent of parents) {
    numbers.set([parent.id, parent.cversion, parent.nextSequence, parent.pzxid], index);
    index += numbersPerParent;
  }
  return numbers;
}

/** The columns of table `znode`, in their order. */
export type ZnodeColumns = [
  id: number,
  path: string,
  data: Uint8Array,
  czxid: number,
  mzxid: number,
  ctimeMs: number,
  mtimeMs: number,
  version: number,
  aversion: number,
  ephemeralOwner: string | null,
  sequence: number | null,
  ttlMs: number | null,
  container: number,
];

export function* unpackZnodes(rows: PackedRows): Generator<ZnodeColumns> {
  let dataOffset = 0;
  for (let row = 0; row * numbersPerZnode < rows.znodeNumbers.length; row += 1) {
    const start = row * numbersPerZnode;
    const numbers = rows.znodeNumbers.subarray(start, start + numbersPerZnode);
    const at = (column: number) => numbers[column] as number;
    const data = rows.znodeData.subarray(dataOffset, dataOffset + at(1));
    dataOffset += at(1);
    const path = rows.znodeTexts[row * 2] as string;
    const owner = rows.znodeTexts[row * 2 + 1] as string | null;
    const [sequence, ttlMs] = [orNull(at(8)), orNull(at(9))];
    yield [at(0), path, data, at(2), at(3), at(4), at(5), at(6), at(7), owner, sequence, ttlMs, at(10)];
  }
}

function orNull(number: number): number | null {
  return Number.isNaN(number) ? null : number;
}

/** The columns of table `znode_children`, in their order. */
export type ParentColumns = [id: number, cversion: number, nextSequence: number, pzxid: number];

export function* unpackParents(rows: PackedRows): Generator<ParentColumns> {
  for (let start = 0; start < rows.parentNumbers.length; start += numbersPerParent) {
    yield Array.from(rows.parentNumbers.subarray(start, start + numbersPerParent)) as ParentColumns;
  }
}
