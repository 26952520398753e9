// What of the tree the reader of a stream may be told, and under which names. Rights are asked for each event when it is
// sent and for each znode of a snapshot; of those who may be told everything that is watched nothing is asked.

import type { Permits } from "../core/access/permits.ts";
import { inRoot } from "../core/access/root-paths.ts";
import type { Scope } from "./matcher.ts";

export interface Sight {
  /** Equal for those who are told the same of what they watch. */
  readonly key: string;
  /** What is `/` to them. */
  readonly root: string;
  /** Whether what happens to the path may be told. */
  sees(path: string): boolean;
  /** Whether anything below the path may be told. Everything may where it is absent. */
  readonly seesBelow?: (path: string) => boolean;
}

/** @param paths those that are watched, of the whole tree */
export function sightOf(
  permits: Permits,
  { paths, scope }: { paths: readonly string[]; scope: Scope },
): Sight {
  const { root, key } = permits;
  if (paths.every((path) => seesAll(permits, path, scope))) return { key: root, root, sees: () => true };
  return {
    key,
    root,
    sees: (path) => permits.may(path, "read"),
    seesBelow: (path) => permits.mayAnyBelow(path, "read"),
  };
}

function seesAll(permits: Permits, path: string, scope: Scope): boolean {
  return scope === "node" ? permits.may(path, "read") : permits.mayAllBelow(path, "read");
}

/** The path of something that is watched, as it is told. */
export function toldPath({ root }: Sight, path: string): string {
  const told = inRoot(root, path);
  if (told === undefined) throw new Error("what is told is outside of its reader's root");
  return told;
}
