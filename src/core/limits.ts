// The bounds on what one command may ask. Those an operator may move are settings and are handed in as `Limits`.

import type { TransactionBounds } from "./bounds.ts";

export interface Limits extends TransactionBounds {
  /** Bytes of data in one znode. */
  readonly dataBytesMax: number;
  /** Operations in one transaction. */
  readonly operationsMax: number;
  /** Code units in a path. */
  readonly pathLengthMax: number;
  /** Bytes of what a claim, a candidate or an instance says of itself. */
  readonly metadataBytesMax: number;
  /** Participants a barrier may wait for. */
  readonly barrierCountMax: number;
}

/** Fences of one write: each is looked at, and stands in the log with each write of a batch. */
export const fencesMax = 100;

/** Entries of the access control list of one znode: each is looked at for each request. */
export const aclEntriesMax = 100;

/** Characters of the id of an entry. */
export const aclIdLengthMax = 255;

/** 2^40-1 ms, about 34.8 years (C2). */
export const ttlMsMax = 1_099_511_627_775;

export const defaultLimits: Limits = {
  dataBytesMax: 1_048_576,
  operationsMax: 1000,
  pathLengthMax: 4096,
  metadataBytesMax: 4096,
  barrierCountMax: 10_000,
  transactionChangesMax: 10_000,
  transactionChangeBytesMax: 8_388_608,
  ephemeralsPerSessionMax: 5000,
};
