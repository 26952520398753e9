// What is asked of etcd, and what it answers: the port between the log and whoever asks for it.

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** Writes since the key was made. */
  readonly version: bigint;
}

export interface Header {
  readonly clusterId: bigint;
  readonly revision: bigint;
}

export interface Range {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly limit?: bigint;
  readonly revision?: bigint;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: bigint;
  readonly sortOrder?: number;
  readonly sortTarget?: number;
}

export interface RangeAnswer {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: bigint;
}

/** Oldest write first, for a range. */
export const byModRevision = { sortOrder: 1, sortTarget: 3 };

/** One of the steps of a transaction. */
export type Step =
  | { readonly range: Range }
  | { readonly put: { readonly key: Uint8Array; readonly value: Uint8Array } }
  | { readonly deleteRange: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array } };

/** That a key was written so often, or made at that revision. */
export type Condition = { readonly key: Uint8Array } & (
  | { readonly version: bigint }
  | { readonly createRevision: bigint }
  | { readonly modRevision: bigint }
);

export interface Txn {
  readonly compare: readonly Condition[];
  readonly success: readonly Step[];
  readonly failure?: readonly Step[];
  /** Within which it is answered; the usual one unless it is given. By a short one a member that stands still is found soon. */
  readonly timeoutMs?: number;
}

export interface TxnAnswer {
  readonly header: Header;
  readonly succeeded: boolean;
  /** Of each range among the steps that were taken, in their order. */
  readonly ranges: readonly RangeAnswer[];
}

export interface WatchAnswer {
  readonly header: Header;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancelReason: string;
  readonly compactRevision: bigint;
  readonly fragment: boolean;
  readonly events: readonly { readonly type: number; readonly kv: KeyValue }[];
}

export interface WatchFrom {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly startRevision: bigint;
}

/** What is asked of etcd, for whoever need not know who answers. @throws ConnectError where it is refused, or not answered */
export interface EtcdCalls {
  range(range: Range): Promise<RangeAnswer>;
  txn(txn: Txn): Promise<TxnAnswer>;
  /** Also where there is no room for any write. Answers what was there; null for nothing. */
  remove(key: Uint8Array): Promise<KeyValue | null>;
  compact(revision: bigint): Promise<void>;
  /** Whether a member has no room any more, and therefore none takes writes. */
  isFull(): Promise<boolean>;
  /** Of the member that answers. */
  status(): Promise<OwnStatus>;
  /** What is put from a revision on; deletions are left out. It ends with the signal alone. */
  watch(from: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer>;
}

/** What the member that was asked says of itself. */
export interface OwnStatus {
  readonly version: string;
  readonly dbSize: bigint;
  readonly dbSizeInUse: bigint;
  /** What it may grow to; 0 where etcd is older than 3.6, and does not say. */
  readonly dbSizeQuota: bigint;
}

/** How much room a member has left, as it says itself. */
export interface MemberStatus {
  readonly endpoint: string;
  readonly version: string;
  /** Of its file, with pages that hold nothing. Its quota is a bound of this. */
  readonly dbSize: bigint;
  /** Of the pages that hold something. */
  readonly dbSizeInUse: bigint;
}

/** What is asked of etcd about itself. */
export interface EtcdHealthCalls {
  /** Of the members that answer, asked all at once. */
  statuses(): Promise<readonly MemberStatus[]>;
  /** Of all members, by their numbers. */
  alarms(): Promise<readonly number[]>;
}

export const noSpaceAlarm = 1;
