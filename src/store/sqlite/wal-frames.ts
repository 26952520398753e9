// The frames of SQLite's write-ahead log, one after the other, each judged by its own checksum. SQLite stops at the first
// that does not match and never looks behind it; here all are looked at, in bounded memory, and nothing is written.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export interface WalFrame {
  readonly pageNumber: number;
  /** The last of its transaction. */
  readonly isCommit: boolean;
  /** Its header says that it is of this log, and not of an earlier one whose frames are still there. */
  readonly isOfThisLog: boolean;
  /** Its checksum matches, as a continuation of the frame before it. */
  readonly isSound: boolean;
}

/** How a log is written: what its header says, or what is tried where the header is damaged. */
export interface WalLayout {
  readonly pageBytes: number;
  /** Byte order of the words that checksums are made of. */
  readonly isLittleEndian: boolean;
  readonly salts: WordPair;
  /** What the first frame's checksum may go on from. */
  readonly seeds: readonly WordPair[];
}

/** A checksum, or the two salts that name a log. */
export type WordPair = readonly [number, number];

export const walHeaderBytes = 32;
export const walFrameHeaderBytes = 24;
const framesAtOnce = 64;

export function* readWalFrames(walFile: string, layout: WalLayout): Generator<WalFrame> {
  const frameBytes = walFrameHeaderBytes + layout.pageBytes;
  const descriptor = openSync(walFile, "r");
  try {
    const frameCount = Math.ceil(fstatSync(descriptor).size / frameBytes);
    const buffer = new Uint8Array(Math.min(framesAtOnce, frameCount) * frameBytes);
    let { seeds } = layout;
    let position = walHeaderBytes;
    for (let length = 1; length > 0; position += length) {
      length = readWholeFrames(descriptor, buffer, position, frameBytes);
      for (let start = 0; start < length; start += frameBytes) {
        const frame = new Frame(new DataView(buffer.buffer, start, frameBytes), layout);
        const sums = frame.isOfThisLog ? seeds.map((seed) => frame.checksumAfter(seed)) : [];
        const isSound = frame.hasSalts && sums.some((sum) => isEqual(sum, frame.storedChecksum));
        const { pageNumber, isCommit, isOfThisLog, storedChecksum } = frame;
        yield { pageNumber, isCommit, isOfThisLog, isSound };
        // Behind damage the chain is taken up again: from the checksum as it stands there, or as it should have been.
        seeds = isSound ? [storedChecksum] : [storedChecksum, ...sums.slice(0, 1)];
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** A frame that the file ends in was never written whole. */
function readWholeFrames(
  descriptor: number,
  buffer: Uint8Array,
  position: number,
  frameBytes: number,
): number {
  let length = 0;
  for (let read = 1; read > 0 && length < buffer.byteLength; length += read) {
    read = readSync(descriptor, buffer, length, buffer.byteLength - length, position + length);
  }
  return length - (length % frameBytes);
}

/** Fields are big-endian, whatever the byte order of checksums is. */
class Frame {
  readonly #view: DataView<ArrayBuffer>;
  readonly #layout: WalLayout;

  constructor(view: DataView<ArrayBuffer>, layout: WalLayout) {
    this.#view = view;
    this.#layout = layout;
  }

  get pageNumber(): number {
    return this.#view.getUint32(0);
  }

  get isCommit(): boolean {
    return this.#view.getUint32(4) !== 0;
  }

  get salts(): WordPair {
    return wordPairAt(this.#view, 8);
  }

  get hasSalts(): boolean {
    return isEqual(this.salts, this.#layout.salts);
  }

  /** Both salts change from log to log: one alone that differs was damaged. */
  get isOfThisLog(): boolean {
    return this.salts.some((salt, index) => salt === this.#layout.salts[index]);
  }

  get storedChecksum(): WordPair {
    return wordPairAt(this.#view, 16);
  }

  checksumAfter(seed: WordPair): WordPair {
    const { isLittleEndian } = this.#layout;
    const afterHeader = walChecksum(this.#view, 0, 8, isLittleEndian, seed);
    return walChecksum(this.#view, walFrameHeaderBytes, this.#view.byteLength, isLittleEndian, afterHeader);
  }
}

/**
 * SQLite's checksum of the bytes from `start` to `end`, a multiple of eight, as a continuation of `seed`. The view begins
 * at a multiple of four in its memory.
 */
export function walChecksum(
  view: DataView<ArrayBuffer>,
  start: number,
  end: number,
  isLittleEndian: boolean,
  [seedOne, seedTwo]: WordPair,
): WordPair {
  const words = new Int32Array(view.buffer, view.byteOffset + start, (end - start) / 4);
  const isOwnOrder = isLittleEndian === isLittleEndianMachine;
  let one = seedOne | 0;
  let two = seedTwo | 0;
  for (let index = 0; index < words.length; index += 2) {
    const first = words[index] as number;
    const second = words[index + 1] as number;
    one = (one + (isOwnOrder ? first : swapped(first)) + two) | 0;
    two = (two + (isOwnOrder ? second : swapped(second)) + one) | 0;
  }
  return [one >>> 0, two >>> 0];
}

const isLittleEndianMachine = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

export function wordPairAt(view: DataView, offset: number): WordPair {
  return [view.getUint32(offset), view.getUint32(offset + 4)];
}

export function isEqual(one: WordPair, other: WordPair): boolean {
  return one[0] === other[0] && one[1] === other[1];
}
