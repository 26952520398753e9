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

/** Whatever has a path can be kept as a tree: the server's records, or a client's copy of them. */
export class Tree<Entry extends { readonly path: string } = Znode> {
  readonly #znodes = new Map<string, Entry>();
  /** Only for znodes that have children now. */
  readonly #names = new Map<string, SortedNames>();
  readonly #observers = new Set<TreeObserver<Entry>>();

  get size(): number {
    return this.#znodes.size;
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
    if (znode.path === rootPath) return;
    const parent = parentPath(znode.path);
    let names = this.#names.get(parent);
    if (names === undefined) {
      names = new SortedNames();
      this.#names.set(parent, names);
    }
    names.add(baseName(znode.path));
  }

  /** Puts a newer record in the place of an older one. */
  replace(znode: Entry): void {
    this.#tellObservers(znode.path);
    this.#znodes.set(znode.path, znode);
  }

  /** Removes a znode that is there; its parent's names lose one. */
  remove(path: string): void {
    this.#tellObservers(path);
    this.#znodes.delete(path);
    const parent = parentPath(path);
    const names = this.#names.get(parent) as SortedNames;
    names.delete(baseName(path));
    if (names.size === 0) this.#names.delete(parent);
  }

  #tellObservers(path: string): void {
    if (this.#observers.size === 0) return;
    const before = this.#znodes.get(path);
    for (const observer of this.#observers) observer.beforeChange(path, before);
  }

  /** Names of the children in code-unit order, from the first that is not before `from`. */
  childNames(path: string, from = ""): Iterable<string> {
    return this.#names.get(path)?.from(from) ?? [];
  }

  /** A znode and everything below it, parents before children, siblings in code-unit order; none if it is absent. */
  *subtree(path: string): Generator<Entry> {
    const znode = this.#znodes.get(path);
    if (znode === undefined) return;
    yield znode;
    for (const name of this.childNames(path)) yield* this.subtree(joinPath(path, name));
  }
}
