// Rows on their way to the writing thread. Copying thousands of records between threads field by field would
// hold up the event loop; columns of numbers, one list of texts and one run of bytes do not.

import { type AccessRecord, accessText } from "../../core/access/access.ts";
import { textOfAcl } from "../../core/acl/acl.ts";
import type { Session } from "../../core/session.ts";
import type { Znode } from "../../core/tree/znode.ts";
import type { ChangeRow, Position, RowChanges } from "../tables.ts";

export interface PackedRows {
  readonly position: Position;
  /** `numbersPerCreated` for each znode made; NaN stands for null. */
  readonly createdNumbers: Float64Array<ArrayBuffer>;
  /** Path, owner and attempts of each znode made. */
  readonly createdTexts: readonly (string | null)[];
  /** `numbersPerChanged` for each znode set. */
  readonly changedNumbers: Float64Array<ArrayBuffer>;
  /** Attempts of each znode set. */
  readonly changedTexts: readonly (string | null)[];
  /** The data of all znodes made, then of all set, one after the other. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** id, cversion, nextSequence and pzxid of each parent. */
  readonly parentNumbers: Float64Array<ArrayBuffer>;
  readonly deletedZnodeIds: readonly number[];
  readonly sessions: readonly Session[];
  readonly closedSessionIds: readonly string[];
  /** zxid and times of each reply. */
  readonly replyNumbers: Float64Array<ArrayBuffer>;
  /** Key, request, outcome and scope of each reply. */
  readonly replyTexts: readonly string[];
  readonly forgottenReplyZxids: readonly number[];
  readonly quotas: RowChanges["quotas"];
  readonly deletedQuotaPaths: readonly string[];
  readonly epochs: RowChanges["epochs"];
  readonly forgottenEpochZxids: readonly number[];
  readonly access: readonly AccessRow[];
  readonly removedAccess: readonly Omit<AccessRow, "record">[];
  readonly acls: readonly AclRow[];
  readonly forgottenAclIds: readonly number[];
  readonly changes: readonly PackedChanges[];
}

/** A row of table `acl`. */
export interface AclRow {
  readonly id: number;
  readonly entries: string;
}

/** A record of who may do what, as JSON. */
export interface AccessRow extends Pick<AccessRecord, "kind" | "name"> {
  readonly record: string;
}

function nameOf({ kind, name }: Pick<AccessRecord, "kind" | "name">) {
  return { kind, name };
}

/** Messages of consecutive changes in one row: JSON has no line breaks of its own, so they are lines. */
export interface PackedChanges {
  readonly lastZxid: number;
  /** How long the service had run at the last of them. */
  readonly ranMs: number;
  readonly messages: string;
}

const numbersPerCreated = 13;
const textsPerCreated = 3;
const numbersPerChanged = 8;
const numbersPerParent = 4;
const numbersPerReply = 3;
const textsPerReply = 4;
/** Characters after which a row of changes ends: what is trimmed goes by rows. */
const changeRowLengthMax = 65_536;

export function packRows(rows: RowChanges): PackedRows {
  const { position, created, changed, deletedZnodeIds, sessions, closedSessionIds, replies } = rows;
  return {
    position,
    createdNumbers: packNumbers(created, numbersPerCreated, createdNumbersOf),
    createdTexts: created.flatMap((znode) => [znode.path, znode.ephemeralOwner, attemptsTextOf(znode)]),
    changedNumbers: packNumbers(changed, numbersPerChanged, changedNumbersOf),
    changedTexts: changed.map(attemptsTextOf),
    data: packData([created, changed]),
    parentNumbers: packNumbers(rows.parents, numbersPerParent, parentNumbersOf),
    deletedZnodeIds,
    sessions,
    closedSessionIds,
    replyNumbers: packNumbers(replies, numbersPerReply, ({ zxid, timeMs, ranMs }) => [zxid, timeMs, ranMs]),
    replyTexts: replies.flatMap(({ key, request, outcome, scope }) => [key, request, outcome, scope]),
    forgottenReplyZxids: rows.forgottenReplyZxids,
    quotas: rows.quotas,
    deletedQuotaPaths: rows.deletedQuotaPaths,
    epochs: rows.epochs,
    forgottenEpochZxids: rows.forgottenEpochZxids,
    access: rows.access.map((record) => ({ ...nameOf(record), record: accessText(record) })),
    removedAccess: rows.removedAccess.map(nameOf),
    acls: rows.acls.map(({ id, entries }) => ({ id, entries: textOfAcl(entries) })),
    forgottenAclIds: rows.forgottenAclIds,
    changes: packChanges(rows.changes),
  };
}

/** Memory that may move to the other thread instead of being copied. */
export function movableParts(rows: PackedRows): ArrayBuffer[] {
  const { createdNumbers, changedNumbers, data, parentNumbers, replyNumbers } = rows;
  const columns = [createdNumbers, changedNumbers, data, parentNumbers, replyNumbers];
  return columns.map(({ buffer }) => buffer);
}

function packNumbers<Row>(
  rows: readonly Row[],
  numbersEach: number,
  numbersOf: (row: Row) => readonly number[],
): Float64Array<ArrayBuffer> {
  const packed = new Float64Array(rows.length * numbersEach);
  let index = 0;
  for (const row of rows) {
    for (const number of numbersOf(row)) packed[index++] = number;
  }
  return packed;
}

function createdNumbersOf(znode: Znode): readonly number[] {
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
    znode.writtenRanMs ?? Number.NaN,
    znode.acl.id,
  ];
}

function changedNumbersOf(znode: Znode): readonly number[] {
  const { id, data, mzxid, mtimeMs, version, aversion, writtenRanMs, acl } = znode;
  return [id, data.byteLength, mzxid, mtimeMs, version, aversion, writtenRanMs ?? Number.NaN, acl.id];
}

/** Ids have no spaces in them. */
function attemptsTextOf({ attempts }: Znode): string | null {
  return attempts === null ? null : attempts.join(" ");
}

function parentNumbersOf({ id, cversion, nextSequence, pzxid }: Znode): readonly number[] {
  return [id, cversion, nextSequence, pzxid];
}

function packData(groups: readonly (readonly Znode[])[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const znodes of groups) for (const znode of znodes) length += znode.data.byteLength;
  const packed = new Uint8Array(length);
  let offset = 0;
  for (const znodes of groups) {
    for (const { data } of znodes) {
      packed.set(data, offset);
      offset += data.byteLength;
    }
  }
  return packed;
}

function packChanges(changes: readonly ChangeRow[]): PackedChanges[] {
  const packed: PackedChanges[] = [];
  let lines: string[] = [];
  let length = 0;
  for (const [index, { zxid, ranMs, message }] of changes.entries()) {
    lines.push(message);
    length += message.length;
    if (length < changeRowLengthMax && index < changes.length - 1) continue;
    packed.push({ lastZxid: zxid, ranMs, messages: lines.join("\n") });
    lines = [];
    length = 0;
  }
  return packed;
}

/**
 * The messages of a row, one by one; they were written together, and grow old together.
 * @throws SyntaxError when one is none
 */
export function unpackChanges({ ranMs, messages }: PackedChanges): ChangeRow[] {
  return messages.split("\n").map((message) => {
    const start = messageStart.exec(message);
    if (start === null) throw new SyntaxError("a row of the history holds something that is no message");
    return { zxid: Number(start[1]), ranMs, message };
  });
}

const messageStart = /^\{"zxid":(\d+),/;

/** The columns of table `znode`, in their order. */
export type CreatedColumns = [
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
  writtenRanMs: number | null,
  attempts: string | null,
  aclId: number,
];

export function* unpackCreated({
  createdNumbers,
  createdTexts,
  data,
}: PackedRows): Generator<CreatedColumns> {
  let dataOffset = 0;
  for (let row = 0; row * numbersPerCreated < createdNumbers.length; row += 1) {
    const start = row * numbersPerCreated;
    const at = (column: number) => createdNumbers[start + column] as number;
    const bytes = data.subarray(dataOffset, dataOffset + at(1));
    dataOffset += at(1);
    const path = createdTexts[row * textsPerCreated] as string;
    const owner = createdTexts[row * textsPerCreated + 1] as string | null;
    const attempts = createdTexts[row * textsPerCreated + 2] as string | null;
    const [sequence, ttlMs, ranMs] = [orNull(at(8)), orNull(at(9)), orNull(at(11))];
    const [versions, times] = [[at(6), at(7)] as const, [at(4), at(5)] as const];
    const last = [at(10), ranMs, attempts, at(12)] as const;
    yield [at(0), path, bytes, at(2), at(3), ...times, ...versions, owner, sequence, ttlMs, ...last];
  }
}

/** The columns a set moves, and last the id of the row. */
export type ChangedColumns = [
  data: Uint8Array,
  mzxid: number,
  mtimeMs: number,
  version: number,
  aversion: number,
  writtenRanMs: number | null,
  attempts: string | null,
  aclId: number,
  id: number,
];

export function* unpackChanged({
  createdNumbers,
  changedNumbers,
  changedTexts,
  data,
}: PackedRows): Generator<ChangedColumns> {
  let dataOffset = 0;
  for (let start = 0; start < createdNumbers.length; start += numbersPerCreated) {
    dataOffset += createdNumbers[start + 1] as number;
  }
  for (const [row, attempts] of changedTexts.entries()) {
    const at = (column: number) => changedNumbers[row * numbersPerChanged + column] as number;
    const bytes = data.subarray(dataOffset, dataOffset + at(1));
    dataOffset += at(1);
    yield [bytes, at(2), at(3), at(4), at(5), orNull(at(6)), attempts, at(7), at(0)];
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

/** The columns of table `reply`, in their order. */
export type ReplyColumns = [
  zxid: number,
  timeMs: number,
  key: string,
  request: string,
  outcome: string,
  ranMs: number,
  scope: string,
];

export function* unpackReplies({ replyNumbers, replyTexts }: PackedRows): Generator<ReplyColumns> {
  for (let row = 0; row * numbersPerReply < replyNumbers.length; row += 1) {
    const number = (column: number) => replyNumbers[row * numbersPerReply + column] as number;
    const text = (column: number) => replyTexts[row * textsPerReply + column] as string;
    yield [number(0), number(1), text(0), text(1), text(2), number(2), text(3)];
  }
}
