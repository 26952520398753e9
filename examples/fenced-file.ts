// A lock around a file, which a holder that comes too late cannot spoil.
//
// A file cannot compare fences, and a program that compares them and then writes can be paused in between. So nobody
// writes to a file that another has written: each holder has one of its own, with its fence in the name, and what counts
// is the one with the greatest fence. What comes late stands beside it, and nobody reads it.
//
// What it does not protect from: readers that go past `read`; a glimpse of what a late holder writes before the new one
// has published anything; and file systems that list a folder as it was a while ago, as NFS may. There, let a database
// decide (fenced-table.ts), or the service itself, by the Fence header of a write.

import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Hold } from "treekeeper/client";
import { check, client, folder, lockName, openSession, play, say } from "./scene.ts";

/** As many digits for each, so that the order of the names is that of the numbers. */
function nameOf({ fence }: Pick<Hold, "fence">): string {
  return `report-${String(fence).padStart(16, "0")}`;
}

function versions(): string[] {
  return readdirSync(folder)
    .filter((name) => /^report-\d{16}$/.test(name))
    .sort();
}

function read(): string {
  for (;;) {
    const newest = versions().at(-1);
    if (newest === undefined) return "";
    try {
      return readFileSync(join(folder, newest), "utf8");
    } catch (error) {
      // Deleted since it was listed, so there is a newer one by now.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** Whole or not at all: a rename is one step, and only this holder's own file is in its way. */
function publish(lock: Hold, text: string): void {
  const own = nameOf(lock);
  writeFileSync(join(folder, `draft-of-${own}`), text, { flush: true });
  renameSync(join(folder, `draft-of-${own}`), join(folder, own));
  flushFolder();
  // Only now that a greater one is safe on the disk may a smaller one go.
  for (const name of versions()) if (name < own) rmSync(join(folder, name), { force: true });
  if (versions().at(-1) !== own)
    throw new Error(`fence ${lock.fence} is stale: nobody reads what it has written`);
}

/** Names are durable when their folder is. */
function flushFolder(): void {
  const descriptor = openSync(folder, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

await play(async () => {
  const [anna, bruno] = [await openSession("anna"), await openSession("bruno")];
  const annaPaused = Promise.withResolvers<Hold>();
  const annaGoesOn = Promise.withResolvers<void>();

  const annasTurn = anna.withLock(lockName, {}, async (lock) => {
    publish(lock, "page 1, by anna\n");
    const text = read();
    say(
      `anna holds the lock by fence ${lock.fence}, has written page 1, and is paused before she writes page 2`,
    );
    annaPaused.resolve(lock);
    await annaGoesOn.promise;
    // A program that runs would ask lock.signal first. One that is paused cannot: this is where it wakes up.
    say("anna wakes up, and writes page 2");
    publish(lock, `${text}page 2, by anna\n`);
  });

  // As if her session had expired meanwhile: the claim is gone.
  await client.delete((await annaPaused.promise).path);
  await bruno.withLock(lockName, {}, (lock) => {
    say(`bruno holds the lock by fence ${lock.fence}, and writes page 2`);
    publish(lock, `${read()}page 2, by bruno\n`);
  });

  annaGoesOn.resolve();
  const refusal = await annasTurn.then(
    () => "nothing",
    (error: unknown) => String(error),
  );
  say(`anna is told: ${refusal}`);
  check(refusal.includes("is stale"), "the late write was not noticed");
  check(read() === "page 1, by anna\npage 2, by bruno\n", "the late write did harm");
  say("OK: the report has both pages, and the late write is read by nobody");
});
