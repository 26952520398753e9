// Data as it stands between quotes in JSON, made piece by piece: a mebibyte in one go is several milliseconds in which
// everybody waits. One after the other the pieces are to the byte what it would be in one.

import { isUtf8 } from "node:buffer";
import { jsonBytesOf } from "./json-bytes.ts";

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

  /** The same as bytes: those of the data itself where it stands there as it is. */
  nextBytes(): Buffer {
    if (!this.isText) return Buffer.from(this.next());
    return this.#escapedTo(this.#endOfNext());
  }

  /** All that is left, in one go. */
  rest(): string {
    return this.#textTo(this.#data.length);
  }

  #textTo(end: number): string {
    if (this.isText) return this.#escapedTo(end).toString("utf8");
    const from = this.#position;
    this.#position = end;
    return this.#data.toString("base64", from, end);
  }

  #escapedTo(end: number): Buffer {
    const from = this.#position;
    this.#position = end;
    return jsonBytesOf(this.#data.subarray(from, end));
  }

  /** Where no character is cut, and no group of base64. */
  #endOfNext(): number {
    let end = this.#position + pieceBytes;
    if (end >= this.#data.length) return this.#data.length;
    while (this.isText && ((this.#data[end] as number) & 0xc0) === 0x80) end -= 1;
    return end;
  }
}
