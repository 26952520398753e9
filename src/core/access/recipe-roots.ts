// The parts of the tree that recipes keep.

import { barriersPath } from "../coordination/barriers.ts";
import { electionsPath, locksPath } from "../coordination/claims.ts";
import { countersPath } from "../coordination/counters.ts";
import { servicesPath } from "../coordination/instances.ts";

const roots = [locksPath, electionsPath, servicesPath, barriersPath, countersPath];

/** Whether the path is one of these parts, or in one. */
export function isKeptByRecipes(path: string): boolean {
  return roots.some(
    (root) => path.startsWith(root) && (path.length === root.length || path[root.length] === "/"),
  );
}
