// The rights that recipes take. What a recipe keeps it writes itself, for whoever may coordinate by it; by force, for an
// admin.

import { type Ask, forbidden } from "../access/ask.ts";

/** @param path of the lock, election, service, barrier or counter */
export function authoriseRecipe(ask: Ask, path: string, { force }: { readonly force?: boolean } = {}): void {
  // Somebody known from outside may be confined to any path; what stands there is a queue in a namespace alone.
  if (!ask.hasRecipes) throw forbidden(path, "coordinate");
  ask.require(path, force === true ? "admin" : "coordinate");
}
