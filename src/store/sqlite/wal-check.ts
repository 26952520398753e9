// Looks through the write-ahead log before SQLite opens it. SQLite takes the first frame that does not match its checksum
// for the end of the log: after a crash it is, and after damage everything behind it would be gone without a word. Which
// of the two it is follows from what stands behind it (docs/decisions/0022-damage-is-noticed.md).

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { metaPageOf } from "./meta-page.ts";
import {
  isEqual,
  readWalFrames,
  type WalFrame,
  type WalLayout,
  type WordPair,
  walChecksum,
  walFrameHeaderBytes,
  walHeaderBytes,
  wordPairAt,
} from "./wal-frames.ts";

export class DamagedWalError extends Error {
  constructor(walFile: string, { frame, offset, commitsBehind }: WalDamage) {
    const place = frame === 0 ? "its header" : `frame ${frame}, at byte ${offset},`;
    const what =
      commitsBehind === 1
        ? "one commit of the same log comes"
        : `${commitsBehind} commits of the same log come`;
    super(
      `The write-ahead log ${walFile} is damaged: ${place} does not match its checksum, and ${what} after it. ` +
        "To start from what is before it would lose them, and with them writes that were acknowledged. It was left as " +
        `it is. See what else is with \`treekeeper check ${dirname(walFile)}\`, then restore a backup (docs/backup.md). To ` +
        "go on without what is lost, keep a copy of the data directory, then cut the log off there: " +
        `truncate -s ${offset} '${walFile}', and begin a new epoch: treekeeper restore --rolled-back.`,
    );
    this.name = "DamagedWalError";
  }
}

const walSuffix = "-wal";

export interface WalDamage {
  /** Counted from 1, as SQLite does; 0 is the header of the log. */
  readonly frame: number;
  /** Where it begins in the file. */
  readonly offset: number;
  /** Whole ones, of transactions after the one with the damage. */
  readonly commitsBehind: number;
}

/** @throws DamagedWalError when SQLite would take damage for the end of the log */
export function refuseDamagedWal(walFile: string, options: { readonly powerMayHaveFailed: boolean }): void {
  const damage = findWalDamage(walFile, options);
  if (damage !== null) throw new DamagedWalError(walFile, damage);
}

/**
 * Null when the log is whole, or ends as a crash leaves it.
 * @param options.powerMayHaveFailed whether frames that were not synced may have reached the disk in any order
 */
export function findWalDamage(
  walFile: string,
  { powerMayHaveFailed }: { readonly powerMayHaveFailed: boolean },
): WalDamage | null {
  const header = readHeader(walFile);
  if (header === null) return null;
  const metaPage = metaPageOf(walFile.slice(0, -walSuffix.length));
  for (const layout of layoutsOf(header)) {
    const judged = judge(readWalFrames(walFile, layout), { layout, isHeaderSound: header.isSound, metaPage });
    const isDamage = powerMayHaveFailed ? judged.isSyncedLost : judged.commitsBehind > 0;
    if (!isDamage) continue;
    const { badFrame, commitsBehind } = judged;
    const offset = badFrame === 0 ? 0 : offsetOf(badFrame, layout);
    return { frame: badFrame, offset, commitsBehind };
  }
  return null;
}

interface Judgement {
  /** The first that does not match; 0 when the header does not. */
  readonly badFrame: number;
  readonly commitsBehind: number;
  /** A commit at the bad frame or behind it was synced before another one behind that was written. */
  readonly isSyncedLost: boolean;
}

interface Judged {
  readonly layout: WalLayout;
  readonly isHeaderSound: boolean;
  /**
   * Page of the table `meta`: whatever is written without a sync of its own writes it too, and no entry of the log ever
   * does.
   */
  readonly metaPage: number;
}

/** Frames of a transaction that was rolled back may stay behind the end, and match; commits never do. */
function judge(frames: Iterable<WalFrame>, { layout, isHeaderSound, metaPage }: Judged): Judgement {
  let badFrame = isHeaderSound ? -1 : 0;
  // The header is synced before any frame is written.
  let hasEnded = !isHeaderSound;
  let hasSynced = !isHeaderSound;
  let mayBeUnsynced = false;
  let commitsBehind = 0;
  let isSyncedLost = false;
  let number = 0;
  for (const { isSound, isOfThisLog, isCommit, pageNumber } of frames) {
    number += 1;
    if (badFrame < 0 && !isSound) badFrame = number;
    if (isSound && isCommit && hasEnded) {
      commitsBehind += 1;
      isSyncedLost ||= hasSynced;
    }
    const isKnown = isSound || (isOfThisLog && pageNumber > 0 && isInOneSector(number, layout));
    // What a frame was that cannot be read at all is not known: it may have been the page of meta.
    mayBeUnsynced ||= !isKnown || pageNumber === metaPage;
    if (!isKnown || !isCommit) continue;
    if (badFrame >= 0) {
      hasEnded = true;
      hasSynced ||= !mayBeUnsynced;
    }
    mayBeUnsynced = false;
  }
  return { badFrame, commitsBehind, isSyncedLost };
}

function offsetOf(frame: number, { pageBytes }: WalLayout): number {
  return walHeaderBytes + (frame - 1) * (walFrameHeaderBytes + pageBytes);
}

/** Disks write sectors whole: of a header in two of them, half may be that of an earlier log. */
function isInOneSector(frame: number, layout: WalLayout): boolean {
  return (offsetOf(frame, layout) % sectorBytes) + walFrameHeaderBytes <= sectorBytes;
}

const sectorBytes = 512;

interface WalHeader {
  readonly isSound: boolean;
  readonly pageBytes: number;
  readonly isLittleEndian: boolean;
  readonly salts: WordPair;
  readonly storedChecksum: WordPair;
  readonly view: DataView<ArrayBuffer>;
  /** Of the first frame, which is always of this log. */
  readonly firstSalts: WordPair;
}

/** The two forms of the magic number; the last bit is the byte order of checksums. */
const magic = 0x377f0682;

/** Null when there is no frame in the file. */
function readHeader(walFile: string): WalHeader | null {
  const size = statSync(walFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= walHeaderBytes + walFrameHeaderBytes) return null;
  const bytes = new Uint8Array(walHeaderBytes + walFrameHeaderBytes);
  const descriptor = openSync(walFile, "r");
  readSync(descriptor, bytes, 0, bytes.byteLength, 0);
  closeSync(descriptor);
  const view = new DataView(bytes.buffer);
  const isLittleEndian = (view.getUint32(0) & 1) === 0;
  const storedChecksum = wordPairAt(view, 24);
  const isWhole = isEqual(headerChecksum(view, isLittleEndian), storedChecksum);
  return {
    isSound: (view.getUint32(0) & ~1) === magic && isWhole,
    pageBytes: view.getUint32(8),
    isLittleEndian,
    salts: wordPairAt(view, 16),
    storedChecksum,
    view,
    firstSalts: wordPairAt(view, walHeaderBytes + 8),
  };
}

function headerChecksum(view: DataView<ArrayBuffer>, isLittleEndian: boolean): WordPair {
  return walChecksum(view, 0, 24, isLittleEndian, [0, 0]);
}

/** Where the header is damaged, the frames are read in each way they may have been written in. */
function layoutsOf(header: WalHeader): WalLayout[] {
  const { isSound, pageBytes, isLittleEndian, salts, storedChecksum, view, firstSalts } = header;
  if (isSound) return [{ pageBytes, isLittleEndian, salts, seeds: [storedChecksum] }];
  return [true, false].map((order) => ({
    pageBytes: usualPageBytes,
    isLittleEndian: order,
    salts: firstSalts,
    seeds: [storedChecksum, headerChecksum(view, order)],
  }));
}

/** SQLite's own choice, which is never changed here. */
const usualPageBytes = 4096;
