// Whether a write still fits into memory. Everything the tree holds is held in memory, and a process that runs out of it
// dies with all that wait for it, to die again at the next start. So what makes the tree grow is refused before, while
// what makes room goes on. It is asked before a command is ordered: what is in the log is done whatever it takes.

import { isAdmin } from "../core/access/ask.ts";
import type { Permits } from "../core/access/permits.ts";
import { inTree } from "../core/access/root-paths.ts";
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

/** What there is too much of, in bytes. */
interface Excess {
  readonly used: number;
  readonly growth: number;
  readonly limitValue: number;
}

/** For what would make the state larger than it may be; null for what fits. */
export function excessOf(command: Command, state: State, { treeBytesMax }: MemoryLimits): Excess | null {
  const used = memoryOf(state);
  if (used + growthMax <= treeBytesMax) return null;
  const growth = rowOf(command).growth(command, treeOf(command, state));
  if (growth === 0 || used + growth <= treeBytesMax) return null;
  return { used, growth, limitValue: treeBytesMax };
}

/** That it is full is told to everybody; the figures speak of what is there, and are an admin's. */
export function outOfMemory({ used, growth, limitValue }: Excess, permits: Permits): KeeperError {
  const limit = "treeBytesMax";
  const hint = "Delete what is not needed, or give the server more memory; deletes and keepalives go on.";
  if (!isAdmin(permits)) {
    const message = `The tree takes as much memory as it may, and this write would add to it. ${hint}`;
    return new KeeperError("too_large", message, { limit, limitValue });
  }
  return new KeeperError(
    "too_large",
    `The tree takes about ${used} bytes of memory and may take ${limitValue}; this write would add about ${growth}. ${hint}`,
    { limit, limitValue, size: used + growth },
  );
}

/** The tree as whoever asks names it. */
function treeOf(command: Command, { access, tree }: State): Measured {
  const root = access.rootOf((command as Asked).principal);
  return root === rootPath ? tree : { get: (path) => tree.get(inTree(root, path)) };
}
