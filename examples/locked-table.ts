// A lock around a table of another system, here SQLite: two workers take turns, and one that lost the lock without
// noticing is refused by the database itself.
//
// A lock alone cannot do that. Between asking "do I hold it?" and writing, a worker can be paused for any time; when it
// goes on, somebody else holds. So the database remembers the greatest fence it has seen and refuses smaller ones, in the
// transaction that writes. Any store that can compare a number and write in one step can do the same.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { Client, type Hold } from "treekeeper/client";

const client = new Client({ endpoint: process.env.TREEKEEPER_URL ?? "http://127.0.0.1:2281" });
const lockName = `locked-table-${process.pid}`;
const folder = mkdtempSync(join(tmpdir(), "locked-table-"));
const database = new Database(join(folder, "stock.db"));
database.exec(`
  CREATE TABLE stock (item TEXT PRIMARY KEY, pieces INTEGER NOT NULL);
  CREATE TABLE fence (lock TEXT PRIMARY KEY, fence INTEGER NOT NULL);
  INSERT INTO stock VALUES ('lamp', 10);
`);

const raiseFence = database.prepare(`
  INSERT INTO fence VALUES (?, ?)
  ON CONFLICT (lock) DO UPDATE SET fence = excluded.fence WHERE excluded.fence >= fence.fence
`);

/** Does the work in one transaction, unless a later holder was here before. */
function withFence({ fence }: Pick<Hold, "fence">, work: () => void): void {
  const transaction = database.transaction(() => {
    if (raiseFence.run(lockName, fence).changes === 0) {
      throw new Error(`fence ${fence} is too old: somebody else holds the lock by now`);
    }
    work();
  });
  transaction.immediate();
}

function piecesOf(item: string): number {
  return database.prepare("SELECT pieces FROM stock WHERE item = ?").pluck().get(item) as number;
}

/** Read, think, write: the kind of work that two must not do at once. */
function sell(lock: Pick<Hold, "fence">, pieces: number): void {
  const left = piecesOf("lamp") - pieces;
  withFence(lock, () => database.prepare("UPDATE stock SET pieces = ? WHERE item = 'lamp'").run(left));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const [anna, bert] = await Promise.all([
  client.openSession({ name: "anna", timeoutMs: 5000 }),
  client.openSession({ name: "bert", timeoutMs: 5000 }),
]);
try {
  const sales = [anna, bert].map((session) => session.withLock(lockName, {}, (lock) => sell(lock, 2)));
  await Promise.all(sales);
  say(`anna and bert sold two lamps each, one after the other: ${piecesOf("lamp")} are left`);

  // Anna holds the lock and is paused. An operator loses patience and takes it from her; she has not noticed yet.
  const lockOfAnna = await anna.withLock(lockName, {}, async (lock) => {
    await client.delete(lock.path);
    await bert.withLock(lockName, {}, (next) => sell(next, 5));
    return lock;
  });
  say(`the lock was taken from anna, and bert sold five: ${piecesOf("lamp")} is left`);
  try {
    sell(lockOfAnna, 1);
    throw new Error("anna's late sale was done");
  } catch (error) {
    say(`anna wakes up and wants to sell one: ${(error as Error).message}`);
  }
  if (piecesOf("lamp") !== 1) throw new Error(`${piecesOf("lamp")} lamps are left, and one should be`);
  say("OK: no lamp was sold twice");
} finally {
  await Promise.all([anna.close(), bert.close()]);
  await client.delete(`/locks/${lockName}`);
  database.close();
  rmSync(folder, { recursive: true });
}
