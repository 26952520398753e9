// A folder for one server's data on the disk to be measured, gone when the work is done.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

export async function withTemporaryFolder<T>(
  parent: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "run-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
