// A session's durable half: that it exists, and for how long it may be silent. Its liveness is not here but in
// `sessions/`, in memory only, unless several servers have to tell each other.

import { KeeperError } from "./errors.ts";

export interface Session {
  /** 16 hex digits of a positive 63-bit number; what `ephemeralOwner` shows. */
  readonly id: string;
  /** SHA-256 of the secret token, hex: the token itself is never stored (N4). */
  readonly tokenHash: string;
  readonly timeoutMs: number;
  /** A word for people, shown in listings; empty when none was given. */
  readonly name: string;
  readonly openedZxid: number;
  readonly openedAtMs: number;
  /** The entry of the log in which a server last told the others of it; absent while none did. */
  readonly touchedAt?: number;
}

/** One sentence for every way a session can be gone: they cannot be told apart (N5). */
export function sessionExpired(): KeeperError {
  return new KeeperError(
    "session_expired",
    "The session has expired, was closed, or never was; open a new one; its ephemerals, locks and candidacies are gone.",
  );
}
