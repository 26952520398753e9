// What is `/` to somebody who is confined to a part of the tree, and how paths are told inside and outside of it.

import { rootPath } from "../tree/path.ts";

/** The path in the whole tree of one that is named inside a root. */
export function inTree(root: string, path: string): string {
  if (root === rootPath) return path;
  return path === rootPath ? root : root + path;
}

/** The other way. Undefined for a path that is not inside the root. */
export function inRoot(root: string, path: string): string | undefined {
  if (root === rootPath) return path;
  if (path === root) return rootPath;
  return path.startsWith(root) && path[root.length] === "/" ? path.slice(root.length) : undefined;
}
