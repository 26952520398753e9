// The znodes, by path, and the names under each. Holds what it is given: whether a change is allowed was decided
// before, in `plan.ts`.

import { baseName, joinPath, parentPath, rootPath } from "./path.ts";
import { SortedNames } from "./sorted-names.ts";
import type { Znode } from "./znode.ts";

/** Told of each change just before it is made. */
export interface TreeObserver<Entry> {
  /** @param before the record there was, undefined where there was none */
  beforeChange(path: string, before: Entry | undefined): void;
}

/** What a subtree holds: znodes, its own root included, and bytes of their data (U3). */
export interface Usage {
  readonly count: number;
  readonly bytes: number;
}

/** What is below a znode that has children now. Kept up to date, since nobody may wait while a subtree is counted. */
interface Branch {
  readonly names: SortedNames;
  /** That of its parent; null above the root. */
  readonly above: Branch | null;
  count: number;
  bytes: number;
}

/** Whatever has a path can be kept as a tree: the server's records, or a client's copy of them. */
export class Tree<Entry extends { readonly path: string } = Znode> {
  readonly #znodes = new Map<string, Entry>();
  readonly #branches = new Map<string, Branch>();
  readonly #observers = new Set<TreeObserver<Entry>>();
  readonly #bytesOf: (entry: Entry) => number;
  #pathLength = 0;

  /** @param bytesOf what an entry counts for where usage is asked for in bytes */
  constructor(bytesOf: (entry: Entry) => number = () => 0) {
    this.#bytesOf = bytesOf;
  }

  get size(): number {
    return this.#znodes.size;
  }

  /** Of all paths together. */
  get pathLength(): number {
    return this.#pathLength;
  }

  get(path: string): Entry | undefined {
    return this.#znodes.get(path);
  }

  /** Every znode, in no order that may matter. */
  values(): Iterable<Entry> {
    return this.#znodes.values();
  }

  /** Returns what ends the observation. */
  observe(observer: TreeObserver<Entry>): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Adds a znode that was not there; its parent's names gain one. */
  add(znode: Entry): void {
    this.#tellObservers(znode.path);
    this.#znodes.set(znode.path, znode);
    this.#pathLength += znode.path.length;
    if (znode.path === rootPath) return;
    const branch = this.#branchAt(parentPath(znode.path));
    branch.names.add(baseName(znode.path));
    count(branch, 1, this.#bytesOf(znode));
  }

  /** Its own branch has a parent's, since it is that one's child itself. */
  #branchAt(path: string): Branch {
    let branch = this.#branches.get(path);
    if (branch === undefined) {
      const above = path === rootPath ? null : (this.#branches.get(parentPath(path)) ?? null);
      branch = { names: new SortedNames(), above, count: 0, bytes: 0 };
      this.#branches.set(path, branch);
    }
    return branch;
  }

  /** Puts a newer record in the place of an older one. */
  replace(znode: Entry): void {
    this.#tellObservers(znode.path);
    const added = this.#bytesOf(znode) - this.#bytesOf(this.#znodes.get(znode.path) as Entry);
    this.#znodes.set(znode.path, znode);
    if (added !== 0 && znode.path !== rootPath) count(this.#branchAt(parentPath(znode.path)), 0, added);
  }

  /** Removes a znode that is there; its parent's names lose one. */
  remove(path: string): void {
    this.#tellObservers(path);
    const bytes = this.#bytesOf(this.#znodes.get(path) as Entry);
    this.#znodes.delete(path);
    this.#pathLength -= path.length;
    const parent = parentPath(path);
    const branch = this.#branches.get(parent) as Branch;
    branch.names.delete(baseName(path));
    count(branch, -1, -bytes);
    if (branch.names.size === 0) this.#branches.delete(parent);
  }

  /** What the subtree holds; nothing where there is no znode. */
  usageOf(path: string): Usage {
    const znode = this.#znodes.get(path);
    if (znode === undefined) return { count: 0, bytes: 0 };
    const { count, bytes } = this.#branches.get(path) ?? { count: 0, bytes: 0 };
    return { count: count + 1, bytes: bytes + this.#bytesOf(znode) };
  }

  #tellObservers(path: string): void {
    if (this.#observers.size === 0) return;
    const before = this.#znodes.get(path);
    for (const observer of this.#observers) observer.beforeChange(path, before);
  }

  /** Names of the children in code-unit order, from the first that is not before `from`. */
  childNames(path: string, from = ""): Iterable<string> {
    return this.#branches.get(path)?.names.from(from) ?? [];
  }

  /** A znode and everything below it, parents before children, siblings in code-unit order; none if it is absent. */
  *subtree(path: string): Generator<Entry> {
    const znode = this.#znodes.get(path);
    if (znode === undefined) return;
    yield znode;
    const levels = [{ path, names: this.#names(path) }];
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const { done, value: name } = level.names.next();
      if (done === true) {
        levels.pop();
        continue;
      }
      const child = joinPath(level.path, name);
      yield this.#znodes.get(child) as Entry;
      if (this.#branches.has(child)) levels.push({ path: child, names: this.#names(child) });
    }
  }

  /** The same znodes, children before parents. */
  *leavesFirst(path: string): Generator<Entry> {
    if (!this.#znodes.has(path)) return;
    const levels = [{ path, names: this.#names(path) }];
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const { done, value: name } = level.names.next();
      const child = done === true ? "" : joinPath(level.path, name);
      if (done === true) {
        levels.pop();
        yield this.#znodes.get(level.path) as Entry;
      } else if (this.#branches.has(child)) levels.push({ path: child, names: this.#names(child) });
      else yield this.#znodes.get(child) as Entry;
    }
  }

  #names(path: string): Iterator<string> {
    return this.childNames(path)[Symbol.iterator]();
  }
}

function count(branch: Branch, znodes: number, bytes: number): void {
  for (let at: Branch | null = branch; at !== null; at = at.above) {
    at.count += znodes;
    at.bytes += bytes;
  }
}
