// A backup of a store that goes on: what is in it is the state of one moment, nothing acknowledged before is missing, and
// what was broken off or found no room leaves nothing behind. What was done to one afterwards is found.

import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import type { State } from "../../src/core/state.ts";
import { verifyBackup } from "../../src/offline/verify-backup.ts";
import type { TakenBackup } from "../../src/store/backup-source.ts";
import { Backups } from "../../src/store/sqlite/backups.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { readBack } from "../../src/store/sqlite/read-back.ts";
import { Store } from "../../src/store/store.ts";
import { bytes, plain, refusal } from "../support/keeper.ts";
import { test as base, smallBallast } from "./sqlite-fixture.ts";

const unbounded = new AbortController().signal;

interface Running {
  readonly store: Store;
  readonly state: State;
  readonly backups: Backups;
  readonly create: (path: string, data?: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface RunOptions {
  readonly freeBytesMin?: number;
  /** Without, all there is stays in the log. */
  readonly hasTables?: boolean;
}

async function run(
  directory: string,
  { freeBytesMin = 0, hasTables = true }: RunOptions = {},
): Promise<Running> {
  const sqlite = await openSqlite(directory, smallBallast);
  const { state, position } = sqlite.loaded;
  const limits = { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 2 ** 26 };
  const store = new Store({
    state,
    position,
    log: sqlite.log,
    ...(hasTables && { tables: sqlite.tables }),
    clock: systemClock,
    limits,
  });
  await store.start();
  const backups = new Backups({ store, ...sqlite.files, freeBytesMin, version: "1.2.3" });
  return {
    ...{ store, state, backups },
    async create(path, data = "") {
      await store.submit({ type: "create", path, mode: plain, data: bytes(data) });
    },
    async close() {
      await backups.close();
      await store.close();
      await sqlite.close();
    },
  };
}

const test = base.extend<{ running: Running }>({
  running: async ({ directory }, use) => {
    const running = await run(directory);
    await use(running);
    await running.close();
  },
});

/** Into a file, by which it can be looked at. */
async function keep(backup: TakenBackup, file: string): Promise<string> {
  writeFileSync(file, await backup.content.readFile());
  await backup.release();
  return file;
}

function reportOn(file: string) {
  const verdict = verifyBackup(file);
  if (!verdict.isSound) throw new Error(verdict.faults.join("; "));
  return verdict.report;
}

test("a backup holds the state of its zxid, tables and log, whatever is written meanwhile", async ({
  running: { store, state, backups, create },
  directory,
}) => {
  await create("/a", "one");
  const digestBefore = { zxid: store.zxid, digest: "" };
  const taking = backups.take(unbounded);
  for (let index = 0; index < 200; index += 1) await create(`/n${index}`, "x".repeat(1000));
  const backup = await taking;
  expect(backup.zxid).toBeGreaterThanOrEqual(digestBefore.zxid);
  const { bytes: size } = backup;
  const report = reportOn(await keep(backup, join(directory, "kept")));
  expect(report).toMatchObject({ zxid: backup.zxid, id: backup.id, bytes: size, version: "1.2.3" });
  expect(report.takenAtMs).toBe(backup.takenAtMs);
  // The root, /a and those that were made up to the moment.
  expect(report.znodes).toBe(report.zxid + 1);

  const last = await backups.take(unbounded);
  const said = reportOn(await keep(last, join(directory, "last")));
  expect(said).toMatchObject({ zxid: store.zxid, znodes: 202, digest: Digest.of(state).toString() });
  expect(backups.stats()).toMatchObject({
    taken: 2,
    failures: 0,
    lastBackupBytes: last.bytes,
    isRunning: false,
  });
});

test("a backup has no name in the data directory once it can be read, and nothing of it is left", async ({
  running: { backups, create },
  directory,
}) => {
  await create("/a");
  const before = readdirSync(directory).toSorted();
  const backup = await backups.take(unbounded);
  expect(readdirSync(directory).toSorted()).toEqual(before);
  await backup.release();
  await backup.release();
  expect(backups.stats().isRunning).toBe(false);
});

test("one is taken at a time, from its beginning until it is released", async ({ running: { backups } }) => {
  const first = backups.take(unbounded);
  expect(await refusal(backups.take(unbounded))).toBe("throttled");
  const backup = await first;
  expect(await refusal(backups.take(unbounded))).toBe("throttled");
  await backup.release();
  await (await backups.take(unbounded)).release();
});

test("one that is given up ends at once, and the next can be taken", async ({
  running: { backups, create },
  directory,
}) => {
  await create("/a", "x".repeat(500_000));
  const giving = new AbortController();
  const taking = backups.take(giving.signal);
  giving.abort(new Error("gone"));
  await expect(taking).rejects.toThrow("gone");
  expect(readdirSync(directory).filter((name) => name.startsWith("backup"))).toEqual([]);
  expect(backups.stats()).toMatchObject({ failures: 0, isRunning: false });
  await (await backups.take(unbounded)).release();
});

test("one for which the disk has no room beside its reserve is refused, and leaves nothing", async ({
  directory,
}) => {
  const running = await run(directory, { freeBytesMin: Number.MAX_SAFE_INTEGER / 2 });
  await running.create("/a");
  expect(await refusal(running.backups.take(unbounded))).toBe("no_room");
  expect(readdirSync(directory).filter((name) => name.startsWith("backup"))).toEqual([]);
  expect(running.backups.stats()).toMatchObject({ taken: 0, failures: 1, isRunning: false });
  await running.create("/b");
  await running.close();
});

test("once the store closes, the one under way is broken off and none is taken", async ({ directory }) => {
  const running = await run(directory);
  const taking = refusal(running.backups.take(unbounded));
  await running.backups.close();
  expect(await taking).toBe("stopping");
  expect(await refusal(running.backups.take(unbounded))).toBe("stopping");
  await running.close();
  expect(readdirSync(directory).filter((name) => name.startsWith("backup"))).toEqual([]);
});

test("what a crash left of one is gone after the next start", async ({ directory }) => {
  await (await run(directory)).close();
  for (const name of ["backup.part", "backup.part-journal"]) writeFileSync(join(directory, name), "half");
  await (await run(directory)).close();
  expect(readdirSync(directory).filter((name) => name.startsWith("backup"))).toEqual([]);
});

test("a backup is not served as it is: the start refuses it and names what brings it in", async ({
  running,
  directory,
}) => {
  await running.create("/a");
  const file = await keep(await running.backups.take(unbounded), join(directory, "kept"));
  await running.close();
  copyFileSync(file, join(directory, "treekeeper.db"));
  await expect(openSqlite(directory, smallBallast)).rejects.toThrow(/is a backup.*treekeeper restore/);
  expect(readFileSync(join(directory, "treekeeper.db"))).toEqual(readFileSync(file));
});

test("one that is made into a file is read back, closed to others, and one file", async ({
  running: { backups, create, store },
  directory,
}) => {
  await create("/a");
  const file = join(directory, "into");
  const facts = await backups.takeInto(file, unbounded);
  expect(statSync(file)).toMatchObject({ size: facts.bytes });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory).filter((name) => name.startsWith("into"))).toEqual(["into"]);
  expect(reportOn(file).zxid).toBe(store.zxid);
  // What is there already is nobody's to overwrite.
  await expect(backups.takeInto(file, unbounded)).rejects.toThrow("EEXIST");
  expect(existsSync(file)).toBe(true);
});

describe("a backup that was changed afterwards", () => {
  /** Each change in a copy of its own: what is said of it, or null where it is held to be sound. */
  function faultsAfter(file: string, changes: readonly string[]): (string | null)[] {
    return changes.map((sql) => {
      const changed = `${file}.changed`;
      copyFileSync(file, changed);
      const connection = new Sqlite(changed);
      const { changes: count } = connection.prepare(sql).run();
      connection.close();
      if (count === 0) throw new Error(`nothing was changed by ${sql}`);
      const verdict = verifyBackup(changed);
      return verdict.isSound ? null : verdict.faults.join("; ").replaceAll(changed, "F");
    });
  }

  test("is not sound: its tables, its position, its marker", async ({
    running: { store, backups, create },
    directory,
  }) => {
    await create("/a", "data");
    // Its row is there when the store is closed at the latest; a fresh start has it in any case.
    await backups.close();
    await store.close();
    const again = await run(directory);
    const file = await keep(await again.backups.take(unbounded), join(directory, "kept"));
    await again.close();
    expect(
      faultsAfter(file, [
        "UPDATE znode SET data = x'00' WHERE path = '/a'",
        "DELETE FROM znode WHERE path = '/a'",
        "UPDATE meta SET zxid = zxid + 1",
        "UPDATE backup SET zxid = zxid + 1",
        "DELETE FROM backup",
        "UPDATE change SET messages = messages || ' '",
      ]),
    ).toEqual([
      expect.stringMatching(/^F is damaged: its tables have digest .*, not .* as was written/),
      expect.stringMatching(/^F is damaged: its tables have digest/),
      "F is damaged: the row of its table meta does not match its checksum.",
      "F is damaged: the row of its table backup does not match its checksum.",
      "F is damaged: its table backup is empty.",
      "F is damaged: the history up to zxid 1 does not match its checksum.",
    ]);
  });

  test("is not sound: its log", async ({ directory }) => {
    const { create, backups, store, close } = await run(directory, { hasTables: false });
    for (const path of ["/a", "/b", "/c"]) await create(path);
    const file = await keep(await backups.take(unbounded), join(directory, "kept"));
    expect(reportOn(file)).toMatchObject({ zxid: store.zxid, znodes: 4, entries: 3 });
    await close();
    expect(
      faultsAfter(file, [
        "UPDATE log SET body = x'00' WHERE lsn = 2",
        "DELETE FROM log WHERE lsn = 2",
        "DELETE FROM log WHERE lsn = 3",
      ]),
    ).toEqual([
      "F is damaged: log entry 2 does not match its checksum.",
      "F is damaged: log entries 2 to 2 are missing.",
      "F is damaged: log entries 3 to 3 are missing.",
    ]);
  });

  test("is not sound: pages, wherever they are damaged", async ({
    running: { backups, create },
    directory,
  }) => {
    await create("/a", "x".repeat(20_000));
    const file = await keep(await backups.take(unbounded), join(directory, "kept"));
    const whole = readFileSync(file);
    for (let page = 0; page < whole.byteLength / 4096; page += 1) {
      const damaged = Buffer.from(whole);
      damaged.fill(0xff, page * 4096, (page + 1) * 4096);
      writeFileSync(file, damaged);
      const { isSound } = verifyBackup(file);
      expect(`page ${page} ${isSound}`).toBe(`page ${page} false`);
    }
    writeFileSync(file, whole.subarray(0, whole.byteLength - 4096));
    expect(verifyBackup(file).isSound).toBe(false);
    writeFileSync(file, whole);
    expect(verifyBackup(file).isSound).toBe(true);
    expect(verifyBackup(directory)).toEqual({
      isSound: false,
      faults: [`${directory} is not a file: name the backup itself.`],
    });
  });

  test("is found by who reads it back, too, without its tree in memory", async ({
    running: { backups, create },
    directory,
  }) => {
    await create("/a", "data");
    const file = join(directory, "into");
    await backups.takeInto(file, unbounded);
    readBack(file, () => {});
    const connection = new Sqlite(file);
    connection.exec("UPDATE znode SET data = x'00' WHERE id = 0");
    connection.close();
    expect(() => readBack(file, () => {})).toThrow(/digest/);
  });
});

test("what is no backup is said to be none, and is left as it is", async ({ running, directory }) => {
  await running.create("/a");
  const live = join(directory, "treekeeper.db");
  const text = join(directory, "text");
  writeFileSync(text, "just text, and longer than a header of one hundred bytes would be".repeat(3));
  const other = join(directory, "other.db");
  const connection = new Sqlite(other);
  connection.exec("CREATE TABLE t (a)");
  connection.close();
  const faultOf = (file: string) => {
    const verdict = verifyBackup(file);
    return verdict.isSound ? "sound" : verdict.faults.join("; ");
  };
  const before = readdirSync(directory).toSorted();
  expect(faultOf(text)).toMatch(/is no backup: it is not a SQLite database/);
  expect(faultOf(other)).toMatch(/is no backup: another program wrote it/);
  expect(faultOf(live)).toMatch(/is no backup, but the database of a data directory/);
  expect(readdirSync(directory).toSorted()).toEqual(before);
  expect(() => verifyBackup(join(directory, "none"))).toThrow("ENOENT");
});
