// The pieces that a snapshot is kept in: each under the hash of what is in it, so that what has not changed since the last
// snapshot is there already, and what was damaged on the way is known for it.

import { hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";

/** Of the file in one piece. etcd takes requests of 1.5 MiB unless told otherwise. */
const chunkBytes = 524_288;
const hashBytes = 32;
/** Pieces that one list names: 8 GiB of the file. */
const hashesPerList = chunkBytes / hashBytes;
/** As many as the manifest has room for, many times what etcd is made for: 512 GiB of the file. */
const listsMax = 64;

/** Of a database half of which cannot be made smaller, what is left: the first level 43 %, the sixth 42 % in twice the time. */
const deflateLevel = 1;
const asItIs = 0;
const deflated = 1;

const deflateAsync = promisify(deflate);
const inflateAsync = promisify(inflate);

export function hashOf(content: Uint8Array): string {
  return hash("sha256", content);
}

/** As it stands in etcd. */
export async function packed(content: Uint8Array): Promise<Uint8Array> {
  const small = await deflateAsync(content, { level: deflateLevel });
  return small.byteLength < content.byteLength
    ? Buffer.concat([Buffer.of(deflated), small])
    : Buffer.concat([Buffer.of(asItIs), content]);
}

/** @throws Error when it is not what the hash says */
export async function unpacked(value: Uint8Array, expectedHash: string): Promise<Uint8Array> {
  const content = await contentIn(value);
  if (content !== null && hashOf(content) === expectedHash) return content;
  throw new Error(`the piece ${expectedHash} of the snapshot in etcd is not what was put there`);
}

async function contentIn(value: Uint8Array): Promise<Uint8Array | null> {
  const content = value.subarray(1);
  if (value[0] === asItIs) return content;
  if (value[0] !== deflated) return null;
  return await inflateAsync(content, { maxOutputLength: chunkBytes }).catch(() => null);
}

/** The file from its beginning to its end. @throws Error when it ends before */
export async function* piecesOf(file: FileHandle, bytes: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < bytes; position += chunkBytes) {
    const piece = Buffer.alloc(Math.min(chunkBytes, bytes - position));
    const { bytesRead } = await file.read(piece, 0, piece.byteLength, position);
    if (bytesRead < piece.byteLength) throw new Error(`the snapshot ends at byte ${position + bytesRead}`);
    yield piece;
  }
}

/** What names the pieces of a file in their order, in pieces of its own. @throws Error when there are too many */
export function listsOf(hashes: readonly string[]): Uint8Array[] {
  const count = Math.ceil(hashes.length / hashesPerList);
  if (count > listsMax) throw new Error(`a snapshot has at most ${listsMax * hashesPerList} pieces`);
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(hashes.slice(index * hashesPerList, (index + 1) * hashesPerList).join(""), "hex"),
  );
}

export function hashesIn(list: Uint8Array): string[] {
  const hex = Buffer.from(list.buffer, list.byteOffset, list.byteLength).toString("hex");
  return Array.from({ length: list.byteLength / hashBytes }, (_, index) =>
    hex.slice(2 * hashBytes * index, 2 * hashBytes * (index + 1)),
  );
}
