// What the store writes behind: the rows that changed, coalesced, with the log position they reflect. Whoever opens
// the file finds the tree as of that position plus the rest of the log.

import type { AccessRecord } from "../core/access/access.ts";
import type { KeptAcl } from "../core/acl/acl.ts";
import type { Epoch } from "../core/epochs.ts";
import type { Housekeeper } from "../core/housekeeper.ts";
import type { Quota } from "../core/quotas/quota.ts";
import type { Reply } from "../core/replies/reply.ts";
import type { Restored } from "../core/restored.ts";
import type { Session } from "../core/session.ts";
import type { Znode } from "../core/tree/znode.ts";
import type { Covering, Lsn } from "./commit-log.ts";

/** One transaction as watchers were told of it: the very text that was sent. */
export interface ChangeRow {
  readonly zxid: number;
  /** How long the service had run: its age counts from then. */
  readonly ranMs: number;
  readonly message: string;
}

/** Where a set of rows stands: everything up to `appliedLsn` is in them, nothing after it is. */
export interface Position {
  readonly appliedLsn: Lsn;
  /** Which entry stood there (`entryNameText`); empty for none, and in files of before it was noted. */
  readonly entryName: string;
  readonly zxid: number;
  readonly nextZnodeId: number;
  /** How long the service has run. */
  readonly ranMs: number;
  /** The wall clock of the log, which does not go back. */
  readonly timeMs: number;
  readonly housekeeper: Housekeeper;
  readonly restored: Restored;
  /**
   * Digest of znodes, their lists, sessions, replies, quotas, epochs, access, the housekeeper and the last restore as of
   * here, 16 hex digits.
   */
  readonly digest: string;
  /** Oldest zxid a watch can resume after. */
  readonly historyFloorZxid: number;
}

export interface RowChanges {
  readonly position: Position;
  /** Znodes made: rows of their own. */
  readonly created: readonly Znode[];
  /** Znodes set since they were made: the columns a set moves. */
  readonly changed: readonly Znode[];
  /** Znodes whose children came or went: their counters alone, so that no value is rewritten for a child. */
  readonly parents: readonly Znode[];
  readonly deletedZnodeIds: readonly number[];
  readonly sessions: readonly Session[];
  readonly closedSessionIds: readonly string[];
  readonly replies: readonly Reply[];
  /** Zxids of the replies that are forgotten. */
  readonly forgottenReplyZxids: readonly number[];
  /** Quotas set: their limits alone, since what they count follows from the znodes (U11). */
  readonly quotas: readonly Pick<Quota, "path" | "limits">[];
  readonly deletedQuotaPaths: readonly string[];
  readonly epochs: readonly Epoch[];
  /** First zxids of the epochs that are forgotten. */
  readonly forgottenEpochZxids: readonly number[];
  /** Policies, tokens and what else says who may do what: made, or as they are by now. */
  readonly access: readonly AccessRecord[];
  readonly removedAccess: readonly Pick<AccessRecord, "kind" | "name">[];
  /** Access control lists that znodes have since. */
  readonly acls: readonly KeptAcl[];
  readonly forgottenAclIds: readonly number[];
  readonly changes: readonly ChangeRow[];
}

export interface Tables {
  /** Names the cluster whose rows they are. */
  readonly clusterId: string;
  /**
   * Resolves when the rows are in the file; of their being durable `onDurable` tells. Stays pending while there is no
   * room for them: any rejection is final.
   */
  write(rows: RowChanges): Promise<void>;
  /** Called with why rows have to wait for room, and with null when they need not any more. */
  onShortage?(listener: (cause: string | null) => void): void;
  /** Called with the newest position whose rows are durable: at once, and whenever it has moved. */
  onDurable(listener: (covering: Covering) => void): void;
  /** Lets a write under way finish, then lets go of them. */
  close(): Promise<void>;
}
