// What came of a body before it was its client's turn, to be taken bit by bit. No more of it comes meanwhile than was read
// at once.

import { GrowingBytes } from "./growing-bytes.ts";

export class LateBytes {
  /** Lets the next come; call once, when all was taken. */
  readonly release: () => void;
  readonly #added = new GrowingBytes(Number.POSITIVE_INFINITY);
  #taken: Buffer = nothing;
  #position = 0;

  constructor(release: () => void) {
    this.release = release;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#taken.length - this.#position + this.#added.length;
  }

  add(piece: Uint8Array): void {
    this.#added.add(piece);
  }

  /** In the order in which they came; none is moved twice. */
  next(bytesMax: number): Buffer {
    if (this.#position === this.#taken.length) {
      this.#taken = this.#added.take();
      this.#position = 0;
    }
    const next = this.#taken.subarray(this.#position, this.#position + bytesMax);
    this.#position += next.length;
    return next;
  }
}

const nothing = Buffer.alloc(0);
