// What `diff` compares: the znodes of a directory, a backup or a dump, parents before children and siblings in the order of
// their names, so that two of them can be gone through side by side.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { dump } from "./dump.ts";
import { type ZnodeLine, znodesInDump } from "./dump-lines.ts";
import { asOfflineError, OfflineError } from "./offline-error.ts";

/** How every SQLite database begins. */
const databaseMagic = "SQLite format 3\0";

export interface TreeOptions {
  readonly scratch?: string | undefined;
  /** The znode it begins at; all of them unless given. */
  readonly path?: string | undefined;
}

/** @throws OfflineError */
export async function* treeAt(
  source: string,
  { scratch, path = "/" }: TreeOptions,
): AsyncGenerator<ZnodeLine, void, undefined> {
  if (isStore(source)) {
    yield* dump(source, { scratch, path }) as AsyncGenerator<ZnodeLine, void, undefined>;
    return;
  }
  let last = "";
  for await (const znode of znodesInDump(source)) {
    const key = keyOf(znode.path);
    if (last !== "" && key <= last) {
      throw new OfflineError(`${source} is not in the order of a dump: ${znode.path} comes too late.`);
    }
    last = key;
    if (isWithin(znode.path, path)) yield znode;
  }
}

/** In the order of these, a tree is as it is walked: a parent, then each child with all below it. */
export function keyOf(path: string): string {
  return path === "/" ? lowest : path.replaceAll("/", lowest);
}

/** No path contains it, and it sorts before all that paths contain. */
const lowest = "\u0000";

function isWithin(path: string, root: string): boolean {
  return root === "/" || path === root || path.startsWith(`${root}/`);
}

function isStore(source: string): boolean {
  try {
    if (statSync(source).isDirectory()) return true;
    const descriptor = openSync(source, "r");
    try {
      const head = Buffer.alloc(databaseMagic.length);
      readSync(descriptor, head, 0, head.byteLength, 0);
      return head.toString("latin1") === databaseMagic;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw asOfflineError(error, source);
  }
}
