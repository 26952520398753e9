// A session's durable half: that it exists, and for how long it may be silent. Its liveness is not here but in
// `sessions/`, in memory only.

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
}
