// The name of the epoch that a writer's entries belong to, made of the name of who writes.

import { createHash } from "node:crypto";
import type { CommitLog } from "./commit-log.ts";

/**
 * That a name which another store gave is one of those in the table, by chance, has odds of one in 10^12 for each that
 * stands there.
 */
const nameDigits = 10;

/** Each start has one of its own. A log that many write to has one past, whoever of them starts. */
export function epochOf({ info, writer }: Pick<CommitLog, "info" | "writer">): string {
  const identity = info.isShared ? (info.logId ?? info.clusterId) : writer;
  return createHash("sha256").update(identity).digest("hex").slice(0, nameDigits);
}
