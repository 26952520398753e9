// Whether a write still fits into memory. Everything the tree holds is held in memory, and a process that runs out of it
// dies with all that wait for it, to die again at the next start. So what makes the tree grow is refused before, while
// what makes room goes on. It is asked before a command is ordered: what is in the log is done whatever it takes.

import { inTree } from "../core/access/namespace.ts";
import type { Command } from "../core/command.ts";
import { rowOf } from "../core/commands.ts";
import { KeeperError } from "../core/errors.ts";
import { type Measured, memoryOf } from "../core/memory.ts";
import type { State } from "../core/state.ts";
import { rootPath } from "../core/tree/path.ts";
import type { Asked } from "../core/write-context.ts";

export interface MemoryLimits {
  /** About what the tree and the sessions may take in memory. */
  readonly treeBytesMax: number;
}

/** More than any one command adds: below it nobody looks at what a command would add. */
const growthMax = 64 * 1024 * 1024;

/** The refusal of what would make the state larger than it may be; null for what fits. */
export function refusalByMemory(
  command: Command,
  state: State,
  { treeBytesMax }: MemoryLimits,
): KeeperError | null {
  const used = memoryOf(state);
  if (used + growthMax <= treeBytesMax) return null;
  const growth = rowOf(command).growth(command, treeOf(command, state));
  if (growth === 0 || used + growth <= treeBytesMax) return null;
  return new KeeperError(
    "too_large",
    `The tree takes about ${used} bytes of memory and may take ${treeBytesMax}; this write would add about ${growth}. ` +
      "Delete what is not needed, or give the server more memory; deletes and keepalives go on.",
    { limit: "treeBytesMax", limitValue: treeBytesMax, size: used + growth },
  );
}

/** The tree as whoever asks names it. */
function treeOf(command: Command, { access, tree }: State): Measured {
  const root = access.rootOf((command as Asked).principal);
  return root === rootPath ? tree : { get: (path) => tree.get(inTree(root, path)) };
}
