// An answer that is there as a whole, given out piece by piece as its client takes it: so it is seen whether the client
// takes anything.

import { Readable } from "node:stream";

export const pieceBytes = 65_536;

/** What is held while it is given out. */
export interface HeldBytes {
  /** The client took some. */
  taken(): void;
  /** Nothing is held any more. */
  release(): void;
  cut: () => void;
}

export class Pieces extends Readable {
  readonly #bytes: Uint8Array;
  readonly #held: HeldBytes;
  #position = 0;

  constructor(bytes: Uint8Array, held: HeldBytes) {
    super({ highWaterMark: pieceBytes });
    this.#bytes = bytes;
    this.#held = held;
    held.cut = () => this.destroy(new Error("the client took nothing of its answer, and others needed room"));
  }

  override _read(): void {
    this.#held.taken();
    const end = this.#position + pieceBytes;
    this.push(this.#bytes.subarray(this.#position, end));
    this.#position = end;
    if (end >= this.#bytes.byteLength) this.push(null);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#held.release();
    done(error);
  }
}
