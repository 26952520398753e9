// What a command did: the changes of one transaction, all at one zxid, and the answer its client gets.

import type { AccessRecord } from "./access/access.ts";
import type { AccessOutcomes } from "./access/access-command.ts";
import type { AclChange } from "./acl/acls.ts";
import type { CoordinationOutcomes } from "./coordination/coordination-command.ts";
import type { Epoch } from "./epochs.ts";
import type { Housekeeper } from "./housekeeper.ts";
import type { ImportCounts } from "./import-counts.ts";
import type { Quota } from "./quotas/quota.ts";
import type { Reply } from "./replies/reply.ts";
import type { Restored } from "./restored.ts";
import type { Session } from "./session.ts";
import type { SweepCause } from "./sweep.ts";
import type { Stat } from "./tree/stat.ts";
import type { Znode } from "./tree/znode.ts";

/** Why a transaction happened, as watchers are told. */
export type Cause = "request" | "session_closed" | "session_expired" | SweepCause;

/**
 * One step of a transaction, in the order it was done. `znode` is the record after the step, `before` the one it
 * replaces; a deleted one is the record as it last was. `childrenChanged` is a parent's new record after a child
 * came or went: it moves the parent's stat (S3) and is no event of its own. `attemptsChanged` is of a place that other
 * requests stand for: its stat and data are as they were. `aclChanged` moves `aversion` and is no event either (A15).
 */
export type Change =
  | { readonly type: "created" | "deleted"; readonly znode: Znode }
  | { readonly type: "changed"; readonly znode: Znode; readonly before: Znode }
  | {
      readonly type: "childrenChanged" | "attemptsChanged" | "aclChanged";
      readonly znode: Znode;
      readonly before: Znode;
    }
  | AclChange
  | { readonly type: "sessionOpened" | "sessionClosed"; readonly session: Session }
  | { readonly type: "replyKept" | "replyForgotten"; readonly reply: Reply }
  /** `before` is null when there was no quota. */
  | { readonly type: "quotaSet"; readonly quota: Quota; readonly before: Quota | null }
  | { readonly type: "quotaDeleted"; readonly quota: Quota }
  /** `before` is null when there was no such record. */
  | { readonly type: "accessSet"; readonly record: AccessRecord; readonly before: AccessRecord | null }
  | { readonly type: "accessRemoved"; readonly record: AccessRecord }
  /** The only one of its transaction, whose zxid is ahead of the one before it. */
  | { readonly type: "restored"; readonly restored: Restored; readonly before: Restored };

/**
 * A change that is no part of any transaction: who is alive, who keeps house, and whose past begins. It has no zxid, and nobody is told of
 * it but the servers themselves.
 */
export type Note =
  | { readonly type: "sessionTouched"; readonly session: Session; readonly before: Session }
  | { readonly type: "housekeeperChanged"; readonly housekeeper: Housekeeper; readonly before: Housekeeper }
  /** `before` is one in whose place it comes, since nothing was written in it. */
  | { readonly type: "epochBegun"; readonly epoch: Epoch; readonly before: Epoch | null }
  | { readonly type: "epochForgotten"; readonly epoch: Epoch };

export interface Txn {
  readonly zxid: number;
  /** The proposer's wall clock, epoch milliseconds. */
  readonly timeMs: number;
  /** How long the service had run: what the age of the transaction counts from. */
  readonly ranMs: number;
  readonly cause: Cause;
  /** Who asked for it; null for what the service did, and where nobody is asked who they are. */
  readonly by: string | null;
  /** Which request that was, in the words of whoever asked; null where they said nothing of it. */
  readonly traceparent: string | null;
  /** Id of the session that ended, or null. */
  readonly sessionId: string | null;
  readonly changes: readonly Change[];
}

/** A znode as a write left it. */
export interface Written {
  readonly path: string;
  readonly stat: Stat;
  /** Whether the write made the znode. */
  readonly created: boolean;
}

/** The result of one operation of a transaction, or of an increment or a check by itself. */
export interface OperationResult {
  readonly op: "create" | "set" | "delete" | "increment" | "check";
  readonly path: string;
  readonly stat?: Stat;
  /** An incremented value, as decimal text. */
  readonly value?: string;
}

/** What one part took of a subtree. */
export interface DeletedPart {
  /** The incarnation of its root. */
  readonly czxid: number;
  readonly deleted: number;
  /** Znodes of the subtree that are left; 0 when it is gone. */
  readonly remaining: number;
}

/** What each kind of command answers. */
export interface Outcomes extends CoordinationOutcomes, AccessOutcomes {
  create: Written;
  setData: Written;
  delete: { readonly path: string };
  deleteTree: { readonly path: string; readonly deleted: number };
  deletePart: DeletedPart;
  increment: OperationResult;
  check: OperationResult;
  multi: { readonly results: readonly OperationResult[] };
  openSession: { readonly session: Session; readonly tokenNonce?: string };
  import: ImportCounts;
  setAcl: { readonly path: string; readonly stat: Stat };
  setQuota: { readonly quota: Quota; readonly created: boolean };
  deleteQuota: { readonly path: string };
  /**
   * `remaining` ephemerals are too many to go at once: the session is open until a close has taken the last. `isTouched`:
   * it was heard of since, and is as it was.
   */
  closeSession: {
    readonly ephemerals: readonly string[];
    readonly remaining?: number;
    readonly isTouched?: true;
  };
  /** Those that had ended before. */
  touchSessions: { readonly gone: readonly string[] };
  /** Who keeps house now, and whether that is what was asked for. */
  claimHousekeeping: { readonly housekeeper: Housekeeper; readonly isClaimed: boolean };
  beginEpoch: { readonly epoch: Epoch };
  restore: Restored;
  /** Why the znode went; null when it stayed or was gone. */
  sweep: { readonly path: string; readonly cause: SweepCause | null };
}

/** A command that was done: its zxid and what it answers. A command without changes has the zxid it was read at. */
export interface Commit<T extends keyof Outcomes = keyof Outcomes> {
  readonly zxid: number;
  readonly outcome: Outcomes[T];
  /** It was done before, at this zxid, and this is what was answered then (D19). */
  readonly replayed?: true;
}
