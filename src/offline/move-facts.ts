// What is said of a store that was moved, from its rows.

import { statSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { readMeta } from "../store/sqlite/meta.ts";
import type { MoveReport } from "./move.ts";

export function factsOf(file: string): Omit<MoveReport, "from" | "to"> {
  const connection = new Sqlite(file, { fileMustExist: true, readonly: true });
  try {
    const { clusterId, zxid, appliedLsn: position, digest } = readMeta(connection, file);
    const countOf = (table: "znode" | "session") =>
      connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    const counts = { znodes: countOf("znode"), sessions: countOf("session") };
    return { clusterId, zxid, position, ...counts, digest, bytes: statSync(file).size };
  } finally {
    connection.close();
  }
}
