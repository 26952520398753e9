// What a client asks for. A command is plain data, complete in itself: it carries its ids, hashes and secrets'
// hashes, so that evaluating it at its place in the log needs no clock and no chance.

import type { AccessCommand } from "./access/access-command.ts";
import type { Acl } from "./acl/acl.ts";
import type { CoordinationCommand } from "./coordination/coordination-command.ts";
import type { QuotaLimits } from "./quotas/quota.ts";
import type { CreateMode } from "./tree/znode.ts";
import type { Asked, askedBy, Idempotency, WriteContext, ZnodeTag } from "./write-context.ts";

export interface Create {
  readonly type: "create";
  /** The whole path, or for a sequential znode the prefix the number is appended to (P7). */
  readonly path: string;
  readonly data: Uint8Array;
  readonly mode: CreateMode;
  /** Make missing parents as plain persistent znodes in the same transaction. */
  readonly parents?: boolean;
  /** Who may do what with it, but not with the parents that are made; everybody everything where it is absent. */
  readonly acl?: Acl;
}

export interface SetData {
  readonly type: "setData";
  readonly path: string;
  readonly data: Uint8Array;
  /** Required version; absent or -1 means any. */
  readonly version?: number;
  /** The znode must be one of these, as `If-Match` says. */
  readonly ifMatch?: readonly ZnodeTag[];
  /** `upsert` creates a plain persistent znode when there is none; `only` refuses when there is one. */
  readonly create?: "upsert" | "only";
}

export interface Delete {
  readonly type: "delete";
  readonly path: string;
  readonly version?: number;
  readonly ifMatch?: readonly ZnodeTag[];
}

/** Takes the whole subtree, children first, in one transaction. */
export interface DeleteTree {
  readonly type: "deleteTree";
  readonly path: string;
  readonly version?: number;
  readonly ifMatch?: readonly ZnodeTag[];
}

/** Takes some znodes of a subtree, leaves first, so that what is left is a tree. Asked until nothing remains, it takes all. */
export interface DeletePart {
  readonly type: "deletePart";
  readonly path: string;
  /** What must be true of the subtree's root, at each part. */
  readonly version?: number;
  readonly ifMatch?: readonly ZnodeTag[];
  /** The incarnation that goes, from the second part on: one made since is left alone. */
  readonly czxid?: number;
  readonly znodesMax: number;
  /** As `deletedLength` counts; the first znode is taken whatever it has. */
  readonly bytesMax: number;
}

/** Adds to a decimal text; an empty value counts as 0. */
export interface Increment {
  readonly type: "increment";
  readonly path: string;
  readonly by: number;
}

/** Changes nothing; is refused, and its transaction with it, when what it states is not so (M7). */
export interface Check {
  readonly type: "check";
  readonly path: string;
  readonly exists?: boolean;
  readonly version?: number;
  readonly czxid?: number;
}

export type Operation = Create | SetData | Delete | Increment | Check;

/** All or nothing, one zxid; operations see the effects of earlier ones (M2). */
export interface Multi extends WriteContext {
  readonly type: "multi";
  readonly operations: readonly Operation[];
}

export interface OpenSession extends Asked {
  readonly type: "openSession";
  readonly sessionId: string;
  readonly tokenHash: string;
  readonly timeoutMs: number;
  readonly name: string;
  /** With a key only: what the token is made of together with it, so that it can be told again (N4). */
  readonly tokenNonce?: string;
  readonly idempotency?: Idempotency;
  readonly [askedBy]?: string;
}

/** Every ephemeral of the session goes in the same transaction (N10). */
export interface CloseSession extends Asked {
  readonly type: "closeSession";
  readonly sessionId: string;
  readonly reason: "session_closed" | "session_expired";
  /** Only if it was last touched in this entry of the log, 0 for never: of a session that was heard of since, nothing ends. */
  readonly ifTouchedAt?: number;
}

/** Servers have heard of these sessions: each has its whole timeout again. */
export interface TouchSessions {
  readonly type: "touchSessions";
  readonly sessionIds: readonly string[];
}

/** The server wants to keep house, or says that it still does. */
export interface ClaimHousekeeping {
  readonly type: "claimHousekeeping";
  readonly server: string;
  /** The term that it takes over from, or that is its own. */
  readonly ifTerm: number;
}

/** Deletes one incarnation of a container or of a znode with a TTL, if it may go at that moment; else nothing (K7). */
export interface Sweep {
  readonly type: "sweep";
  readonly path: string;
  readonly czxid: number;
  /** A container that never had a child may go after this long; 0 is never. */
  readonly neverUsedMsMax: number;
}

/** A writer has started: the transactions from here on are of an epoch of its own. */
export interface BeginEpoch {
  readonly type: "beginEpoch";
  /** Lower-case hex digits, as chance has it. */
  readonly epoch: string;
}

/** The store was put back to an earlier moment: numbers go on ahead of all that may have been given since. */
export interface Restore {
  readonly type: "restore";
  /** Lower-case hex digits, as chance has it: names the restore, and the epoch it begins. */
  readonly id: string;
  /** How far the zxid jumps. */
  readonly zxidsAhead: number;
  /** How far numbers in names begin above the highest there is. */
  readonly sequencesAhead: number;
}

/** Gives the subtree at the path these limits, and no others it may have had. */
export interface SetQuota {
  readonly type: "setQuota";
  readonly path: string;
  readonly limits: QuotaLimits;
}

export interface DeleteQuota {
  readonly type: "deleteQuota";
  readonly path: string;
}

/** Gives the znode this list in the place of the one it has (A15). */
export interface SetAcl extends WriteContext {
  readonly type: "setAcl";
  readonly path: string;
  readonly acl: Acl;
  /** Required `aversion`; absent or -1 means any. */
  readonly aversion?: number;
}

export type QuotaWrite = (SetQuota | DeleteQuota) & WriteContext;

/** A znode as another tree had it. */
export interface ImportedZnode {
  readonly path: string;
  readonly data: Uint8Array;
  /** Never ephemeral, and never sequential: its name is whole. */
  readonly mode: CreateMode;
  /** The number in its name, where a server put it there. */
  readonly sequence: number | null;
  /** Where the numbers of its children go on. */
  readonly nextSequence: number;
  /** Absent where nothing is said of it. */
  readonly acl?: Acl;
}

/** What becomes of a znode that is there already: it stops the import, stays, or gets the data. */
export type ConflictRule = "fail" | "skip" | "replace";

/** Znodes of another tree, parents before children, all or none in one transaction. */
export interface ImportZnodes extends WriteContext {
  readonly type: "import";
  readonly znodes: readonly ImportedZnode[];
  readonly onConflict: ConflictRule;
}

export type SingleWrite = (Operation | DeleteTree | DeletePart) & WriteContext;

/** Those that speak of the tree and of sessions, and know nothing of what is built on them. */
export type TreeCommand =
  | SingleWrite
  | QuotaWrite
  | SetAcl
  | ImportZnodes
  | Multi
  | OpenSession
  | CloseSession
  | Sweep;

/** Those by which servers on one log tell each other who is alive. */
type LivenessCommand = TouchSessions | ClaimHousekeeping;

export type Command =
  | TreeCommand
  | LivenessCommand
  | CoordinationCommand
  | AccessCommand
  | BeginEpoch
  | Restore;
