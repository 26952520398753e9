// A disk of little room in place of a folder, where the system lets tests mount one.

import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";

/** Runs what follows with a disk of so much room in place of a folder, for itself alone and gone with it. */
export function onSmallDisk(folder: string, mebibytes: number): [string, ...string[]] {
  const script = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0" && exec "$@"`;
  return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, folder];
}

const [probe, ...probeArguments] = [...onSmallDisk(tmpdir(), 1), "true"] as const;
export const canMount = spawnSync(probe, probeArguments).status === 0;
