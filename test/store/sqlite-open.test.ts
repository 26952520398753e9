import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { openAcl } from "../../src/core/acl/acl.ts";
import { Digest } from "../../src/core/digest.ts";
import { machineVersion } from "../../src/core/machine-version.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { CorruptStoreError } from "../../src/store/sqlite/corrupt-store-error.ts";
import { claimDataDirectory, unsafeFilesystemName } from "../../src/store/sqlite/data-directory.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { schemaVersion } from "../../src/store/sqlite/schema.ts";
import { rowsOf, smallBallast, stateOf, test, znode } from "./sqlite-fixture.ts";

const database = "treekeeper.db";

/** Changes the file behind the service's back. */
function meddle(directory: string, sql: string): void {
  const connection = new Sqlite(join(directory, database));
  connection.exec(sql);
  connection.close();
}

const root = { id: 0, path: "/", czxid: 0, mzxid: 0, ctimeMs: 0, mtimeMs: 0 };
const reply = { scope: "", key: "k", request: "r", zxid: 1, timeMs: 7, ranMs: 0, outcome: "{}" };
const tree = stateOf([
  znode({ ...root, cversion: 1, nextSequence: 1, numChildren: 1 }),
  znode({ id: 1, path: "/a", data: new Uint8Array([1, 2, 3]), cversion: 1, nextSequence: 1, numChildren: 1 }),
  znode({ id: 2, path: "/a/b" }),
]);
const withReplies = stateOf([...tree.tree.values()]);
withReplies.restoreReply(reply);

test("a new directory holds a fresh tree and keeps its name over restarts [D3]", async ({ open }) => {
  const first = await open();
  expect(first.loaded.state.tree.size).toBe(1);
  expect(first.loaded.position).toMatchObject({ appliedLsn: 0, zxid: 0, nextZnodeId: 1 });
  await first.close();
  const second = await open();
  expect(second.loaded.clusterId).toBe(first.loaded.clusterId);
  expect(second.loaded.wasUnclean).toBe(false);
});

test("every opening, not only the first, syncs each commit", async ({ open, directory }) => {
  await (await open()).close();
  const connection = openConnection(join(directory, database));
  expect(connection.pragma("synchronous", { simple: true })).toBe(2);
  expect(connection.pragma("journal_mode", { simple: true })).toBe("wal");
  expect(connection.pragma("wal_autocheckpoint", { simple: true })).toBe(0);
  connection.close();
});

test("a directory is made with the directories above it", async ({ directory }) => {
  const owned = claimDataDirectory(join(directory, "not", "yet"), { allowUnsafeFilesystem: false });
  expect(existsSync(owned.path)).toBe(true);
  owned.release();
});

test("a directory that cannot be made is refused at once, with a sentence", ({ directory }) => {
  writeFileSync(join(directory, "file"), "");
  const claim = (path: string) => () => claimDataDirectory(path, { allowUnsafeFilesystem: false });
  expect(claim(join(directory, "file", "below"))).toThrow(/cannot be made: ENOTDIR/);
  if (existsSync("/proc/self")) expect(claim("/proc/not/here")).toThrow(/cannot be made: ENOENT/);
});

test("a second owner of the directory is refused until the first lets go", async ({ open }) => {
  const sqlite = await open();
  await expect(open()).rejects.toThrow(/in use by another process/);
  await sqlite.close();
  await (await open()).close();
});

test("filesystems that lose locks or shared memory are known, local ones are let be", ({ directory }) => {
  const types = [0x6969, 0xff534d42, -11317950, 0xfe534d42, 0x01021997, 0x65735546];
  expect(types.map(unsafeFilesystemName)).toEqual(["NFS", "CIFS", "CIFS", "SMB", "9p", "FUSE"]);
  expect(unsafeFilesystemName(statfsSync(directory).type)).toBeNull();
});

test("a database of another program is refused and left untouched", async ({ open, directory }) => {
  meddle(directory, "CREATE TABLE theirs (a)");
  const before = readFileSync(join(directory, database));
  await expect(open()).rejects.toThrow(/belongs to another program/);
  expect(readFileSync(join(directory, database))).toEqual(before);
});

test("a database of a later version is refused", async ({ open, directory }) => {
  await (await open()).close();
  meddle(directory, `PRAGMA user_version = ${schemaVersion + 1}`);
  await expect(open()).rejects.toThrow(/later version/);
});

test("a database whose log a later version wrote is refused, and stays that version's", async ({
  open,
  directory,
}) => {
  await (await open()).close();
  meddle(directory, `UPDATE meta SET machine_version = ${machineVersion + 1}`);
  toVersion(1, directory);
  await expect(open()).rejects.toThrow(/later version wrote the log .* start that version/);
  expect(versionsOf(directory)).toEqual([1, machineVersion + 1]);
});

test("a database of version 1 is upgraded as it is opened, with the log it holds [L3, N13]", async ({
  open,
  directory,
}) => {
  const sqlite = await open();
  const { loaded } = sqlite;
  await sqlite.log.append(1, new Uint8Array(1));
  await sqlite.tables.write(rowsOf(tree, { appliedLsn: 1 }));
  await sqlite.log.append(2, new Uint8Array(2));
  await sqlite.close();
  toVersion(1, directory);
  meddle(directory, "UPDATE meta SET machine_version = 1");
  const upgraded = await open();
  expect(upgraded.loaded.clusterId).toBe(loaded.clusterId);
  expect([...upgraded.loaded.state.tree.values()]).toEqual([...tree.tree.values()]);
  expect(await upgraded.log.tail()).toBe(2);
  await upgraded.close();
  expect(versionsOf(directory)).toEqual([schemaVersion, machineVersion]);
  await (await open()).close();
});

test("a database of version 2 is upgraded, and what it holds begins to age anew [L3, K4]", async ({
  open,
  directory,
}) => {
  const mortals = [
    znode({ id: 3, path: "/t", ttlMs: 5, writtenRanMs: 0 }),
    znode({ id: 4, path: "/c", container: true, writtenRanMs: 0 }),
  ];
  const root = znode({ id: 0, path: "/", czxid: 0, mzxid: 0, ctimeMs: 0, mtimeMs: 0, numChildren: 3 });
  const a = znode({ id: 1, path: "/a" });
  const state = stateOf([{ ...root, cversion: 3, nextSequence: 3 }, a, ...mortals]);
  state.restoreReply(reply);
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  const message = '{"zxid":1,"timeMs":7,"events":[]}';
  await sqlite.tables.write(rowsOf(state, { appliedLsn: 1, changes: [{ zxid: 1, ranMs: 9, message }] }));
  await sqlite.close();
  toVersion(2, directory);
  const upgraded = await open();
  const { loaded } = upgraded;
  expect([...loaded.state.tree.values()]).toEqual([...state.tree.values()]);
  expect([...loaded.state.replies]).toEqual([reply]);
  expect(loaded.changes).toEqual([{ zxid: 1, ranMs: 0, message }]);
  expect(loaded.state.ranMs).toBe(0);
  await upgraded.close();
  expect(versionsOf(directory)).toEqual([schemaVersion, machineVersion]);
});

test("a database of the version before there were lists has znodes that are open to all [A18, L3]", async ({
  open,
  directory,
}) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  await sqlite.tables.write(rowsOf(tree, { appliedLsn: 1 }));
  await sqlite.close();
  toVersion(10, directory);
  const { loaded } = await open();
  expect([...loaded.state.tree.values()].every(({ acl }) => acl === openAcl)).toBe(true);
  expect(loaded.position.digest).toBe(Digest.of(tree).toString());
  expect(versionsOf(directory)).toEqual([schemaVersion, machineVersion]);
});

const closedTree = stateOf([
  znode({ ...root, cversion: 1, nextSequence: 1, numChildren: 1 }),
  znode({ id: 1, path: "/a", acl: { id: 1, entries: [{ perms: 1, scheme: "ip", id: "::1" }] }, aversion: 1 }),
]);

test.for<[string, string, RegExp]>([
  ["names a list that is not there", "UPDATE znode SET acl_id = 4 WHERE id = 1", /no access control list 4/],
  ["has a list without entries", "UPDATE acl SET entries = '[]'", /access control list 1 is none/],
  ["has an entry that is none", `UPDATE acl SET entries = '[[1,"world","bob"]]'`, /list 1 is none/],
  ["has an entry of another shape", "UPDATE acl SET entries = '[[1,2,3]]'", /list 1 is none/],
  ["has a list that is no JSON", "UPDATE acl SET entries = 'x'", /is damaged/],
  ["has a list with no id that there is", "UPDATE acl SET id = -1", /access control list -1 is none/],
  ["has another list", `UPDATE acl SET entries = '[[31,"ip","::1"]]'`, /its tables have digest/],
])("a database that %s is refused", async ([_, sql, sentence], { open, directory }) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  await sqlite.tables.write(rowsOf(closedTree, { appliedLsn: 1 }));
  await sqlite.close();
  meddle(directory, sql);
  await expect(open()).rejects.toThrow(sentence);
});

test("a database of version 1 that is damaged stays of version 1", async ({ open, directory }) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  await sqlite.tables.write(rowsOf(tree, { appliedLsn: 1 }));
  await sqlite.close();
  toVersion(1, directory);
  meddle(directory, "UPDATE znode SET data = x'00' WHERE id = 1; UPDATE meta SET machine_version = 1");
  await expect(open()).rejects.toThrow(CorruptStoreError);
  expect(versionsOf(directory)).toEqual([1, 1]);
});

/** Takes away what later versions have added. */
function toVersion(version: 1 | 2 | 10, directory: string): void {
  const connection = new Sqlite(join(directory, database));
  for (const column of ["restore_id", "restored_zxid", "sequence_floor", "file_identity", "entry_name"])
    connection.exec(`ALTER TABLE meta DROP COLUMN ${column}`);
  connection.exec("DROP TABLE acl; ALTER TABLE znode DROP COLUMN acl_id;");
  if (version < 10) dropBefore10(connection, version);
  connection.pragma(`user_version = ${version}`);
  connection.close();
}

function dropBefore10(connection: Sqlite.Database, version: number): void {
  for (const table of ["meta", "reply", "change"]) connection.exec(`ALTER TABLE ${table} DROP COLUMN ran_ms`);
  for (const column of ["written_ran_ms", "attempts"])
    connection.exec(`ALTER TABLE znode DROP COLUMN ${column}`);
  for (const column of ["time_ms", "housekeeper", "housekeeper_term", "housekeeper_touched_at"])
    connection.exec(`ALTER TABLE meta DROP COLUMN ${column}`);
  for (const column of ["touched_at", "owner"]) connection.exec(`ALTER TABLE session DROP COLUMN ${column}`);
  connection.exec("ALTER TABLE reply DROP COLUMN scope");
  for (const table of ["owner", "epoch", "access"]) connection.exec(`DROP TABLE ${table}`);
  for (const table of ["meta", "log", "change"]) connection.exec(`ALTER TABLE ${table} DROP COLUMN checksum`);
  connection.exec("ALTER TABLE meta DROP COLUMN revision");
  if (version === 1) for (const table of ["reply", "quota"]) connection.exec(`DROP TABLE ${table}`);
}

function versionsOf(directory: string): unknown[] {
  const connection = new Sqlite(join(directory, database), { readonly: true });
  const versions = [
    connection.pragma("user_version", { simple: true }),
    connection.prepare("SELECT machine_version FROM meta").pluck().get(),
  ];
  connection.close();
  return versions;
}

test("a file that is no database is refused and left untouched", async ({ open, directory }) => {
  writeFileSync(join(directory, database), "this is not a database, however long it may be. ".repeat(100));
  await expect(open()).rejects.toThrow(CorruptStoreError);
  expect(readFileSync(join(directory, database), "utf8")).toContain("this is not a database");
});

test("a write-ahead log whose database is gone is not thrown away", async ({ open, directory }) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(10));
  const walFile = join(directory, `${database}-wal`);
  copyFileSync(walFile, join(directory, "kept"));
  await sqlite.close();
  rmSync(join(directory, database));
  copyFileSync(join(directory, "kept"), walFile);
  await expect(open()).rejects.toThrow(/missing or empty/);
  expect(existsSync(walFile)).toBe(true);
  expect(existsSync(join(directory, database))).toBe(false);
});

test.for([
  { damage: "a changed value", sql: "UPDATE znode SET data = x'00' WHERE id = 1", fault: /digest/ },
  { damage: "a lost znode", sql: "DELETE FROM znode WHERE id = 2", fault: /digest/ },
  { damage: "a lost parent", sql: "DELETE FROM znode WHERE id = 1", fault: /\/a\/b has no parent/ },
  { damage: "a lost root", sql: "DELETE FROM znode", fault: /no root/ },
  {
    damage: "a second znode of one path",
    sql: "UPDATE znode SET path = '/a' WHERE id = 2",
    fault: /two znodes/,
  },
  {
    damage: "an owner without a session",
    sql: "UPDATE znode SET ephemeral_owner = 'x' WHERE id = 2",
    fault: /session/,
  },
  { damage: "an id from the future", sql: "UPDATE znode SET id = 9 WHERE id = 2", fault: /yet to come/ },
  { damage: "a lost reply", sql: "DELETE FROM reply", fault: /digest/ },
  {
    damage: "a second reply to one key",
    sql: "INSERT INTO reply SELECT 2, time_ms, key, request, outcome, ran_ms, scope FROM reply",
    fault: /has a key that an older one has/,
  },
  {
    damage: "a quota that nobody set",
    sql: "INSERT INTO quota VALUES ('/a', NULL, 9, NULL, NULL)",
    fault: /digest/,
  },
  {
    damage: "a quota on nothing",
    sql: "INSERT INTO quota VALUES ('/x', NULL, 9, NULL, NULL)",
    fault: /quota on \/x/,
  },
  { damage: "no position", sql: "DELETE FROM meta", fault: /meta is empty/ },
])(
  "$damage is found at the start, and the service refuses [N13]",
  async ({ sql, fault }, { open, directory }) => {
    const sqlite = await open();
    await sqlite.log.append(1, new Uint8Array(1));
    await sqlite.tables.write(rowsOf(withReplies, { appliedLsn: 1 }));
    await sqlite.close();
    meddle(directory, sql);
    const before = readdirSync(directory);
    await expect(open()).rejects.toThrow(CorruptStoreError);
    await expect(open()).rejects.toThrow(fault);
    expect(readdirSync(directory)).toEqual(before);
  },
);

test("after an unclean stop the pages are checked", async ({ open, directory }) => {
  const sqlite = await open();
  for (let seq = 1; seq <= 20; seq += 1) await sqlite.log.append(seq, new Uint8Array(3000));
  await sqlite.close();
  meddle(directory, "UPDATE meta SET clean_shutdown = 0");
  const intact = await open();
  expect(intact.loaded.wasUnclean).toBe(true);
  await intact.close();
  meddle(directory, "UPDATE meta SET clean_shutdown = 0");
  damageLogPages(join(directory, database));
  await expect(open()).rejects.toThrow(CorruptStoreError);
});

/** Overwrites the last page, which holds entries of the log that nobody has asked for yet. */
function damageLogPages(file: string): void {
  const content = readFileSync(file);
  content.fill(0xee, content.length - 4096);
  writeFileSync(file, content);
}

test("a directory belongs to the cluster that it was made for, and is refused to any other", async ({
  directory,
}) => {
  const made = await openSqlite(directory, { ...smallBallast, clusterId: "ours" });
  expect([made.log.info.clusterId, made.tables.clusterId]).toEqual(["ours", "ours"]);
  await made.close();
  await expect(openSqlite(directory, { ...smallBallast, clusterId: "theirs" })).rejects.toThrow(
    /treekeeper\.db is that of cluster ours, not of theirs: start with the data directory of this cluster/,
  );
  const again = await openSqlite(directory, { ...smallBallast, clusterId: "ours" });
  expect(again.loaded.wasUnclean).toBe(false);
  await again.close();
});
