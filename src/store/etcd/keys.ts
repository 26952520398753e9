// Where things are kept in etcd, all of them below one prefix. The version of the key `log/tail`, which every append
// overwrites, is the position of the last entry: etcd itself counts them, and no two servers get in each other's way.

import type { Lsn } from "../commit-log.ts";

const seqDigits = 10;

export class Keys {
  readonly prefix: string;
  /** Whose log it is, and whether it is served here (`log-format.ts`). */
  readonly format: Uint8Array;
  readonly tail: Uint8Array;
  /** Written by whoever asks where the log ends: an answer to a write is never from before the question. */
  readonly question: Uint8Array;
  /** Of all there is below the prefix. */
  readonly all: KeyRange;
  /** Of all entries, and of what is to be watched. */
  readonly entries: KeyRange;
  readonly log: KeyRange;
  /** Of all fences. */
  readonly fences: KeyRange;
  /** Of what servers say of themselves, which is in no log. */
  readonly servers: KeyRange;
  /** Says which snapshot there is. */
  readonly manifest: Uint8Array;
  /** Of all pieces of snapshots. */
  readonly chunks: KeyRange;
  readonly #entriesPrefix: string;
  readonly #partsPrefix: string;
  readonly #fencesPrefix: string;
  readonly #chunksPrefix: string;
  readonly #serversPrefix: string;
  readonly #before: Lsn;

  /**
   * @param prefix ends with a slash
   * @param before the position that etcd's first one comes after, where positions count
   */
  constructor(prefix: string, before: Lsn = 0) {
    this.prefix = prefix;
    this.#before = before;
    this.all = below(prefix);
    this.format = bytesOf(`${prefix}fmt`);
    this.tail = bytesOf(`${prefix}log/tail`);
    this.question = bytesOf(`${prefix}sync`);
    this.#entriesPrefix = `${prefix}log/e/`;
    this.#partsPrefix = `${prefix}parts/`;
    this.#fencesPrefix = `${prefix}fence/`;
    this.fences = below(this.#fencesPrefix);
    this.#serversPrefix = `${prefix}servers/`;
    this.servers = below(this.#serversPrefix);
    this.manifest = bytesOf(`${prefix}snap/m`);
    this.#chunksPrefix = `${prefix}snap/c/`;
    this.chunks = below(this.#chunksPrefix);
    this.entries = below(this.#entriesPrefix);
    this.log = below(`${prefix}log/`);
  }

  /** The position of the entry with which the tail had been written so often. */
  lsnAt(tailVersion: bigint): Lsn {
    return this.#before + Number(tailVersion);
  }

  entry(writer: string, seq: number): Uint8Array {
    return bytesOf(`${this.#entriesPrefix}${writer}/${numbered(seq)}`);
  }

  entriesOf(writer: string): KeyRange {
    return below(`${this.#entriesPrefix}${writer}/`);
  }

  /** An entry and all that its writer wrote before it. */
  entriesUpTo(writer: string, seq: number): KeyRange {
    return { key: this.entriesOf(writer).key, rangeEnd: this.entry(writer, seq + 1) };
  }

  /** Written with each entry of a writer: what it says is the last one, and when it was written names it. */
  fence(writer: string): Uint8Array {
    return bytesOf(`${this.#fencesPrefix}${writer}`);
  }

  writerAt(fence: Uint8Array): string {
    return textOf(fence).slice(this.#fencesPrefix.length);
  }

  server(writer: string): Uint8Array {
    return bytesOf(`${this.#serversPrefix}${writer}`);
  }

  serverAt(key: Uint8Array): string {
    return textOf(key).slice(this.#serversPrefix.length);
  }

  /** @param hash of its content, in hex */
  chunk(hash: string): Uint8Array {
    return bytesOf(`${this.#chunksPrefix}${hash}`);
  }

  hashAt(chunk: Uint8Array): string {
    return textOf(chunk).slice(this.#chunksPrefix.length);
  }

  /** Of an entry that is longer than one value may be. */
  part(writer: string, seq: number, index: number): Uint8Array {
    return bytesOf(`${this.#partsPrefix}${writer}/${numbered(seq)}/${numbered(index)}`);
  }

  partsOf(writer: string): KeyRange {
    return below(`${this.#partsPrefix}${writer}/`);
  }

  parts(writer: string, seq: number): KeyRange {
    return below(`${this.#partsPrefix}${writer}/${numbered(seq)}/`);
  }

  /** Those of an entry and of all that its writer wrote, or had begun to write, before it. */
  partsUpTo(writer: string, seq: number): KeyRange {
    return { key: this.partsOf(writer).key, rangeEnd: this.parts(writer, seq).rangeEnd };
  }

  /** Null for a key that is none of an entry. */
  entryAt(key: Uint8Array): { readonly writer: string; readonly seq: number } | null {
    const text = textOf(key);
    if (!text.startsWith(this.#entriesPrefix)) return null;
    const [writer = "", seq = ""] = text.slice(this.#entriesPrefix.length).split("/");
    return { writer, seq: Number(seq) };
  }
}

function numbered(number: number): string {
  return String(number).padStart(seqDigits, "0");
}

/** Keys from one up to another, which is not among them. */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** All keys that begin so. @param prefix ends with a slash */
export function below(prefix: string): KeyRange {
  const rangeEnd = bytesOf(prefix);
  // The prefix ends with a slash, which is not the last character there is.
  rangeEnd[rangeEnd.length - 1] = (rangeEnd.at(-1) as number) + 1;
  return { key: bytesOf(prefix), rangeEnd };
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
