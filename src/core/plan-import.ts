// What becomes of znodes that come from another tree: made as they were there, numbers included, or met by what is
// here already. Nothing is taken over that is of the other tree alone: its zxids, times and sessions.

import type { Ask } from "./access/ask.ts";
import { textOfAcl } from "./acl/acl.ts";
import type { ConflictRule, ImportedZnode, ImportZnodes } from "./command.ts";
import { failedAtIndex } from "./command-syntax.ts";
import type { Draft } from "./draft.ts";
import { KeeperError } from "./errors.ts";
import type { ImportCounts } from "./import-counts.ts";
import { createZnode, makeParents, planSetData } from "./plan-znodes.ts";
import { parentPath, rootPath } from "./tree/path.ts";
import type { Znode } from "./tree/znode.ts";

type Fate = keyof ImportCounts;

/** What is there is compared with what comes, and its fate is told: so who imports must be able to read it. */
export function authoriseImport(ask: Ask, { znodes }: ImportZnodes): void {
  for (const [index, { path, acl }] of znodes.entries()) {
    try {
      ask.require(path, "read", "create", "write");
      if (acl !== undefined) ask.require(path, "admin");
    } catch (error) {
      throw failedAtIndex(index, error);
    }
  }
}

export function planImport(draft: Draft, { znodes, onConflict }: ImportZnodes): ImportCounts {
  const counts: Record<Fate, number> = { created: 0, replaced: 0, unchanged: 0, skipped: 0 };
  for (const [index, znode] of znodes.entries()) {
    try {
      counts[importOne(draft, znode, onConflict)] += 1;
    } catch (error) {
      throw failedAtIndex(index, error);
    }
  }
  return counts;
}

function importOne(draft: Draft, imported: ImportedZnode, onConflict: ConflictRule): Fate {
  const existing = draft.get(imported.path);
  if (existing === undefined) {
    makeParents(draft, parentPath(imported.path));
    draft.requireOf(draft.get(parentPath(imported.path)) as Znode, "create");
    createZnode(draft, { ...imported, owner: null });
    return "created";
  }
  if (onConflict === "skip") return "skipped";
  // Its fate says whether it is the same.
  if (onConflict === "replace" || imported.path === rootPath) requireToCompare(draft, existing, imported);
  const hasData = areSame(existing.data, imported.data);
  const hasAcl = imported.acl === undefined || textOfAcl(existing.acl.entries) === textOfAcl(imported.acl);
  if (hasData && hasAcl && (onConflict === "replace" || imported.path === rootPath)) return "unchanged";
  if (onConflict === "fail" && !isUntouchedRoot(existing)) {
    throw new KeeperError("node_exists", `${existing.path} exists already; say onConflict=skip or replace.`, {
      path: existing.path,
      ...draft.statFor(existing),
    });
  }
  if (!hasData) planSetData(draft, { type: "setData", path: imported.path, data: imported.data });
  if (!hasAcl) draft.setAcl(draft.get(imported.path) as Znode, imported.acl);
  return "replaced";
}

function requireToCompare(draft: Draft, existing: Znode, { acl }: ImportedZnode): void {
  draft.requireOf(existing, "read");
  if (acl !== undefined) draft.requireOf(existing, "admin");
}

function areSame(some: Uint8Array, other: Uint8Array): boolean {
  return some.byteLength === other.byteLength && some.every((byte, index) => byte === other[index]);
}

/** Every tree has a root: in one that nobody wrote to, it is in nobody's way. */
function isUntouchedRoot({ path, version, aversion, data }: Znode): boolean {
  return path === rootPath && version === 0 && aversion === 0 && data.byteLength === 0;
}
