// Whether a service has a data directory, for those who only look. The lock is asked for by reading, and let go at once:
// nothing is made, written or kept from anybody.

import { existsSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { fileNames } from "./privacy.ts";

/** Of services on this machine. A directory that was never served is not in use. */
export function isInUse(directory: string): boolean {
  const file = join(directory, fileNames.lock);
  if (!existsSync(file)) return false;
  const lock = new Sqlite(file, { readonly: true, timeout: 0 });
  try {
    lock.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code === "SQLITE_BUSY") return true;
    throw error;
  } finally {
    lock.close();
  }
}
