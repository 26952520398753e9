// The command that a restored store begins with.

import type { Restore } from "./command.ts";
import { commandBytes } from "./command-bytes.ts";
import { noGrowth, ownWrite, type RowsOf } from "./command-row.ts";
import { planRestore, validateRestore } from "./plan-restore.ts";

export const restoreCommands: RowsOf<Restore["type"]> = {
  restore: {
    ...ownWrite,
    since: 10,
    validate: validateRestore,
    decide: planRestore,
    bytes: () => commandBytes,
    growth: noGrowth,
  },
};

/** What a restored store does first, and nothing else before it. */
export function restoreOf(restore: Omit<Restore, "type">): Restore {
  return { type: "restore", ...restore };
}
