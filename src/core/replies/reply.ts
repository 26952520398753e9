// One kept answer.

/** What became of a request that named itself, for whoever sends it again. */
export interface Reply {
  /** SHA-256 of the key, hex: a key may be as secret as what its answer says, and is not kept itself. */
  readonly key: string;
  /** Whose share of the room it takes: a client, or `client/session`. Empty in versions that had no shares. */
  readonly scope: string;
  /** SHA-256 of what was asked, hex. */
  readonly request: string;
  /** The transaction that did what was asked and kept this reply. */
  readonly zxid: number;
  readonly timeMs: number;
  /** How long the service had run by then. */
  readonly ranMs: number;
  /** What the command answered, as JSON: it is kept long and read seldom. */
  readonly outcome: string;
}
