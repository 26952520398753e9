// `check`: what is sound is found sound, each kind of damage is found, and nothing is changed by looking.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect } from "vitest";
import { type CheckReport, check } from "../../src/offline/check.ts";
import { restoreInPlace } from "../../src/offline/restore.ts";
import { markAsBackup } from "../../src/store/sqlite/backup-marker.ts";
import { isInUse } from "../../src/store/sqlite/in-use.ts";
import { bytes, plain } from "../support/keeper.ts";
import { startOn, test, unharmed, unpackEarlier } from "./fixture.ts";

function foundIn({ looked }: CheckReport, at: string): string | undefined {
  return looked.find((look) => look.at === at)?.found;
}

function faultsIn({ looked }: CheckReport): string[] {
  return looked.flatMap(({ at, faults }) => faults.map((fault) => `${at}: ${fault}`));
}

/** Changes the database of a directory that nobody serves. */
function change(directory: string, sql: string): void {
  const database = new Sqlite(join(directory, "treekeeper.db"));
  database.exec(sql);
  database.close();
}

describe("what is sound", () => {
  test("a directory at rest", async ({ stopped }) => {
    const report = await unharmed(stopped, () => check(stopped));
    expect(report).toMatchObject({ isSound: true, isLive: false });
    expect(faultsIn(report)).toEqual([]);
    expect(foundIn(report, "rows")).toMatch(
      /^\d+ znodes, 2 sessions, \d+ changes, as of entry \d+, zxid \d+/,
    );
    expect(foundIn(report, "log")).toMatch(/^0 entries/);
    expect(foundIn(report, "state")).toMatch(/as it must be/);
  });

  test("what a start makes of it is told: one of an earlier moment is sound, and refused", async ({
    stopped,
    folder,
  }) => {
    const start = async () => foundIn(await unharmed(stopped, () => check(stopped)), "start");
    expect(await start()).toBe("serves it");
    const earlier = join(folder, "earlier.db");
    cpSync(join(stopped, "treekeeper.db"), earlier);
    const store = await startOn(stopped);
    await store.submit({ type: "create", path: "/later", data: bytes(""), mode: plain });
    await store.close();
    expect(await start()).toBe("serves it");
    cpSync(earlier, join(stopped, "treekeeper.db"));
    expect(await start()).toMatch(/^refuses it, since this directory had come further, .* --rolled-back$/);
    const database = new Sqlite(join(stopped, "treekeeper.db"));
    const marker = { id: "one", takenAtMs: 1, version: "0.0.0", lsn: 18, zxid: 18 };
    database.transaction(() => markAsBackup(database, marker)).immediate();
    database.close();
    expect(await start()).toMatch(/^refuses it, since it is a backup, .* --rolled-back$/);
    restoreInPlace({ dataDir: stopped });
    expect(await start()).toBe("does the restore that was asked for, then serves it");
  });

  test("one that its service was killed in: what is in the log alone counts", async ({ killed }) => {
    const report = await unharmed(killed, () => check(killed));
    expect(report).toMatchObject({ isSound: true, isLive: false });
    expect(foundIn(report, "rows")).toMatch(/^1 znodes, 0 sessions/);
    expect(foundIn(report, "log")).toMatch(/^18 entries with \d+ commands after that lead to zxid 1[78]$/);
  });

  test("one in use, whose service goes on", async ({ served: { directory, store } }) => {
    const files = readdirSync(directory);
    const inodes = files.map((name) => statSync(join(directory, name)).ino);
    for (let round = 0; round < 3; round += 1) {
      const report = await check(directory);
      expect(report).toMatchObject({ isSound: true, isLive: true });
      expect(foundIn(report, "log")).toMatch(new RegExp(`^${18 + round} entries`));
      await store.submit({ type: "create", path: `/after-${round}`, data: bytes(""), mode: plain });
    }
    expect(readdirSync(directory)).toEqual(files);
    expect(files.map((name) => statSync(join(directory, name)).ino)).toEqual(inodes);
    expect(isInUse(directory)).toBe(true);
  });

  test.for([2, 6] as const)("one of tables %i, read as it is", async (schema, { folder }) => {
    const directory = join(folder, "earlier");
    unpackEarlier(schema, directory);
    const report = await unharmed(directory, () => check(directory));
    expect(report).toMatchObject({ isSound: true, tables: schema });
    expect(foundIn(report, "versions")).toMatch(/the next start makes them/);
  });

  test("a copy of the database alone, such as a backup is", async ({ stopped, folder }) => {
    cpSync(join(stopped, "treekeeper.db"), join(folder, "a.backup"));
    expect(await check(join(folder, "a.backup"))).toMatchObject({ isSound: true, isLive: false });
  });
});

test("the copy that is read is removed, and its folder is this user's alone", async ({ stopped, folder }) => {
  const scratch = join(folder, "scratch");
  mkdirSync(scratch);
  await check(stopped, { scratch });
  expect(readdirSync(scratch)).toEqual([]);
});

describe("damage", () => {
  test("of a page", async ({ stopped }) => {
    const file = join(stopped, "treekeeper.db");
    const content = readFileSync(file);
    content.fill(0x5a, 4 * 4096, 5 * 4096);
    writeFileSync(file, content);
    const report = await unharmed(stopped, () => check(stopped));
    expect(report.isSound).toBe(false);
    expect(faultsIn(report).join("\n")).toMatch(/^pages: /);
  });

  test.for([
    ["UPDATE znode SET data = x'78' WHERE path = '/config'", /rows: its tables have digest/],
    ["DELETE FROM session", /rows: ephemeral znode .* has no session/],
    ["DELETE FROM znode WHERE path = '/config'", /rows: znode \/config\/a!b has no parent/],
    ["UPDATE change SET messages = messages || ' '", /rows: the history up to zxid/],
    ["UPDATE meta SET zxid = zxid + 1", /rows: the row of its table meta does not match/],
    [
      "INSERT INTO znode_children VALUES (999, 1, 1, 1)",
      /orphans: there is a count of children for znode 999/,
    ],
    ["DROP TABLE quota", /rows: its tables are not as they were made/],
  ] as const)("of rows: %s", async ([sql, fault], { stopped }) => {
    change(stopped, sql);
    const report = await unharmed(stopped, () => check(stopped));
    expect(report.isSound).toBe(false);
    expect(faultsIn(report).join("\n")).toMatch(fault);
  });

  test("of the log", async ({ folder }) => {
    const directory = join(folder, "d");
    const store = await startOn(directory);
    await store.submit({ type: "create", path: "/a", data: bytes("a"), mode: plain });
    const copy = join(folder, "copy");
    cpSync(directory, copy, { recursive: true });
    await store.close();
    change(copy, "UPDATE log SET body = zeroblob(octet_length(body)) WHERE lsn = 1");
    const report = await unharmed(copy, () => check(copy));
    expect(faultsIn(report)).toEqual([expect.stringMatching(/: log entry 1 does not match its checksum/)]);
  });

  test("of the write-ahead log, which SQLite would take for its end", async ({ killed }) => {
    const file = join(killed, "treekeeper.db-wal");
    const content = readFileSync(file);
    content.writeUInt8(content.readUInt8(32 + 24 + 500) ^ 1, 32 + 24 + 500);
    writeFileSync(file, content);
    const report = await unharmed(killed, () => check(killed));
    expect(faultsIn(report)).toEqual([expect.stringMatching(/^write-ahead log: .* frame 1, at byte 32/)]);
    expect(report.isSound).toBe(false);
  });
});

describe("what cannot be told", () => {
  test.for([
    ["PRAGMA user_version = 999", /a later version wrote .*stopped\/treekeeper.db \(tables 999, not \d+\)/],
    ["UPDATE meta SET machine_version = 999", /a later version wrote the log of .*stopped\/treekeeper.db/],
    ["PRAGMA application_id = 1", /belongs to another program/],
  ] as const)("of a later version, or another program: %s", async ([sql, sentence], { stopped }) => {
    change(stopped, sql);
    await unharmed(stopped, () =>
      expect(check(stopped)).rejects.toMatchObject({
        name: "OfflineError",
        message: expect.stringMatching(sentence),
      }),
    );
  });

  test("of what is not there, or is no data directory", async ({ folder }) => {
    const refused = (path: string) => expect(check(path)).rejects;
    await refused(join(folder, "none")).toMatchObject({ message: `${join(folder, "none")} is not there.` });
    await refused(folder).toMatchObject({ message: expect.stringMatching(/holds no treekeeper.db/) });
    writeFileSync(join(folder, "restored.part"), "");
    await refused(folder).toMatchObject({
      message: expect.stringMatching(/A restore into .* was broken off/),
    });
    rmSync(join(folder, "restored.part"));
    writeFileSync(join(folder, "treekeeper.db"), "");
    await refused(folder).toMatchObject({ message: expect.stringMatching(/treekeeper.db is empty/) });
    expect(readdirSync(folder)).toEqual(["treekeeper.db"]);
  });

  test("without room for the copy", async ({ stopped }) => {
    await expect(check(stopped, { scratch: "/proc/self" })).rejects.toMatchObject({ name: "OfflineError" });
  });
});
