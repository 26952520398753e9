// Programs that hold the files of ops/ against what others know of such files. In CI they have to be there.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const toolchains = process.env.TREEKEEPER_TOOLCHAINS ?? join(homedir(), ".cache/treekeeper/toolchains");
const folders = [join(toolchains, "ops/bin"), ...(process.env.PATH ?? "").split(delimiter)];

/** Where it is; skips the test where it is not. @throws Error in CI */
export function need(name: string, skip: (note: string) => never): string {
  const found = folders.map((folder) => join(folder, name)).find(existsSync);
  if (found !== undefined) return found;
  const note = `${name} is missing; test/ops/toolchain.sh installs it`;
  if (process.env.CI !== undefined) throw new Error(note);
  process.stderr.write(`SKIPPED: ${note}\n`);
  return skip(note);
}
