// A part of the tree as it stood when the walk began, read at leisure while the tree moves on. Nothing is copied: of
// what a write replaces, the old record is kept (`past.ts`) where a walk has yet to pass. So it costs what is
// written before it, not what it reads.

import type { Past, PastReader } from "./past.ts";
import { baseName, joinPath, parentPath, rootPath } from "./path.ts";
import type { Tree } from "./tree.ts";
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
  /** Whether there may be something to meet below the path; where there is not it is not looked. Everywhere unless given. */
  readonly descends?: (path: string) => boolean;
  /** Bytes of overwritten znodes that may be kept since the walk began; beyond them it is overrun. No bound unless given. */
  readonly keptBytesMax?: number;
  /** Whether a path may be told: what may not is passed over, with all below it. All may, unless given. */
  readonly sees?: (path: string) => boolean;
  /** The same of a znode that is met, by what it is. */
  readonly tells?: (znode: Znode) => boolean;
}

/** What is walked over: the parts of a state that a walk looks at. */
interface WalkedState {
  readonly tree: Tree;
  readonly past: Past;
  readonly zxid: number;
}

/** A place in the walk: the children of one path, up to and including `last`. */
interface Level {
  readonly path: string;
  last: string | null;
  names: Iterator<string>;
  /** How often the tree had changed when `names` was begun: it is good for as long as that stays. */
  changeCount: number;
}

export class TreeWalk implements PastReader {
  readonly zxid: number;
  readonly roots: readonly string[];
  readonly keptBytesMax: number;
  readonly #tree: Tree;
  readonly #past: Past;
  /** Its place among the walks under way. */
  readonly #turn: number;
  readonly #rootIndexes: ReadonlyMap<string, number>;
  readonly #depthMax: number;
  readonly #prefix: string;
  readonly #descends: ((path: string) => boolean) | undefined;
  readonly #sees: ((path: string) => boolean) | undefined;
  readonly #tells: ((znode: Znode) => boolean) | undefined;
  readonly #levels: Level[] = [];
  #rootIndex = -1;
  /** The last znode met; nothing before it is asked for again. */
  #cursor = "";
  #isOverrun = false;

  /** Shows the state as it is now. */
  constructor({ tree, zxid, past }: WalkedState, scope: WalkScope) {
    const { roots, depthMax, after, prefix = "", descends, keptBytesMax = Number.POSITIVE_INFINITY } = scope;
    this.zxid = zxid;
    this.roots = [...new Set(roots)].sort();
    this.keptBytesMax = keptBytesMax;
    this.#tree = tree;
    this.#past = past;
    this.#rootIndexes = new Map(this.roots.map((root, index) => [root, index]));
    this.#depthMax = depthMax;
    this.#prefix = prefix;
    this.#descends = descends;
    this.#sees = scope.sees;
    this.#tells = scope.tells;
    if (after !== undefined) this.#goTo(after);
    this.#turn = past.begin(this);
  }

  /** About the memory held since the walk began, for this walk and for younger ones. */
  get keptBytes(): number {
    return this.#past.bytesSince(this.#turn);
  }

  /** Whether more was overwritten before it came by than may be kept: that was let go of, and it cannot go on. */
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
      if (path === undefined || this.#sees?.(path) === false) continue;
      const znode = this.#recordAt(path);
      if (znode === undefined || this.#tells?.(znode) === false) continue;
      this.#cursor = path;
      if (this.#levels.length < this.#depthMax && znode.numChildren > 0 && this.#goesBelow(path))
        this.#descend(path);
      return znode;
    }
  }

  /** The tree forgets the walk. Whoever began one ends it, unless it came to its end. */
  end(): void {
    this.#past.end(this.#turn);
    this.#levels.length = 0;
    this.#rootIndex = this.roots.length;
  }

  /** Null when every root had its turn. */
  #nextRoot(): string | null {
    this.#rootIndex += 1;
    this.#cursor = "";
    return this.roots[this.#rootIndex] ?? null;
  }

  /** Undefined when this level, or this name, has nothing to meet. */
  #nextChild(level: Level): string | undefined {
    if (level.changeCount !== this.#past.changeCount) this.#findPlace(level);
    const { done, value: name } = level.names.next();
    if (done === true) {
      this.#levels.pop();
      return undefined;
    }
    level.last = name;
    const path = joinPath(level.path, name);
    // A root below a root has its own turn.
    return this.#rootIndexes.has(path) ? undefined : path;
  }

  #goesBelow(path: string): boolean {
    return this.#descends === undefined || this.#descends(path);
  }

  #descend(path: string): void {
    const level = { path, last: null, names: noNames, changeCount: -1 };
    this.#findPlace(level);
    this.#levels.push(level);
  }

  #findPlace(level: Level): void {
    level.names = this.#namesAfter(level.path, level.last);
    level.changeCount = this.#past.changeCount;
  }

  *#namesAfter(path: string, last: string | null): Generator<string> {
    const prefix = this.#prefixUnder(path);
    const from = last === null || last < prefix ? prefix : last;
    const inTree = this.#tree.childNames(path, from);
    const kept = this.#past.namesFrom(path, from);
    for (const name of kept === undefined ? inTree : merged(inTree, kept)) {
      if (!name.startsWith(prefix)) return;
      if (name !== last) yield name;
    }
  }

  #prefixUnder(path: string): string {
    return this.#rootIndexes.has(path) ? this.#prefix : "";
  }

  #recordAt(path: string): Znode | undefined {
    const znode = this.#past.recordFor(this.#turn, path) ?? this.#tree.get(path);
    return znode === undefined || znode.czxid > this.zxid ? undefined : znode;
  }

  overrun(): void {
    this.#isOverrun = true;
    this.end();
  }

  isAhead(path: string): boolean {
    const index = this.#rootIndexOver(path);
    if (index === undefined || index < this.#rootIndex || !this.#hasPrefix(path)) return false;
    if (!this.#rootIndexes.has(path) && !this.#goesBelow(parentPath(path))) return false;
    if (this.#isPassedOver(path, index)) return false;
    return index > this.#rootIndex || comesAfter(path, this.#cursor);
  }

  /** Nothing is kept for a walk of what it will not tell. */
  #isPassedOver(path: string, rootIndex: number): boolean {
    if (this.#sees === undefined) return false;
    const root = this.roots[rootIndex] as string;
    for (let ancestor = path; ; ancestor = parentPath(ancestor)) {
      if (!this.#sees(ancestor)) return true;
      if (ancestor === root) return false;
    }
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
    const root = this.roots[0] as string;
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
