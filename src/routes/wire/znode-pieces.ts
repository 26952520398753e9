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
  readonly #pieces: Iterator<Uint8Array>;

  constructor(znode: Znode, encoding: "base64" | undefined) {
    const data = new DataPieces(znode.data, encoding);
    const member = data.isText ? "data" : "dataBase64";
    const head = Buffer.from(`{"path":${JSON.stringify(znode.path)},"${member}":"`);
    const tail = Buffer.from(`","stat":${statText(znode)}}\n`);
    const dataLength = data.isText ? jsonLengthOf(znode.data) : Math.ceil(znode.data.byteLength / 3) * 4;
    this.byteLength = head.length + dataLength + tail.length;
    this.#pieces = between(head, data, tail);
  }

  next(): Uint8Array | null {
    const { value = null } = this.#pieces.next();
    return value;
  }
}

function* between(head: Buffer, data: DataPieces, tail: Buffer): Generator<Uint8Array, undefined> {
  yield head;
  while (!data.isDone) yield data.nextBytes();
  yield tail;
}
