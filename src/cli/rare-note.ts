// Says what goes wrong once, and again only when it is something else or has lasted: whoever waits for hours for a
// service that is away is not to fill a log.

import type { Output } from "./output.ts";

const againAfterMs = 10 * 60 * 1000;

export class RareNote {
  readonly #output: Pick<Output, "note">;
  #said: string | null = null;
  #saidAtMs = 0;

  constructor(output: Pick<Output, "note">) {
    this.#output = output;
  }

  note(message: string): void {
    const nowMs = performance.now();
    if (message === this.#said && nowMs - this.#saidAtMs < againAfterMs) return;
    this.#said = message;
    this.#saidAtMs = nowMs;
    this.#output.note(message);
  }

  /** It is over: said again, it would be news. Returns whether anything had been said. */
  over(): boolean {
    const wasSaid = this.#said !== null;
    this.#said = null;
    return wasSaid;
  }
}
