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
import { readBackupMarker } from "../../src/store/sqlite/backup-marker.ts";
import { Backups } from "../../src/store/sqlite/backups.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { readBack } from "../../src/store/sqlite/read-back.ts";
import { Store } from "../../src/store/store.ts";
import { bytes, plain, refusal } from "../support/keeper.ts";
import { smallBallast, test as base } from "./sqlite-fixture.ts";

const unbounded = new AbortController().signal;

interface Running {
  readonly store: Store;
  readonly state: State;
  readonly backups: Backups;
  readonly create: (path: string, data?: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

async function run(directory: string, freeBytesMin = 0): Promise<Running> {
  const sqlite = await openSqlite(directory, smallBallast);
  const { state, position } = sqlite.loaded;
  const limits = { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 2 ** 26 };
  const store = new Store({ state, position, log: sqlite.log, tables: sqlite.tables, clock: systemClock, limits });
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
  expect(backups.stats()).toMatchObject({ taken: 2, failures: 0, lastBackupBytes: last.bytes, isRunning: false });
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

test("one for which the disk has no room beside its reserve is refused, and leaves nothing", async ({ directory }) => {
  const running = await run(directory, Number.MAX_SAFE_INTEGER / 2);
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
  const changes: Record<string, string> = {
    "a znode's data": "UPDATE znode SET data = x'00' WHERE path = '/a'",
    "a znode that is gone": "DELETE FROM znode WHERE path = '/a'",
    "an entry of the log": "UPDATE log SET body = x'00' WHERE lsn = (SELECT max(lsn) FROM log)",
    "the last entries of the log": "DELETE FROM log; UPDATE backup SET lsn = lsn",
    "the marker": "UPDATE backup SET zxid = zxid + 1",
    "the position": "UPDATE meta SET zxid = zxid + 1",
    "the marker's row": "DELETE FROM backup",
  };
  for (const [what, sql] of Object.entries(changes)) {
    test(`is not sound: ${what}`, async ({ running: { backups, create }, directory }) => {
      await create("/a", "data");
      // In the tables by now; what comes next is in the log alone.
      await (await backups.take(unbounded)).release();
      await create("/b");
      const file = await keep(await backups.take(unbounded), join(directory, "kept"));
      const connection = new Sqlite(file);
      expect(readBackupMarker(connection, file)).not.toBeNull();
      const { changes: changed } = connection.prepare(sql.split(";")[0] as string).run();
      connection.close();
      if (changed === 0) throw new Error(`nothing was changed by ${sql}`);
      const verdict = verifyBackup(file);
      expect(verdict.isSound).toBe(false);
    });
  }

  test("is not sound: pages, wherever they are damaged", async ({ running: { backups, create }, directory }) => {
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
