// Why a token proves nothing. It is for the log alone: whoever sent the token learns no more than that it is not taken. Of
// what the token says nothing is in it, so that it can be logged as it is.

export class TokenRefusedError extends Error {
  override readonly name = "TokenRefusedError";
  /** Whether the same token may be taken later on. */
  readonly endsWithTime: boolean;

  constructor(reason: string, { endsWithTime = false } = {}) {
    super(reason);
    this.endsWithTime = endsWithTime;
  }
}
