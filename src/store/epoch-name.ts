// The name of the epoch that a writer's entries belong to, made of the name of who writes.

import { createHash } from "node:crypto";
import type { CommitLog } from "./commit-log.ts";

/**
 * That a name which another store gave is one of those in the table, by chance, has odds of one in 10^12 for each that
 * stands there.
 */
export const nameDigits = 10;

/**
 * Each start has one of its own, also where many write to one log: a log that was put back to an earlier moment, unknown to
 * anybody, goes on in an epoch that was never there before.
 */
export function epochOf({ writer }: Pick<CommitLog, "writer">): string {
  return createHash("sha256").update(writer).digest("hex").slice(0, nameDigits);
}
