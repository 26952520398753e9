// What walks under way have still to see of the past: records that were overwritten since they began. One such record is
// kept once, however many walks will come by, so that a write costs the same beside one walk or a thousand; and all that
// is kept has one bound, beyond which the oldest walk is given up.

import { baseName, parentPath, rootPath } from "./path.ts";
import { SortedNames } from "./sorted-names.ts";
import type { Tree, TreeObserver } from "./tree.ts";
import type { Znode } from "./znode.ts";

/** A walk as the past sees it. */
export interface PastReader {
  /** What was created after this was not there. */
  readonly zxid: number;
  readonly roots: readonly string[];
  /** Bytes that may be kept since it began. */
  readonly keptBytesMax: number;
  /** Whether the walk will still come by here. */
  isAhead(path: string): boolean;
  /** More was overwritten than may be kept for it. It has been ended. */
  overrun(): void;
}

/** A record that was overwritten: it is what walks see that began at its turn or earlier. */
interface Version {
  /** Undefined once it is forgotten. */
  znode: Znode | undefined;
  readonly turn: number;
}

interface Reading {
  readonly reader: PastReader;
  readonly turn: number;
}

/** About what a kept record takes besides its data. */
const keptOverheadBytes = 256;

/** Walks asked whether they will come by; beside more of them, what is in the scope of any is kept unasked. */
const askedWalksMax = 8;

/** Versions let go of at a write, and at the end of a walk. There may be very many: nobody waits for all of them. */
const releasedAtWrite = 4;
const releasedAtEnd = 1000;

/** What was let go of leaves room at the front, closed when it is half of the array. */
const compactAtMin = 1024;

export class Past implements TreeObserver<Znode> {
  readonly #tree: Tree;
  /** Oldest first. */
  readonly #readings: Reading[] = [];
  /** How many walks have a root here. */
  readonly #roots = new Map<string, number>();
  #lastTurn = 0;
  #changeCount = 0;
  #stopObserving = () => {};
  /** In the order of their turns; from the first on, those forgotten out of turn among them. */
  #inOrder: Version[] = [];
  #first = 0;
  /** Those not forgotten by path, the oldest first. */
  #versions = new Map<string, Version[]>();
  /** Their names, by parent: some are gone from the tree. */
  #names = new Map<string, SortedNames>();
  /** Of what is kept for walks under way, by turn, in their order. */
  #bytesByTurn = new Map<number, number>();
  #bytes = 0;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** How often the tree, or what is kept of it, has changed while walks were under way. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Bytes kept for all walks. */
  get keptBytes(): number {
    return this.#bytes;
  }

  /** Returns the walk's turn, by which it asks from here on. */
  begin(reader: PastReader): number {
    if (this.#readings.length === 0) this.#stopObserving = this.#tree.observe(this);
    this.#lastTurn += 1;
    this.#readings.push({ reader, turn: this.#lastTurn });
    for (const root of reader.roots) this.#roots.set(root, (this.#roots.get(root) ?? 0) + 1);
    return this.#lastTurn;
  }

  /** What was kept for this walk alone is let go of. A walk may be ended twice. */
  end(turn: number): void {
    const index = this.#indexOf(turn);
    if (index === -1) return;
    const [{ reader }] = this.#readings.splice(index, 1) as [Reading];
    for (const root of reader.roots) this.#forgetRoot(root);
    if (this.#readings.length === 0) this.#forgetAll();
    else if (index === 0) this.#forgetBefore((this.#readings[0] as Reading).turn);
  }

  /** The record as the walk must meet it; undefined where the tree has it, if it was there. */
  recordFor(turn: number, path: string): Znode | undefined {
    const version = this.#versions.get(path)?.find((kept) => kept.turn >= turn);
    // A walk asks once for each path: nobody else will.
    const znode = version?.znode;
    if (version !== undefined && this.#readings.length === 1) this.#forget(version);
    return znode;
  }

  /** Names under a path of which there are versions, from the first that is not before `from`. */
  namesFrom(path: string, from: string): Iterable<string> | undefined {
    return this.#names.get(path)?.from(from);
  }

  /** Bytes kept since the walk began. */
  bytesSince(turn: number): number {
    let bytes = 0;
    if (this.#indexOf(turn) === -1) return bytes;
    for (const [keptAt, kept] of this.#bytesByTurn) if (keptAt >= turn) bytes += kept;
    return bytes;
  }

  beforeChange(path: string, before: Znode | undefined): void {
    this.#changeCount += 1;
    if (before !== undefined && this.#isNeeded(path, before)) this.#keep(before);
    this.#release(releasedAtWrite);
  }

  #isNeeded(path: string, before: Znode): boolean {
    const { reader, turn } = this.#readings.at(-1) as Reading;
    if (before.czxid > reader.zxid) return false;
    const newest = this.#versions.get(path)?.at(-1);
    // Every walk under way sees that one, or an earlier one.
    if (newest !== undefined && newest.turn >= turn) return false;
    if (!this.#isInScope(path)) return false;
    if (this.#readings.length > askedWalksMax) return true;
    return this.#readings.some((reading) => reading.reader.isAhead(path));
  }

  /** Whether any walk has a root at the path or above it. */
  #isInScope(path: string): boolean {
    for (let ancestor = path; ; ancestor = parentPath(ancestor)) {
      if (this.#roots.has(ancestor)) return true;
      if (ancestor === rootPath) return false;
    }
  }

  #keep(znode: Znode): void {
    const { path } = znode;
    const version = { znode, turn: this.#lastTurn };
    this.#inOrder.push(version);
    const versions = this.#versions.get(path);
    if (versions === undefined) {
      this.#versions.set(path, [version]);
      this.#addName(path);
    } else {
      versions.push(version);
    }
    this.#count(version.turn, bytesOf(znode));
    for (let oldest = this.#readings[0]; oldest !== undefined; oldest = this.#readings[0]) {
      if (this.#bytes <= oldest.reader.keptBytesMax) return;
      this.end(oldest.turn);
      oldest.reader.overrun();
    }
  }

  #addName(path: string): void {
    if (path === rootPath) return;
    const parent = parentPath(path);
    const names = this.#names.get(parent) ?? new SortedNames();
    names.add(baseName(path));
    this.#names.set(parent, names);
  }

  #count(turn: number, bytes: number): void {
    this.#bytesByTurn.set(turn, (this.#bytesByTurn.get(turn) ?? 0) + bytes);
    this.#bytes += bytes;
  }

  /** Nobody will ask for versions of earlier turns: they count no more, and are let go of bit by bit. */
  #forgetBefore(turn: number): void {
    for (const [keptAt, bytes] of this.#bytesByTurn) {
      if (keptAt >= turn) break;
      this.#bytesByTurn.delete(keptAt);
      this.#bytes -= bytes;
    }
    this.#release(releasedAtEnd);
  }

  #release(versionsMax: number): void {
    const oldestTurn = this.#readings[0]?.turn ?? 0;
    for (let left = versionsMax; left > 0; left -= 1) {
      const version = this.#inOrder[this.#first];
      if (version === undefined || (version.znode !== undefined && version.turn >= oldestTurn)) break;
      this.#forget(version);
      this.#first += 1;
    }
    if (this.#first < compactAtMin || this.#first * 2 < this.#inOrder.length) return;
    this.#inOrder = this.#inOrder.slice(this.#first);
    this.#first = 0;
  }

  #forget(version: Version): void {
    const { znode, turn } = version;
    if (znode === undefined) return;
    const { path } = znode;
    version.znode = undefined;
    if (this.#bytesByTurn.has(turn)) this.#count(turn, -bytesOf(znode));
    // Whoever is listing the names has to find its place anew.
    this.#changeCount += 1;
    const others = (this.#versions.get(path) as Version[]).filter((other) => other !== version);
    if (others.length > 0) {
      this.#versions.set(path, others);
      return;
    }
    this.#versions.delete(path);
    if (path === rootPath) return;
    const names = this.#names.get(parentPath(path)) as SortedNames;
    names.delete(baseName(path));
    if (names.size === 0) this.#names.delete(parentPath(path));
  }

  #forgetAll(): void {
    this.#stopObserving();
    this.#inOrder = [];
    this.#first = 0;
    this.#versions = new Map();
    this.#names = new Map();
    this.#bytesByTurn = new Map();
    this.#bytes = 0;
  }

  #forgetRoot(root: string): void {
    const count = (this.#roots.get(root) as number) - 1;
    if (count === 0) this.#roots.delete(root);
    else this.#roots.set(root, count);
  }

  /** -1 when the walk has ended. Turns are in order. */
  #indexOf(turn: number): number {
    let low = 0;
    let high = this.#readings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#readings[middle] as Reading).turn < turn) low = middle + 1;
      else high = middle;
    }
    return this.#readings[low]?.turn === turn ? low : -1;
  }
}

function bytesOf(znode: Znode): number {
  return keptOverheadBytes + znode.path.length + znode.data.byteLength;
}
