// A large answer, given out piece by piece as its client takes it, one piece of one answer in each turn of the event loop:
// so it is seen whether the client takes anything, and nobody waits for more than one piece of what others take.

import { Readable } from "node:stream";
import type { Turns } from "../http/turns.ts";

export const pieceBytes = 65_536;

/** What is given out, and is made as it is taken. */
export interface InPieces {
  readonly byteLength: number;
  /** Null at the end. */
  next(): Uint8Array | null;
}

/** Of bytes that are there. */
export function bytesInPieces(bytes: Uint8Array): InPieces {
  let position = 0;
  return {
    byteLength: bytes.byteLength,
    next() {
      if (position >= bytes.byteLength) return null;
      position += pieceBytes;
      return bytes.subarray(position - pieceBytes, position);
    },
  };
}

/** What is held while it is given out. */
export interface HeldBytes {
  /** Who is to take it. */
  readonly client: string;
  /** The client took some. */
  taken(): void;
  /** Nothing is held any more. */
  release(): void;
  cut: () => void;
}

export class Pieces extends Readable {
  /** Known when it is charged for, which is at its end. */
  readonly producedBytes: number;
  readonly #source: InPieces;
  readonly #held: HeldBytes;
  readonly #turns: Turns;

  constructor(source: InPieces, held: HeldBytes, turns: Turns) {
    super({ highWaterMark: pieceBytes });
    this.producedBytes = source.byteLength;
    this.#source = source;
    this.#held = held;
    this.#turns = turns;
    held.cut = () => this.destroy(new Error("the client took nothing of its answer, and others needed room"));
  }

  override _read(): void {
    this.#held.taken();
    this.#turns.take(this.#held.client, () => {
      if (!this.destroyed) this.push(this.#source.next());
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#held.release();
    done(error);
  }
}
