// A part of the tree as it stood when the walk began, read at leisure while the tree moves on. Nothing is copied: of
// what a write replaces, the walk keeps the old record, and only where it has yet to pass. So it costs what is
// written before it, not what it reads.

import { baseName, joinPath, parentPath, rootPath } from "./path.ts";
import { SortedNames } from "./sorted-names.ts";
import type { Tree, TreeObserver } from "./tree.ts";
import type { Znode } from "./znode.ts";

export interface WalkScope {
  /** Where to walk; those that are not there are passed over. Each znode is met once, however many of them cover it. */
  readonly roots: readonly string[];
  /** Levels below each root; 0 is the root alone. */
  readonly depthMax: number;
  /** Go on after this path, which is or was in the scope of the only root. */
  readonly after?: string;
  /** Of the children of the roots, only those whose names begin so. */
  readonly prefix?: string;
  /** Bytes of overwritten znodes the walk may hold; beyond them it is overrun. No bound unless given. */
  readonly keptBytesMax?: number;
}

/** A place in the walk: the children of one path, up to and including `last`. */
interface Level {
  readonly path: string;
  last: string | null;
  names: Iterator<string>;
  /** How often the tree had changed when `names` was begun: it is good for as long as that stays. */
  changeCount: number;
}

/** About what a kept record takes besides its data. */
const keptOverheadBytes = 256;

export class TreeWalk implements TreeObserver<Znode> {
  readonly #tree: Tree;
  /** What was created after this was not there. */
  readonly #zxid: number;
  readonly #roots: readonly string[];
  readonly #rootIndexes: ReadonlyMap<string, number>;
  readonly #depthMax: number;
  readonly #prefix: string;
  readonly #levels: Level[] = [];
  #rootIndex = -1;
  /** The last znode met; nothing before it is asked for again. */
  #cursor = "";
  #changeCount = 0;
  /** Records as the walk must meet them, where the tree no longer has them. */
  readonly #kept = new Map<string, Znode>();
  /** Their names, by parent: some are gone from the tree. */
  readonly #keptNames = new Map<string, SortedNames>();
  #keptBytes = 0;
  readonly #keptBytesMax: number;
  #isOverrun = false;
  readonly #stopObserving: () => void;

  /** @param zxid of the tree now, whose state the walk will show */
  constructor(tree: Tree, zxid: number, scope: WalkScope) {
    const { roots, depthMax, after, prefix = "", keptBytesMax = Number.POSITIVE_INFINITY } = scope;
    this.#tree = tree;
    this.#zxid = zxid;
    this.#roots = [...new Set(roots)].sort();
    this.#rootIndexes = new Map(this.#roots.map((root, index) => [root, index]));
    this.#depthMax = depthMax;
    this.#prefix = prefix;
    this.#keptBytesMax = keptBytesMax;
    if (after !== undefined) this.#goTo(after);
    this.#stopObserving = tree.observe(this);
  }

  /** About the memory the walk holds for what was written before it. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Whether more was overwritten before it came by than it may hold: it let go of it all, and cannot go on. */
  get isOverrun(): boolean {
    return this.#isOverrun;
  }

  /**
   * The next znode, parents before children and siblings in code-unit order; undefined after the last.
   * @throws Error when the walk is overrun
   */
  next(): Znode | undefined {
    if (this.#isOverrun) throw new Error("more was written before the reader came by than is held for it");
    for (;;) {
      const level = this.#levels.at(-1);
      const path = level === undefined ? this.#nextRoot() : this.#nextChild(level);
      if (path === null) {
        this.end();
        return undefined;
      }
      if (path === undefined) continue;
      const znode = this.#recordAt(path);
      if (znode === undefined) continue;
      this.#cursor = path;
      if (this.#levels.length < this.#depthMax && znode.numChildren > 0) this.#descend(path);
      return znode;
    }
  }

  /** The tree forgets the walk. Whoever began one ends it, unless it came to its end. */
  end(): void {
    this.#stopObserving();
    this.#levels.length = 0;
    this.#rootIndex = this.#roots.length;
    this.#kept.clear();
    this.#keptNames.clear();
    this.#keptBytes = 0;
  }

  /** Null when every root had its turn. */
  #nextRoot(): string | null {
    this.#rootIndex += 1;
    this.#cursor = "";
    return this.#roots[this.#rootIndex] ?? null;
  }

  /** Undefined when this level, or this name, has nothing to meet. */
  #nextChild(level: Level): string | undefined {
    if (level.changeCount !== this.#changeCount) this.#findPlace(level);
    const { done, value: name } = level.names.next();
    if (done === true) {
      this.#levels.pop();
      this.#keptNames.delete(level.path);
      return undefined;
    }
    level.last = name;
    const path = joinPath(level.path, name);
    // A root below a root has its own turn.
    return this.#rootIndexes.has(path) ? undefined : path;
  }

  #descend(path: string): void {
    const level = { path, last: null, names: noNames, changeCount: -1 };
    this.#findPlace(level);
    this.#levels.push(level);
  }

  #findPlace(level: Level): void {
    level.names = this.#namesAfter(level.path, level.last);
    level.changeCount = this.#changeCount;
  }

  *#namesAfter(path: string, last: string | null): Generator<string> {
    const prefix = this.#prefixUnder(path);
    const from = last === null || last < prefix ? prefix : last;
    const inTree = this.#tree.childNames(path, from);
    const kept = this.#keptNames.get(path)?.from(from);
    for (const name of kept === undefined ? inTree : merged(inTree, kept)) {
      if (!name.startsWith(prefix)) return;
      if (name !== last) yield name;
    }
  }

  #prefixUnder(path: string): string {
    return this.#rootIndexes.has(path) ? this.#prefix : "";
  }

  #recordAt(path: string): Znode | undefined {
    const kept = this.#kept.get(path);
    if (kept !== undefined) {
      this.#kept.delete(path);
      this.#keptBytes -= bytesOf(kept);
      return kept;
    }
    const znode = this.#tree.get(path);
    return znode === undefined || znode.czxid > this.#zxid ? undefined : znode;
  }

  beforeChange(path: string, before: Znode | undefined): void {
    this.#changeCount += 1;
    if (before === undefined || before.czxid > this.#zxid) return;
    if (!this.#kept.has(path) && this.#isAhead(path)) this.#keep(path, before);
  }

  #keep(path: string, znode: Znode): void {
    this.#kept.set(path, znode);
    this.#keptBytes += bytesOf(znode);
    if (this.#keptBytes > this.#keptBytesMax) {
      this.#overrun();
      return;
    }
    if (path === rootPath) return;
    const parent = parentPath(path);
    let names = this.#keptNames.get(parent);
    if (names === undefined) {
      names = new SortedNames();
      this.#keptNames.set(parent, names);
    }
    names.add(baseName(path));
  }

  #overrun(): void {
    this.#isOverrun = true;
    this.end();
  }

  /** Whether the walk will still come by here. */
  #isAhead(path: string): boolean {
    const index = this.#rootIndexOver(path);
    if (index === undefined || index < this.#rootIndex || !this.#hasPrefix(path)) return false;
    return index > this.#rootIndex || comesAfter(path, this.#cursor);
  }

  #hasPrefix(path: string): boolean {
    return this.#rootIndexes.has(path) || baseName(path).startsWith(this.#prefixUnder(parentPath(path)));
  }

  /** The root whose turn the path belongs to: the nearest at or above it. */
  #rootIndexOver(path: string): number | undefined {
    let ancestor = path;
    for (let levels = 0; levels <= this.#depthMax; levels += 1) {
      const index = this.#rootIndexes.get(ancestor);
      if (index !== undefined || ancestor === rootPath) return index;
      ancestor = parentPath(ancestor);
    }
    return undefined;
  }

  #goTo(after: string): void {
    const root = this.#roots[0] as string;
    this.#rootIndex = 0;
    this.#cursor = after;
    const levels: Level[] = [];
    for (let path = after; path !== root; path = parentPath(path)) {
      levels.push({ path: parentPath(path), last: baseName(path), names: noNames, changeCount: -1 });
    }
    this.#levels.push(...levels.reverse());
    if (this.#levels.length < this.#depthMax) this.#descend(after);
  }
}

const noNames: Iterator<string> = [].values();

function bytesOf(znode: Znode): number {
  return keptOverheadBytes + znode.data.byteLength;
}

/** Two sorted lists as one, each name once. */
function* merged(left: Iterable<string>, right: Iterable<string>): Generator<string> {
  const rights = right[Symbol.iterator]();
  let other = rights.next();
  for (const name of left) {
    while (other.done !== true && other.value < name) {
      yield other.value;
      other = rights.next();
    }
    if (other.done !== true && other.value === name) other = rights.next();
    yield name;
  }
  for (; other.done !== true; other = rights.next()) yield other.value;
}

/** Whether a walk meets `path` after `other`: segment by segment, a shorter segment first. */
function comesAfter(path: string, other: string): boolean {
  const length = Math.min(path.length, other.length);
  for (let index = 0; index < length; index += 1) {
    const a = path.charCodeAt(index);
    const b = other.charCodeAt(index);
    if (a === b) continue;
    if (a === slash || b === slash) return b === slash;
    return a > b;
  }
  return path.length > other.length;
}

const slash = "/".charCodeAt(0);
