// Finds who watches a path. A tree of segments, so that a lookup costs by the depth of the path and the
// number of matches alone, never by how many watch elsewhere. It compares whole segments: `/a` does not see
// `/ab` (W11).

import { pathSegments } from "../core/tree/path.ts";

/** The node itself; the node and its direct children; the node and everything below it. */
export type Scope = "node" | "children" | "subtree";

interface Branch<Watcher> {
  below: Map<string, Branch<Watcher>> | null;
  node: Set<Watcher> | null;
  children: Set<Watcher> | null;
  subtree: Set<Watcher> | null;
}

export class Matcher<Watcher> {
  readonly #root: Branch<Watcher> = newBranch();

  get isEmpty(): boolean {
    return isBare(this.#root);
  }

  add(path: string, scope: Scope, watcher: Watcher): void {
    let branch = this.#root;
    for (const segment of pathSegments(path)) {
      branch.below ??= new Map();
      let next = branch.below.get(segment);
      if (next === undefined) {
        next = newBranch();
        branch.below.set(segment, next);
      }
      branch = next;
    }
    branch[scope] ??= new Set();
    branch[scope].add(watcher);
  }

  /** Removes what was added with the same path and scope; branches that lead nowhere go with it. */
  remove(path: string, scope: Scope, watcher: Watcher): void {
    removeBelow(this.#root, pathSegments(path), 0, { scope, watcher });
  }

  /** Calls back for each watcher of the path; one that watches it in several ways is told of each. */
  match(path: string, onMatch: (watcher: Watcher) => void): void {
    let branch: Branch<Watcher> | undefined = this.#root;
    const segments = pathSegments(path);
    for (let depth = 0; branch !== undefined; depth += 1) {
      branch.subtree?.forEach(onMatch);
      if (depth >= segments.length - 1) branch.children?.forEach(onMatch);
      if (depth === segments.length) {
        branch.node?.forEach(onMatch);
        return;
      }
      branch = branch.below?.get(segments[depth] as string);
    }
  }
}

function newBranch<Watcher>(): Branch<Watcher> {
  return { below: null, node: null, children: null, subtree: null };
}

function isBare<Watcher>(branch: Branch<Watcher>): boolean {
  return branch.below === null && branch.node === null && branch.children === null && branch.subtree === null;
}

function removeBelow<Watcher>(
  branch: Branch<Watcher>,
  segments: readonly string[],
  depth: number,
  removed: { scope: Scope; watcher: Watcher },
): void {
  if (depth === segments.length) {
    const watchers = branch[removed.scope];
    watchers?.delete(removed.watcher);
    if (watchers?.size === 0) branch[removed.scope] = null;
    return;
  }
  const segment = segments[depth] as string;
  const next = branch.below?.get(segment);
  if (next === undefined) return;
  removeBelow(next, segments, depth + 1, removed);
  if (isBare(next)) branch.below?.delete(segment);
  if (branch.below?.size === 0) branch.below = null;
}
