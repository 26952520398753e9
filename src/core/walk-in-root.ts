// A walk for somebody who is confined to a part of the tree: it is asked in the paths that they name, and tells those.

import { inRoot, inTree } from "./access/namespace.ts";
import type { State } from "./state.ts";
import { TreeWalk, type WalkScope } from "./tree/tree-walk.ts";
import type { Znode } from "./tree/znode.ts";

export class WalkInRoot extends TreeWalk {
  readonly #root: string;

  constructor(state: State, scope: WalkScope, root: string) {
    const { roots, after } = scope;
    super(state, {
      ...scope,
      roots: roots.map((path) => inTree(root, path)),
      ...(after !== undefined && { after: inTree(root, after) }),
    });
    this.#root = root;
  }

  override next(): Znode | undefined {
    const znode = super.next();
    return znode && { ...znode, path: inRoot(this.#root, znode.path) as string };
  }
}
