// Data as it stands between quotes in JSON, made piece by piece: a mebibyte in one go is several milliseconds in which
// everybody waits. One after the other the pieces are to the byte what it would be in one.

import { isUtf8 } from "node:buffer";

/** Of the data in one piece; a multiple of three. A byte is six characters at most. */
const pieceBytes = 24_576;

export class DataPieces {
  /** Whether it is text; what is none is base64. */
  readonly isText: boolean;
  readonly #data: Buffer;
  #position = 0;

  constructor({ buffer, byteOffset, byteLength }: Uint8Array, encoding?: "base64") {
    this.#data = Buffer.from(buffer, byteOffset, byteLength);
    this.isText = encoding !== "base64" && isUtf8(this.#data);
  }

  get isDone(): boolean {
    return this.#position === this.#data.length;
  }

  /** The next of them; empty when all are made. */
  next(): string {
    return this.#textTo(this.#endOfNext());
  }

  /** All that is left, in one go. */
  rest(): string {
    return this.#textTo(this.#data.length);
  }

  #textTo(end: number): string {
    const from = this.#position;
    this.#position = end;
    if (!this.isText) return this.#data.toString("base64", from, end);
    return JSON.stringify(this.#data.toString("utf8", from, end)).slice(1, -1);
  }

  /** Where no character is cut, and no group of base64. */
  #endOfNext(): number {
    let end = this.#position + pieceBytes;
    if (end >= this.#data.length) return this.#data.length;
    while (this.isText && ((this.#data[end] as number) & 0xc0) === 0x80) end -= 1;
    return end;
  }
}
