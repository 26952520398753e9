// How long to wait before the next connection: as the server asked when it was there a moment ago, longer and
// longer while it is away, and never such that clients cut off together come back together. Where there are others to go to,
// each of them is asked soon: a client that lost its server goes on within two seconds.

/** Before a server has said what it would like. */
const retryMsDefault = 1000;
/** Before another server is asked. */
const elsewhereMsMax = 1000;
/** Whatever a server or its absence asks for, nobody stays away longer than this, and a wait asked for on top. */
export const reconnectMsMax = 30_000;

export class Backoff {
  readonly #chance: () => number;
  readonly #others: number;
  #retryMs: number;
  /** Connections that failed since one last brought something. */
  #failures = 0;

  /**
   * @param chance from 0 up to 1
   * @param others how many may be asked in place of the one that failed
   */
  constructor(chance: () => number, { retryMs = retryMsDefault, others = 0 } = {}) {
    this.#chance = chance;
    this.#retryMs = retryMs;
    this.#others = others;
  }

  /** The server's `retry:`. */
  serverAsked(retryMs: number): void {
    this.#retryMs = Math.min(retryMs, reconnectMsMax);
  }

  /** The connection works. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** @param retryAfterMs what a refusal asked for; the wait comes on top of it, so that not all return at once */
  nextDelayMs(retryAfterMs: number): number {
    const spreadMs = this.#spreadMs();
    this.#failures += 1;
    return Math.min(retryAfterMs, reconnectMsMax) + spreadMs;
  }

  #spreadMs(): number {
    // Not all who were cut off together at once, here either.
    if (this.#failures < this.#others) return elsewhereMsMax * this.#chance();
    const failures = this.#failures - this.#others;
    const doubled = Math.min(reconnectMsMax, this.#retryMs * 2 ** failures);
    return doubled * (failures === 0 ? 0.5 + this.#chance() : this.#chance());
  }
}
