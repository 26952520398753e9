// Every expected refusal, by code. A code is for programs, its message for people; `routes/http/problems.ts`
// gives each code its HTTP status, and does not compile when one is forgotten.

import type { ClaimView } from "./coordination/claim-facts.ts";
import type { ImportCounts } from "./import-counts.ts";
import type { Stat } from "./tree/stat.ts";

/** The closed list of reasons for which the service refuses (API section 8). */
export type ErrorCode =
  | "bad_request"
  | "bad_path"
  | "bad_mode"
  | "bad_ttl"
  | "bad_acl"
  | "session_required"
  | "unauthenticated"
  | "forbidden"
  | "quota_exceeded"
  | "reserved_path"
  | "no_node"
  | "no_route"
  | "no_claim"
  | "no_instance"
  | "no_token"
  | "no_policy"
  | "method_not_allowed"
  | "not_acceptable"
  | "node_exists"
  | "token_exists"
  | "policy_in_use"
  | "not_empty"
  | "ephemeral_parent"
  | "quota_nested"
  | "not_a_counter"
  | "mode_differs"
  | "permits_differ"
  | "count_differs"
  | "fence_stale"
  | "lock_held"
  | "not_holder"
  | "session_expired"
  | "history_trimmed"
  | "log_trimmed"
  | "bad_version"
  | "too_large"
  | "too_many_operations"
  | "too_many_changes"
  | "misdirected"
  | "idempotency_key_reused"
  | "throttled"
  | "internal"
  | "behind"
  | "read_only"
  | "suspended"
  | "stopping"
  | "no_room";

/** What happened to one operation of a refused transaction (M3). */
export type OperationFate = {
  readonly code: ErrorCode | "rolled_back" | "not_evaluated";
  readonly detail?: string;
};

/** Facts beside the sentence, for programs; each becomes a member of the problem document. */
export interface ErrorDetails {
  /** The znode the refusal is about; where a quota refuses or is in the way, the one it is set on. */
  readonly path?: string;
  /** The current stat, where an expected version did not match. */
  readonly stat?: Stat;
  /** The name, value and excess of the limit that was passed. */
  readonly limit?: string;
  readonly limitValue?: number;
  readonly size?: number;
  /** Index of the first failing operation of a transaction, and the fate of each (M3). */
  readonly failedOperation?: number;
  readonly results?: readonly OperationFate[];
  /** The line of an import that is at fault, from 1, and what was done of those before it. */
  readonly line?: number;
  readonly imported?: ImportCounts;
  /** What a delete in parts had taken before it was refused. */
  readonly deleted?: number;
  /** The oldest zxid a watch can resume after, and why it cannot after the one that was named. */
  readonly oldestZxid?: number;
  readonly reason?: "history_trimmed" | "unknown_zxid";
  /** What the request names is of a past that this store does not have: another store's, or its own from before it was rolled back. */
  readonly unknownPast?: true;
  /** Seconds after which a retry makes sense. */
  readonly retryAfterSeconds?: number;
  /** Who holds the lock that is not free. */
  readonly holder?: ClaimView;
  /** Wall time until which a lock keeps everyone waiting. */
  readonly delayUntilMs?: number;
  /** Methods the resource has, where the one used is not among them. */
  readonly allow?: readonly string[];
}

/** An expected refusal: nothing was changed. Anything else that is thrown is a bug. */
export class KeeperError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = "KeeperError";
    this.code = code;
    this.details = details;
  }
}
