// A session's durable half: that it exists, and for how long it may be silent. Its liveness is not here but in
// `sessions/`, in memory only, unless several servers have to tell each other.

import { type Permits, systemPermits } from "./access/permits.ts";
import { KeeperError } from "./errors.ts";

export interface Session {
  /** 16 hex digits of a positive 63-bit number; what `ephemeralOwner` shows. */
  readonly id: string;
  /** SHA-256 of the secret token, hex: the token itself is never stored (N4). */
  readonly tokenHash: string;
  readonly timeoutMs: number;
  /** A word for people, shown in listings; empty when none was given. */
  readonly name: string;
  /** Who opened it, by `Permits.owner`: nobody else acts for it. Absent where nobody was asked who they are. */
  readonly owner?: string;
  readonly openedZxid: number;
  readonly openedAtMs: number;
  /** The entry of the log in which a server last told the others of it; absent while none did. */
  readonly touchedAt?: number;
}

/**
 * Whether whoever asks may act for the session. One that was opened where nobody was asked who they are is anybody's; any
 * other its owner's alone, whoever has its token.
 */
export function isOwnedBy({ owner }: Session, permits: Permits): boolean {
  return owner === undefined || owner === permits.owner || permits === systemPermits;
}

/** One sentence for every way a session can be gone: they cannot be told apart (N5). */
export function sessionExpired(): KeeperError {
  return new KeeperError(
    "session_expired",
    "The session has expired, was closed, or never was; open a new one; its ephemerals, locks and candidacies are gone.",
  );
}
