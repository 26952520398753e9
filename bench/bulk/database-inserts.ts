// How many rows the database library takes by itself: batches in transactions that are durable when they are done, one
// after the other, with nothing around them.

import { join } from "node:path";
import Database from "better-sqlite3";

interface Batches {
  readonly rowsPerBatch: number;
  readonly seconds: number;
}

/** Rows per second, in a new file in the folder. */
export function insertsPerSecond(folder: string, { rowsPerBatch, seconds }: Batches): number {
  const database = new Database(join(folder, "inserts.db"));
  try {
    for (const pragma of ["journal_mode = WAL", "synchronous = FULL"]) database.pragma(pragma);
    database.exec("CREATE TABLE row (id INTEGER PRIMARY KEY, path TEXT NOT NULL, data BLOB NOT NULL) STRICT");
    const insert = database.prepare("INSERT INTO row (path, data) VALUES (?, ?)");
    const data = Buffer.from("0123456789".repeat(10));
    let rows = 0;
    const insertBatch = database.transaction(() => {
      for (const last = rows + rowsPerBatch; rows < last; rows += 1) insert.run(`/bench/n${rows}`, data);
    });
    const startedMs = performance.now();
    while (performance.now() - startedMs < seconds * 1000) insertBatch();
    return rows / ((performance.now() - startedMs) / 1000);
  } finally {
    database.close();
  }
}
