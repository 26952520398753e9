// The sink of a long poll: it keeps nothing of what it is given and says only that the stream ended, which a stream
// of one change does when that change came.

import type { Sink } from "../told/sink.ts";

export class FirstChange implements Sink {
  readonly bufferedBytes = 0;
  readonly happened: Promise<void>;
  readonly #settle: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.happened = promise;
    this.#settle = resolve;
  }

  write(): boolean {
    return true;
  }

  end(): void {
    this.#settle();
  }

  abort(): void {
    this.#settle();
  }
}
