// How a log is told to another server: frames, each with its lengths and a checksum in front. What a frame says of itself is
// JSON, so that it may gain members; the body of an entry follows as it stands in the log.

import { crc32 } from "node:zlib";
import { printableLine } from "../../printable.ts";
import type { Author, StampedEntry } from "../recent-entries.ts";

/** What kind of answer it is. */
export const logMediaType = "application/vnd.treekeeper.log";

/** Where the log of a server ends, and who tells it. */
export interface Tail {
  readonly clusterId: string;
  readonly lsn: number;
  readonly zxid: number;
  readonly epoch: string;
  /** Of the last entry; null where the server does not know. */
  readonly author: Author | null;
  /** Names of the processes it comes by, the one that is asked first. */
  readonly servers: readonly string[];
  /** Why that server cannot say whether this is all there is; null where it can. */
  readonly suspended: string | null;
  /** For how long it has not been able to; 0 where it can. */
  readonly silentMs: number;
}

export type Frame =
  | { readonly kind: "tail"; readonly tail: Tail }
  | { readonly kind: "entry"; readonly entry: StampedEntry };

const headBytes = 12;
/** Of what a frame says of itself. */
const factsBytesMax = 65_536;
/** Of an entry, whatever a server allows. */
const bodyBytesMax = 64 * 1024 ** 2;
const noBody = new Uint8Array();

/** The pieces of a frame; the body is not copied. */
export function encodeFrame(frame: Frame): readonly Uint8Array[] {
  if (frame.kind === "tail") return piecesOf({ tail: frame.tail }, noBody);
  const { body, ...entry } = frame.entry;
  return piecesOf({ entry }, body);
}

function piecesOf(facts: object, body: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(facts));
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(text.byteLength, 0);
  head.writeUInt32BE(body.byteLength, 4);
  head.writeUInt32BE(crc32(body, crc32(text)), 8);
  const front = Buffer.concat([head, text]);
  return body.byteLength === 0 ? [front] : [front, body];
}

/** Takes bytes as they arrive, and gives the frames that they complete. It holds one frame at most. */
export class FrameReader {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** @throws Error when they are no frames, or were damaged on the way */
  take(piece: Uint8Array): Frame[] {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== null; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | null {
    if (this.#bytes < headBytes) return null;
    const head = this.#joined(headBytes);
    const [factsBytes, bodyBytes] = [head.readUInt32BE(0), head.readUInt32BE(4)];
    if (factsBytes > factsBytesMax || bodyBytes > bodyBytesMax) throw new Error("what came is no log");
    const total = headBytes + factsBytes + bodyBytes;
    if (this.#bytes < total) return null;
    const all = this.#joined(total);
    this.#pieces = all.byteLength > total ? [all.subarray(total)] : [];
    this.#bytes -= total;
    const text = all.subarray(headBytes, headBytes + factsBytes);
    // Its memory is its own: what arrived beside it would be kept with it.
    const body = new Uint8Array(all.subarray(headBytes + factsBytes, total));
    if (crc32(body, crc32(text)) !== head.readUInt32BE(8)) throw new Error("the log was damaged on its way");
    return frameOf(text.toString(), body);
  }

  /** At least so many, in one piece: each is joined once, or twice where it begins a frame. */
  #joined(bytes: number): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && first.byteLength >= bytes) return asBuffer(first);
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

function frameOf(text: string, body: Uint8Array): Frame {
  const facts = JSON.parse(text) as { tail?: unknown; entry?: unknown };
  if (facts.tail !== undefined) return { kind: "tail", tail: tailOf(facts.tail) };
  const { lsn, zxid, epoch, writer, seq } = facts.entry as Partial<StampedEntry>;
  if (!areNumbers(lsn, zxid, seq) || typeof epoch !== "string" || typeof writer !== "string")
    throw new Error("what came is no entry of a log");
  return { kind: "entry", entry: { lsn, zxid, epoch, writer, seq, body } as StampedEntry };
}

/** @throws Error */
export function tailOf(facts: unknown): Tail {
  const { clusterId, lsn, zxid, epoch, author, servers, suspended, silentMs } = (facts ??
    {}) as Partial<Tail>;
  const isWhole =
    areNumbers(lsn, zxid, silentMs) && typeof clusterId === "string" && typeof epoch === "string";
  if (!isWhole || !Array.isArray(servers)) throw new Error("what came does not say where a log ends");
  const cause = typeof suspended === "string" ? printableLine(suspended) : null;
  return { clusterId, lsn, zxid, epoch, author: author ?? null, servers, suspended: cause, silentMs } as Tail;
}

function areNumbers(...values: readonly unknown[]): boolean {
  return values.every(Number.isSafeInteger);
}
