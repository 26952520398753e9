// A lock around a file: workers write it in turns, and one that lost the lock without noticing cannot spoil it.
//
// A file system compares no numbers, so there is no "refuse the smaller fence" to be had from it. Instead the fence is part
// of the name. A write makes a new file, complete before it has its name, and never touches that of another holder. Who
// reads takes the one with the greatest fence. So a late write does no harm: it makes a file that nobody reads.
//
// What this does not protect from: a reader that took a name before a newer one appeared goes on with the older text, as
// with any file that is replaced. And whoever opens one of these files by hand is outside of all this.

import { mkdtemp, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type Hold } from "treekeeper/client";

type Fenced = Pick<Hold, "fence">;

const client = new Client({ endpoint: process.env.TREEKEEPER_URL ?? "http://127.0.0.1:2281" });
const lockName = `locked-file-${process.pid}`;
const folder = await mkdtemp(join(tmpdir(), "locked-file-"));

/** Fences sort as their names do. */
function nameFor({ fence }: Fenced): string {
  return `report.${String(fence).padStart(16, "0")}`;
}

async function write(lock: Fenced, text: string): Promise<void> {
  const unfinished = join(folder, `unfinished.${crypto.randomUUID()}`);
  const file = await open(unfinished, "wx");
  await file.writeFile(text);
  await file.sync();
  await file.close();
  await rename(unfinished, join(folder, nameFor(lock)));
}

/** The names of reports, oldest holder first. */
async function reports(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith("report.")).sort();
}

async function read(): Promise<string> {
  const newest = (await reports()).at(-1);
  return newest === undefined ? "" : await readFile(join(folder, newest), "utf8");
}

/** Older ones are of no use to anyone; a holder has the time to remove them. */
async function tidy(lock: Fenced): Promise<void> {
  for (const name of await reports()) if (name < nameFor(lock)) await rm(join(folder, name));
}

async function addLine(lock: Fenced, line: string): Promise<void> {
  await write(lock, `${await read()}${line}\n`);
  await tidy(lock);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const [anna, bert] = await Promise.all([
  client.openSession({ name: "anna", timeoutMs: 5000 }),
  client.openSession({ name: "bert", timeoutMs: 5000 }),
]);
try {
  const lines = ["one", "two", "three", "four"];
  await Promise.all(
    lines.map((line, index) =>
      (index % 2 ? bert : anna).withLock(lockName, {}, (lock) => addLine(lock, line)),
    ),
  );
  const written = (await read()).trim().split("\n").sort();
  if (written.join() !== [...lines].sort().join()) throw new Error(`the file has ${written.join()}`);
  say("four lines were added in turns, and none was lost");

  // Anna holds the lock and is paused. An operator loses patience and takes it from her; she has not noticed yet.
  const lockOfAnna = await anna.withLock(lockName, {}, async (lock) => {
    await client.delete(lock.path);
    await bert.withLock(lockName, {}, (next) => write(next, "by bert"));
    return lock;
  });
  say("the lock was taken from anna, and bert has written");
  await write(lockOfAnna, "by anna, too late");
  if ((await read()) !== "by bert") throw new Error(`the file says: ${await read()}`);
  say(`anna wakes up and writes as well; the file still says "${await read()}"`);
  say("OK: nothing was lost, and the last holder's word stands");
} finally {
  await Promise.all([anna.close(), bert.close()]);
  await client.delete(`/locks/${lockName}`);
  await rm(folder, { recursive: true });
}
