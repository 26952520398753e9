// A large znode as an answer, made piece by piece: a mebibyte of data as JSON in one go is several milliseconds in which
// everybody waits. To the byte what a small one would be.

import { jsonLengthOf } from "../../core/json-length.ts";
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
