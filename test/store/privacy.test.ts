// Whose the data is: nobody but the service's own user opens it, and nothing of anybody else's is written on.

import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { smallBallast, test } from "./sqlite-fixture.ts";

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

/** The names in the directory with their modes, while it is in use. */
async function modesWhileOpen(directory: string): Promise<Record<string, string>> {
  const sqlite = await openSqlite(directory, smallBallast);
  await sqlite.log.append(1, new Uint8Array(1));
  await expect.poll(() => readdirSync(directory)).toContain("ballast");
  const modes = readdirSync(directory).map((name) => [name, modeOf(join(directory, name))]);
  await sqlite.close();
  return Object.fromEntries(modes);
}

const privateModes = {
  ballast: "600",
  boot: "600",
  "lock.db": "600",
  "treekeeper.db": "600",
  "treekeeper.db-shm": "600",
  "treekeeper.db-wal": "600",
  witness: "600",
};

test("a new directory and all that is made in it are for their owner alone, whatever the umask", async ({
  directory,
}) => {
  const umask = process.umask(0);
  try {
    const path = join(directory, "above", "data");
    expect(await modesWhileOpen(path)).toEqual(privateModes);
    expect(modeOf(path)).toBe("700");
  } finally {
    process.umask(umask);
  }
});

test("what others could open of a directory of ours is closed to them, and named", async ({
  open,
  directory,
}) => {
  await (await open()).close();
  writeFileSync(join(directory, "treekeeper.db.before-v2"), "");
  const paths = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
  for (const path of paths) chmodSync(path, path === directory ? 0o755 : 0o644);
  writeFileSync(join(directory, "notes.txt"), "ours is what has our database in it", { mode: 0o644 });
  const sqlite = await open();
  const { tightened } = sqlite;
  await sqlite.close();
  expect(tightened.toSorted()).toEqual(paths.map((path) => realpathSync(path)).toSorted());
  expect(modeOf(directory)).toBe("700");
  expect(modeOf(join(directory, "treekeeper.db"))).toBe("600");
  expect(modeOf(join(directory, "notes.txt"))).toBe("644");
});

test("a directory that others use too is refused, and stays open to them", async ({ open, directory }) => {
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, "theirs"), "");
  await expect(open()).rejects.toThrow(/holds other things \("theirs"\)/);
  expect([modeOf(directory), readdirSync(directory)]).toEqual(["755", ["theirs"]]);
});

test("a directory may be reached through a link", async ({ directory }) => {
  mkdirSync(join(directory, "elsewhere"));
  symlinkSync(join(directory, "elsewhere"), join(directory, "data"));
  expect(await modesWhileOpen(join(directory, "data"))).toEqual(privateModes);
  symlinkSync(join(directory, "nowhere"), join(directory, "astray"));
  await expect(openSqlite(join(directory, "astray"), smallBallast)).rejects.toThrow(/is not there/);
});

const names = ["treekeeper.db", "treekeeper.db-wal", "treekeeper.db-shm", "lock.db", "ballast", "witness"];

test.for(names)("%s is never written through a link", async (name, { open, directory }) => {
  await (await open()).close();
  const target = join(directory, "of somebody else");
  const file = join(directory, name);
  if (existsSync(file)) renameSync(file, target);
  else writeFileSync(target, "precious");
  const before = readFileSync(target);
  symlinkSync(target, file);
  await expect(open()).rejects.toThrow(`${name} is a link`);
  expect(readFileSync(target)).toEqual(before);
});

test("a file with a second name, and one that is none, are refused", async ({ open, directory }) => {
  await (await open()).close();
  linkSync(join(directory, "treekeeper.db"), join(directory, "copy"));
  await expect(open()).rejects.toThrow(/treekeeper\.db has 2 names/);
  mkdirSync(join(directory, "other", "lock.db"), { recursive: true });
  await expect(openSqlite(join(directory, "other"), smallBallast)).rejects.toThrow(/lock\.db is not a file/);
});

test.runIf(process.geteuid?.() === 0)(
  "what belongs to another user is refused and left as it is, by root as well",
  async ({ open, directory }) => {
    await (await open()).close();
    const file = join(directory, "treekeeper.db");
    chownSync(file, 1, 1);
    chmodSync(file, 0o644);
    await expect(open()).rejects.toThrow(/treekeeper\.db belongs to user 1, and the service runs as user 0/);
    expect(modeOf(file)).toBe("644");
    chownSync(file, 0, 0);
    chownSync(directory, 1, 1);
    await expect(open()).rejects.toThrow(/^The data directory .* belongs to user 1,/);
    chownSync(directory, 0, 0);
    await (await open()).close();
  },
);
