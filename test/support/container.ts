// Process 1 of a container, as far as signals go: a process namespace of its own. Some machines let only root make one.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What is put before a command so that it is process 1. */
export const container = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"] as const;

export const hasContainers = spawnSync(container[0], [...container.slice(1), "true"]).status === 0;

/** Process 1 as it is called outside. */
export function processInside(unshare: { readonly pid: number }): number {
  return Number(readFileSync(`/proc/${unshare.pid}/task/${unshare.pid}/children`, "utf8").trim());
}
