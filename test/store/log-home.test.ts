// A directory whose log is somewhere else: it is served with that log, or not at all.

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { restoreInPlace } from "../../src/offline/restore.ts";
import { noteLogHome, readLogHome } from "../../src/store/sqlite/log-home.ts";
import { readMeta } from "../../src/store/sqlite/meta.ts";
import { leaveMoveNote, readMoveNote } from "../../src/store/sqlite/move-note.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { copyAtRest, makeFollowing } from "../../src/store/sqlite/snapshot-file.ts";
import { smallBallast, test } from "./sqlite-fixture.ts";

const home = { place: "etcd://10.0.0.1:2379/t/", logId: "a1" };

test("once its log is elsewhere a directory is not served without it, until it is restored", async ({
  directory,
}) => {
  await (await openSqlite(directory, smallBallast)).close();
  const withLog = { ...smallBallast, isLogElsewhere: true, logHome: home };
  await (await openSqlite(directory, withLog)).close();
  const refusal = `The log of ${directory} is ${home.place}, and goes on there.`;
  await expect(openSqlite(directory, smallBallast)).rejects.toThrow(refusal);
  const moved = { ...home, place: "etcd://10.0.0.2:2379/t/" };
  const again = await openSqlite(directory, { ...withLog, logHome: moved });
  expect(again.loaded).toMatchObject({ logHome: home, wasUnclean: false });
  await again.close();
  await expect(openSqlite(directory, smallBallast)).rejects.toThrow(moved.place);
  restoreInPlace({ dataDir: directory });
  const restored = await openSqlite(directory, smallBallast);
  expect(restored.loaded.logHome).toBeNull();
  await restored.close();
});

test("a note of it that is damaged stops the start", async ({ directory }) => {
  await (await openSqlite(directory, smallBallast)).close();
  const file = join(directory, "treekeeper.db");
  noteLogHome(file, home);
  for (const damage of ["UPDATE log_home SET log_id = 'a2'", "DELETE FROM log_home"]) {
    const connection = new Sqlite(file);
    connection.exec(damage);
    connection.close();
    await expect(openSqlite(directory, smallBallast)).rejects.toThrow("log_home");
  }
});

test("what is at rest is not copied for one log while another has it, and a copy did not come by a move", async ({
  directory,
}) => {
  await (await openSqlite(directory, smallBallast)).close();
  const [file, copy] = [join(directory, "treekeeper.db"), join(directory, "snapshot.part")];
  const marker = { takenAtMs: 0, version: "1.2.3" };
  const source = new Sqlite(file);
  leaveMoveNote(source, "of-a-move-out-of-etcd");
  source.close();
  noteLogHome(file, home);
  expect(() => copyAtRest(file, copy, { home: { ...home, logId: "b2" }, marker })).toThrow(
    "served meanwhile",
  );
  copyAtRest(file, copy, { home, marker });
  const copied = new Sqlite(copy, { readonly: true });
  expect([readLogHome(copied, copy), readMoveNote(copied, copy)]).toEqual([home, null]);
  const { clusterId } = readMeta(copied, copy);
  copied.close();
  const writable = new Sqlite(copy);
  leaveMoveNote(writable, "of-a-move-out-of-etcd");
  writable.close();
  makeFollowing(copy, { clusterId, upstream: "http://127.0.0.1:1" });
  const following = new Sqlite(copy, { readonly: true });
  expect(readMoveNote(following, copy)).toBeNull();
  following.close();
});

test("a folder in which something was to be moved here stops the start until that is there", async ({
  directory,
}) => {
  const incoming = join(directory, "incoming");
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  await expect(openSqlite(directory, smallBallast)).rejects.toThrow(
    "is not all there: run the same treekeeper migrate",
  );
  rmSync(incoming, { recursive: true });
  await (await openSqlite(directory, smallBallast)).close();
  mkdirSync(incoming);
  await (await openSqlite(directory, smallBallast)).close();
  expect(existsSync(incoming)).toBe(false);
});
