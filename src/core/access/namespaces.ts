// The namespaces there are, and with them the parts of the tree that recipes keep: those at the top of the whole tree,
// and those at the top of each namespace. One may be inside another, but none in a part that recipes keep, so no znode
// is kept twice.

import { keptPaths } from "../coordination/parts.ts";
import { pathSegments, rootPath } from "../tree/path.ts";
import { inTree } from "./root-paths.ts";

/** Segments of roots, so that a lookup costs by the depth of the roots above a path, however many others there are. */
interface Branch {
  isRoot: boolean;
  below: Map<string, Branch> | null;
}

export class Namespaces {
  readonly #roots = new Set<string>();
  readonly #top: Branch = { isRoot: true, below: null };

  has(root: string): boolean {
    return this.#roots.has(root);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#roots.values();
  }

  add(root: string): void {
    this.#roots.add(root);
    let branch = this.#top;
    for (const segment of pathSegments(root)) {
      branch.below ??= new Map();
      const next: Branch = branch.below.get(segment) ?? { isRoot: false, below: null };
      branch.below.set(segment, next);
      branch = next;
    }
    branch.isRoot = true;
  }

  remove(root: string): void {
    if (this.#roots.delete(root)) removeBelow(this.#top, pathSegments(root));
  }

  /** The path as the recipes that keep it name it, `/locks/a` or the like; undefined where none do. */
  keptPath(path: string): string | undefined {
    const start = this.#startOf(path);
    return start === -1 ? undefined : path.slice(start);
  }

  /** Whether recipes keep the path, as something of theirs: that is asked of the path as they name it. */
  keeps(path: string, as: (keptPath: string) => boolean = isAnything): boolean {
    const kept = this.keptPath(path);
    return kept !== undefined && as(kept);
  }

  /** Where the name begins that the path has in its namespace; -1 where no recipe keeps it. */
  #startOf(path: string): number {
    let branch: Branch | undefined = this.#top;
    let start = 0;
    while (branch !== undefined) {
      if (branch.isRoot && isInPart(path, start)) return start;
      if (branch.below === null) return -1;
      const end = path.indexOf("/", start + 1);
      if (end === -1) return -1;
      branch = branch.below.get(path.slice(start + 1, end));
      start = end;
    }
    return -1;
  }

  /** Whether one begins at the path or below it. */
  hasFrom(path: string): boolean {
    let branch: Branch | undefined = this.#top;
    for (const segment of pathSegments(path)) {
      branch = branch.below?.get(segment);
      if (branch === undefined) return false;
    }
    return path !== rootPath || this.#roots.size > 0;
  }
}

/** The parts that the recipes of a namespace keep, whether or not they are there. */
export function partsOf(root: string): string[] {
  return keptPaths.map((part) => inTree(root, part));
}

/** Most paths are told from those of the parts by the letter behind the slash. */
const partsByInitial = Map.groupBy(keptPaths, (part) => part.charCodeAt(1));
const noParts: readonly string[] = [];

function isInPart(path: string, start: number): boolean {
  for (const part of partsByInitial.get(path.charCodeAt(start + 1)) ?? noParts) {
    if (!path.startsWith(part, start)) continue;
    const end = start + part.length;
    if (path.length === end || path[end] === "/") return true;
  }
  return false;
}

function isAnything(): boolean {
  return true;
}

function removeBelow(branch: Branch, [segment, ...rest]: readonly string[]): void {
  if (segment === undefined) {
    branch.isRoot = false;
    return;
  }
  const next = branch.below?.get(segment);
  if (next === undefined) return;
  removeBelow(next, rest);
  if (!next.isRoot && next.below === null) branch.below?.delete(segment);
  if (branch.below?.size === 0) branch.below = null;
}
