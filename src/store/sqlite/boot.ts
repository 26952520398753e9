// Whether the power may have failed since the directory was last written: only then can writes that nobody synced have
// reached the disk in another order than they were made in. A process that crashes leaves them all to the kernel.

import { readFileSync, writeFileSync } from "node:fs";
import { privateFileMode } from "../../own-directory.ts";

/** Chosen anew by the kernel at each boot; other systems than Linux have none. */
const bootIdFile = "/proc/sys/kernel/random/boot_id";

/** True too where nothing is known. */
export function mayHaveRebooted(bootFile: string): boolean {
  const bootId = read(bootIdFile);
  return bootId === null || read(bootFile) !== bootId;
}

/**
 * To be called once the log of before is emptied, and before the service writes. Where it is not noted, or later than the
 * first write, the next start judges as if the power may have failed, and that is safe.
 */
export function noteBoot(bootFile: string): void {
  const bootId = read(bootIdFile);
  if (bootId === null || read(bootFile) === bootId) return;
  try {
    writeFileSync(bootFile, bootId, { mode: privateFileMode });
  } catch {
    // The next start knows nothing.
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return null;
  }
}
