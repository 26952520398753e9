// The rights that recipes take. What a recipe keeps it writes itself, for whoever may coordinate by it; by force, for an
// admin.

import { type Ask, forbidden } from "../access/ask.ts";

/** @param path of the lock, election, service, barrier or counter */
export function authoriseRecipe(ask: Ask, path: string, { force }: { readonly force?: boolean } = {}): void {
  // Locks and the like are of the whole tree: those of a part of it are yet to be told apart.
  if (ask.isConfined) throw forbidden(path, "coordinate");
  ask.require(path, force === true ? "admin" : "coordinate");
}
