// A large znode as an answer, made piece by piece: a mebibyte of data as JSON in one go is several milliseconds in which
// everybody waits. To the byte what a small one would be.

import { statText } from "../../core/tree/stat.ts";
import type { Znode } from "../../core/tree/znode.ts";
import { DataPieces } from "../../told/data-pieces.ts";
import { bytesInPieces, type InPieces } from "./pieces.ts";

/** @param form JSON where it says nothing */
export function znodeInPieces(znode: Znode, form: "bytes" | "base64" | undefined): InPieces {
  if (form === "bytes") return bytesInPieces(znode.data);
  return new ZnodeText(znode, form);
}

class ZnodeText implements InPieces {
  readonly byteLength: number;
  readonly #data: DataPieces;
  readonly #tail: string;
  #head: string;
  #isDone = false;

  constructor(znode: Znode, encoding: "base64" | undefined) {
    this.#data = new DataPieces(znode.data, encoding);
    const { isText } = this.#data;
    this.#head = `{"path":${JSON.stringify(znode.path)},"${isText ? "data" : "dataBase64"}":"`;
    this.#tail = `","stat":${statText(znode)}}\n`;
    const dataLength = isText ? jsonLengthOf(znode.data) : Math.ceil(znode.data.byteLength / 3) * 4;
    this.byteLength = Buffer.byteLength(this.#head) + dataLength + this.#tail.length;
  }

  next(): Uint8Array | null {
    if (this.#isDone) return null;
    const piece = this.#head + this.#data.next();
    this.#head = "";
    this.#isDone = this.#data.isDone;
    return Buffer.from(this.#isDone ? piece + this.#tail : piece);
  }
}

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
