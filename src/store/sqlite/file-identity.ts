// Whether the database file is the one that the service wrote last, as far as a filesystem tells: its inode, and when it was
// born. A copy has others. What puts back a whole filesystem or machine leaves both as they were.

import { statSync } from "node:fs";
import type Sqlite from "better-sqlite3";

/** A device is no part of it: its number may be another one after each boot. */
function identityOf(file: string): string {
  const { ino, birthtimeNs, ctimeNs } = statSync(file, { bigint: true });
  // Where the filesystem keeps no birth, the time of the last change may stand in its place.
  const born = birthtimeNs > 0n && birthtimeNs !== ctimeNs ? birthtimeNs : 0n;
  return `${ino} ${born}`;
}

/** Notes the file as the one that is written from here on; says whether it is a copy of the one that was before. */
export function noteIdentity(connection: Sqlite.Database, file: string): boolean {
  const before = connection.prepare("SELECT file_identity FROM meta").pluck().get() as string;
  const now = identityOf(file);
  if (before !== now) connection.prepare("UPDATE meta SET file_identity = ?").run(now);
  return isCopy(before, now);
}

/** For a file that is put there on purpose. One of an earlier version says nothing of it. */
export function forgetIdentity(connection: Sqlite.Database): void {
  const columns = connection.prepare("SELECT name FROM pragma_table_info('meta')").pluck().all();
  if (columns.includes("file_identity")) connection.prepare("UPDATE meta SET file_identity = ''").run();
}

/** An empty one is that of a file that was never served. */
function isCopy(before: string, now: string): boolean {
  if (before === "") return false;
  const [[inode, born], [inodeNow, bornNow]] = [before.split(" "), now.split(" ")];
  if (inode !== inodeNow) return true;
  return born !== "0" && bornNow !== "0" && born !== bornNow;
}
