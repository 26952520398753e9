// How many answers to keyed requests are kept, and for how long.

/** The bounds on kept replies; each is a setting of the server. */
export interface IdempotencyLimits {
  readonly idempotencyAgeMsMax: number;
  readonly idempotencyKeysMax: number;
  readonly idempotencyBytesMax: number;
}
