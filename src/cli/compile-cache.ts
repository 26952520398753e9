// Where the compiled source is kept: a command is short, and most of it would be the reading of its own source again
// and again. What is kept there is executed, so the folder must be its user's own.

import { mkdirSync, statSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { isAbsolute, join } from "node:path";

/** Does without where there is no such folder and none can be made. */
export function keepCompiled({ XDG_CACHE_HOME = "", HOME = "" }: NodeJS.ProcessEnv): void {
  const folders = isAbsolute(XDG_CACHE_HOME) ? [XDG_CACHE_HOME] : [HOME, ".cache"];
  if (!isAbsolute(folders[0] as string)) return;
  try {
    enableCompileCache(ownFolder([...folders, "treekeeper"]));
  } catch {
    // A home that is not there, or cannot be written to.
  }
}

/**
 * Makes the second and those below it, one by one: what makes all at once, Node's own, does not end where a system says
 * of a folder that is there that it is not, as /proc does. The first is not to be made up.
 */
function ownFolder([first = "", ...others]: readonly string[]): string {
  let path = first;
  assertOwn(path);
  for (const name of others) {
    path = join(path, name);
    if (statSync(path, { throwIfNoEntry: false }) === undefined) mkdirSync(path, { mode: 0o700 });
    assertOwn(path);
  }
  return path;
}

function assertOwn(path: string): void {
  if (statSync(path).uid !== process.getuid?.()) throw new Error(`${path} is another user's`);
}
