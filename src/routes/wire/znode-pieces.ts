// A large znode as an answer, made piece by piece: a mebibyte of data as JSON in one go is several milliseconds in which
// everybody waits. To the byte what a small one would be.

import { isUtf8 } from "node:buffer";
import { statText } from "../../core/tree/stat.ts";
import type { Znode } from "../../core/tree/znode.ts";
import { bytesInPieces, type InPieces } from "./pieces.ts";

/** @param form JSON where it says nothing */
export function znodeInPieces(znode: Znode, form: "bytes" | "base64" | undefined): InPieces {
  if (form === "bytes") return bytesInPieces(znode.data);
  return new ZnodeText(znode, form === "base64");
}

class ZnodeText implements InPieces {
  readonly byteLength: number;
  readonly #data: Buffer;
  readonly #isText: boolean;
  readonly #tail: string;
  #head: string;
  #position = 0;

  constructor(znode: Znode, isBase64: boolean) {
    const { buffer, byteOffset, byteLength } = znode.data;
    this.#data = Buffer.from(buffer, byteOffset, byteLength);
    this.#isText = !isBase64 && isUtf8(this.#data);
    this.#head = `{"path":${JSON.stringify(znode.path)},"${this.#isText ? "data" : "dataBase64"}":"`;
    this.#tail = `","stat":${statText(znode)}}\n`;
    const dataLength = this.#isText ? jsonLengthOf(znode.data) : Math.ceil(byteLength / 3) * 4;
    this.byteLength = Buffer.byteLength(this.#head) + dataLength + this.#tail.length;
  }

  next(): Uint8Array | null {
    const from = this.#position;
    if (from > this.#data.length) return null;
    const to = this.#endFrom(from);
    this.#position = to === this.#data.length ? to + 1 : to;
    const piece = this.#head + this.#textOf(from, to) + (to === this.#data.length ? this.#tail : "");
    this.#head = "";
    return Buffer.from(piece);
  }

  #textOf(from: number, to: number): string {
    if (!this.#isText) return this.#data.toString("base64", from, to);
    return JSON.stringify(this.#data.toString("utf8", from, to)).slice(1, -1);
  }

  /** Where no character is cut, and no group of base64. */
  #endFrom(from: number): number {
    let to = from + dataBytes;
    if (to >= this.#data.length) return this.#data.length;
    while (this.#isText && ((this.#data[to] as number) & 0xc0) === 0x80) to -= 1;
    return to;
  }
}

/** Of the data in one piece of text; a multiple of three. A byte is six characters at most. */
const dataBytes = 24_576;

/** Data does not change: what is read again and again is measured once. */
const jsonLengths = new WeakMap<Uint8Array, number>();

/** Of text without its quotes. */
function jsonLengthOf(text: Uint8Array): number {
  const known = jsonLengths.get(text);
  if (known !== undefined) return known;
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) length += escapeLengths[text[at] as number] as number;
  jsonLengths.set(text, length);
  return length;
}

/** What JSON.stringify adds to each byte of UTF-8: `\u001f` for most of the first 32, `\n` and the like for some. */
const escapeLengths = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)).length - '"a"'.length : 0,
);
