// The newest state a client has seen. Where the service is several servers, one may be behind another: with what was seen
// in each request the client never goes back in time, whichever of them answers. To a single server nothing is said.

export class SeenZxid {
  readonly #isTold: boolean;
  #zxid = 0;

  /** @param isTold whether a request may meet a server that is behind */
  constructor(isTold: boolean) {
    this.#isTold = isTold;
  }

  /** What a request says of it. */
  get headers(): Readonly<Record<string, string>> {
    return this.#isTold && this.#zxid > 0 ? { "Min-Zxid": String(this.#zxid) } : {};
  }

  note(zxid: number): void {
    if (Number.isSafeInteger(zxid) && zxid > this.#zxid) this.#zxid = zxid;
  }

  /** The service said that what came after this transaction never happened: it was restored from an older state. */
  restart(zxid: number): void {
    this.#zxid = zxid;
  }
}
