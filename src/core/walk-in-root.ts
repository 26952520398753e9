// A walk for somebody who is confined to a part of the tree: it is asked in the paths that they name, and tells those.

import { inRoot, inTree } from "./access/root-paths.ts";
import type { State } from "./state.ts";
import { rootPath } from "./tree/path.ts";
import { TreeWalk, type WalkScope } from "./tree/tree-walk.ts";
import type { Znode } from "./tree/znode.ts";

/** The scope as it is in the whole tree. */
export function scopeInTree(root: string, scope: WalkScope): WalkScope {
  if (root === rootPath) return scope;
  const { roots, after } = scope;
  return {
    ...scope,
    roots: roots.map((path) => inTree(root, path)),
    ...(after !== undefined && { after: inTree(root, after) }),
  };
}

export class WalkInRoot extends TreeWalk {
  readonly #root: string;

  /** @param scope as it is in the whole tree */
  constructor(state: State, scope: WalkScope, root: string) {
    super(state, scope);
    this.#root = root;
  }

  override next(): Znode | undefined {
    const znode = super.next();
    return znode && { ...znode, path: inRoot(this.#root, znode.path) as string };
  }
}
