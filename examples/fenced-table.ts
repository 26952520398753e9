// A lock around a table of a SQL database, which refuses what a holder writes too late.
//
// The lock alone cannot do that. A holder may be paused between its last look at the lock and its write, by a garbage
// collection, a swapping machine or a laptop's lid, for longer than its session lasts. Another has the lock then, and two
// are at work. So the table itself keeps the greatest fence that it was shown, and takes no smaller one.
//
// What it does not protect from: statements that go past `fenced`; what a late holder does elsewhere, such as sending a
// mail; and a service that was set up anew without its data, whose fences begin at the beginning.

import { join } from "node:path";
import Sqlite from "better-sqlite3";
import type { Hold } from "treekeeper/client";
import { check, client, folder, lockName, openSession, play, say } from "./scene.ts";

const database = new Sqlite(join(folder, "bank.db"));
database.exec(`
  CREATE TABLE account (name TEXT PRIMARY KEY, cents INTEGER NOT NULL);
  CREATE TABLE fence (resource TEXT PRIMARY KEY, greatest INTEGER NOT NULL);
  INSERT INTO account VALUES ('savings', 100);
`);
const readCents = database.prepare("SELECT cents FROM account WHERE name = 'savings'").pluck();
const writeCents = database.prepare("UPDATE account SET cents = ? WHERE name = 'savings'");
// One row for what the lock protects. It changes nothing, and says so, when a greater fence was here before.
const admit = database.prepare(`
  INSERT INTO fence VALUES ('account', ?)
  ON CONFLICT (resource) DO UPDATE SET greatest = excluded.greatest WHERE excluded.greatest >= fence.greatest
`);

/**
 * In one transaction with the work that it admits: nobody comes between. Reading goes this way, too: whoever has read
 * under its fence knows that nobody before it will write any more.
 */
function fenced<T>({ fence }: Hold, work: () => T): T {
  const transaction = database.transaction(() => {
    if (admit.run(fence).changes === 0) throw new Error(`fence ${fence} is stale`);
    return work();
  });
  return transaction.immediate();
}

await play(async () => {
  const [anna, bruno] = [await openSession("anna"), await openSession("bruno")];
  const annaPaused = Promise.withResolvers<Hold>();
  const annaGoesOn = Promise.withResolvers<void>();

  const annasTurn = anna.withLock(lockName, {}, async (lock) => {
    const cents = fenced(lock, () => readCents.get() as number);
    say(`anna holds the lock by fence ${lock.fence}, reads ${cents}, and is paused before she writes`);
    annaPaused.resolve(lock);
    await annaGoesOn.promise;
    // A program that runs would ask lock.signal first. One that is paused cannot: this is where it wakes up.
    say(`anna wakes up, and writes ${cents - 30}`);
    fenced(lock, () => writeCents.run(cents - 30));
  });

  // As if her session had expired meanwhile: the claim is gone.
  await client.delete((await annaPaused.promise).path);
  await bruno.withLock(lockName, {}, (lock) => {
    const cents = fenced(lock, () => readCents.get() as number);
    say(`bruno holds the lock by fence ${lock.fence}, reads ${cents}, and writes ${cents + 50}`);
    fenced(lock, () => writeCents.run(cents + 50));
  });

  annaGoesOn.resolve();
  const refusal = await annasTurn.then(
    () => "nothing",
    (error: unknown) => String(error),
  );
  say(`the table says: ${refusal}`);
  check(refusal.includes("is stale"), "the late write was taken");
  check(readCents.get() === 150, "a deposit was lost");
  say("OK: the account has 150, and the late write did no harm");
});
