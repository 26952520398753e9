// A file that was put back to an earlier moment: what is asked of the next start, and that it is done once, whatever
// happens meanwhile.

import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { restoreFile, restoreInPlace } from "../../src/offline/restore.ts";
import { epochOf } from "../../src/store/epoch-name.ts";
import { finishRestore, jumpOf, type RestoreNote } from "../../src/store/restoring.ts";
import { markAsBackup } from "../../src/store/sqlite/backup-marker.ts";
import type { OpenedStore } from "../../src/store/sqlite/load.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { Store } from "../../src/store/store.ts";
import { Watches } from "../../src/watches/watches.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, ephemeral, plain, sequential } from "../support/keeper.ts";
import { smallBallast, test } from "./sqlite-fixture.ts";

interface Started {
  readonly store: Store;
  readonly loaded: OpenedStore;
  readonly watches: Watches;
}

/** A store as a server opens it, before it looks whether it was restored. */
async function startOn(directory: string): Promise<Started> {
  const { loaded, log, tables } = await openSqlite(directory, smallBallast);
  const store = new Store({
    ...{ state: loaded.state, position: loaded.position, log, tables },
    epoch: epochOf(log),
    clock: new FakeClock(),
    limits: { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 10_000_000 },
  });
  const saved = { rows: loaded.changes, floorZxid: loaded.position.historyFloorZxid };
  const watches = new Watches({ store, saved, limits: watchLimits, chance: () => 0 });
  await store.start();
  return { store, loaded, watches };
}

const watchLimits = {
  history: { messagesMax: 1000, bytesMax: 1_000_000, ageMsMax: 1_000_000 },
  ...{ streamsMax: 10, streamLifetimeMsMax: 0, bufferBytesMax: 1_000_000, snapshotPageZnodesMax: 10 },
  ...{ snapshotPageBytesMax: 10_000, snapshotKeptBytesMax: 1_000_000 },
};

async function finish({ store, loaded }: Started) {
  return await finishRestore(store, loaded.restoreNote);
}

const create = (path: string, rest: object = {}): Command =>
  ({ ...{ type: "create", path, data: bytes("") }, mode: plain, ...rest }) as Command;

const open = (sessionId: string): Command => ({
  ...{ type: "openSession", sessionId, tokenHash: sessionId, timeoutMs: 10_000, name: "" },
});

/** Sessions with ephemerals, numbers, and a part that only the log has: the clock stands still. */
async function use({ store }: Pick<Started, "store">, from = 0): Promise<void> {
  for (let session = from; session < from + 3; session += 1) {
    const sessionId = String(session);
    await store.submit(open(sessionId));
    await store.submit(create(`/e${sessionId}`, { mode: ephemeral, sessionId }));
  }
  await store.submit(create(`/q${from}`));
  for (let count = 0; count < 5; count += 1) await store.submit(create(`/q${from}/n-`, { mode: sequential }));
}

/** As `treekeeper backup` leaves it. */
function backUp(directory: string, file: string, takenAtMs = Date.now()): void {
  const source = new Sqlite(join(directory, "treekeeper.db"));
  source.prepare("VACUUM INTO ?").run(file);
  source.close();
  const copy = new Sqlite(file);
  const { lsn, zxid, digest } = copy.prepare("SELECT applied_lsn AS lsn, zxid, digest FROM meta").get() as {
    lsn: number;
    zxid: number;
    digest: string;
  };
  markAsBackup(copy, { id: "b", takenAtMs, version: "1.0.0", lsn, zxid, digest } as Parameters<
    typeof markAsBackup
  >[1]);
  copy.close();
}

interface Scene {
  readonly directory: string;
  readonly backup: string;
  /** Of the moment of the backup. */
  readonly zxid: number;
}

/** A store that was used, backed up, and used on: made once, and copied. */
let made: Scene;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "treekeeper-restore-"));
  const [directory, backup] = [join(folder, "data"), join(folder, "a.backup")];
  const first = await startOn(directory);
  await use(first);
  await first.store.close();
  backUp(directory, backup);
  cpSync(directory, join(folder, "older"), { recursive: true });
  const second = await startOn(directory);
  await use(second, 10);
  await second.store.close();
  made = { directory, backup, zxid: first.store.zxid };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function scene(above: string): Scene {
  const [directory, backup] = [join(above, "data"), join(above, "a.backup")];
  cpSync(made.directory, directory, { recursive: true });
  copyFileSync(made.backup, backup);
  return { directory, backup, zxid: made.zxid };
}

const codesOf = (path: string) => statSync(path).mode & 0o777;

describe("a backup that is restored", () => {
  test("goes on above all numbers, without the sessions of before, and no cursor of before resumes [G11]", async ({
    directory: above,
  }) => {
    const { directory, backup, zxid } = scene(above);
    const report = restoreFile(backup, { dataDir: directory, isForced: true });
    expect(report).toMatchObject({ zxid, sessions: 3, ephemerals: 3, sequenceFloor: expect.any(Number) });
    expect(codesOf(join(directory, "treekeeper.db"))).toBe(0o600);
    const started = await startOn(directory);
    const { store, watches } = started;
    const note = started.loaded.restoreNote;
    expect(store.zxid).toBe(zxid);
    expect(watches.gapAfter({ zxid })).toBeNull();
    const nowMs = store.timeMs;
    const done = await finish(started);
    expect(done).toMatchObject({ zxidBefore: zxid, sessions: 3 });
    expect(store.restored.zxid).toBe(zxid + jumpOf(note as RestoreNote, zxid, nowMs).zxidsAhead);
    expect(store.zxid).toBe(store.restored.zxid + 3);
    expect([...started.loaded.state.sessions()]).toEqual([]);
    expect(watches.gapAfter({ zxid })).toBe("history_trimmed");
    expect(watches.gapAfter({ zxid: store.zxid })).toBeNull();
    const { outcome } = await store.submit(
      create("/q0/n-", { mode: sequential }) as Command & { type: "create" },
    );
    expect(store.restored.sequenceFloor).toBeGreaterThanOrEqual(1_000_005);
    expect(outcome.path).toBe(`/q0/n-${String(store.restored.sequenceFloor).padStart(10, "0")}`);
    expect(checkState(started.loaded.state)).toEqual([]);
    await store.close();

    const again = await startOn(directory);
    expect([again.loaded.restoreNote, again.loaded.isCopy, await finish(again)]).toEqual([null, false, null]);
    expect(again.store.restored).toEqual(store.restored);
    expect(again.watches.gapAfter({ zxid })).toBe("history_trimmed");
    await again.store.close();
  });

  test("moves what was there aside and deletes nothing of it", async ({ directory: above }) => {
    const { directory, backup } = scene(above);
    expect(() => restoreFile(backup, { dataDir: directory, isForced: false })).toThrow(
      /There is a store in .*--force/,
    );
    const before = statSync(join(directory, "treekeeper.db"));
    const { movedTo } = restoreFile(backup, { dataDir: directory, isForced: true });
    expect(statSync(join(movedTo as string, "treekeeper.db")).ino).toBe(before.ino);
    expect(codesOf(movedTo as string)).toBe(0o700);
    const replaced = await startOn(movedTo as string);
    expect(replaced.loaded.restoreNote).toBeNull();
    expect(replaced.loaded.state.tree.get("/q10")).toBeDefined();
    await replaced.store.close();
    expect(existsSync(backup)).toBe(true);
    expect(() => restoreFile(backup, { dataDir: directory, isForced: false })).toThrow(/There is a store/);
  });

  test("may go where there is nothing yet", async ({ directory: above }) => {
    const { backup, zxid } = scene(above);
    const fresh = join(above, "fresh");
    expect(restoreFile(backup, { dataDir: fresh, isForced: false })).toMatchObject({ zxid, movedTo: null });
    const started = await startOn(fresh);
    expect(await finish(started)).toMatchObject({ sessions: 3 });
    await started.store.close();
  });

  test("ends sessions of which each owns more than may go at once", async ({ directory: above }) => {
    const { backup } = scene(above);
    const dataDir = join(above, "fresh");
    restoreFile(backup, { dataDir, isForced: false });
    const { loaded, log, tables } = await openSqlite(dataDir, smallBallast);
    const store = new Store({
      ...{ state: loaded.state, position: loaded.position, log, tables, clock: new FakeClock() },
      limits: {
        ...defaultLimits,
        ephemeralsPerSessionMax: 1,
        queueCommandsMax: 1000,
        queueBytesMax: 1_000_000,
      },
    });
    await store.start();
    await store.submit(create("/e0b", { mode: ephemeral, sessionId: "0" })).catch(() => {});
    expect(await finishRestore(store, loaded.restoreNote)).toMatchObject({ sessions: 3 });
    expect(loaded.state.sessionCount).toBe(0);
    await store.close();
  });

  test("puts numbers as far ahead as is said, and as time has passed", ({ directory: above }) => {
    const { directory } = scene(above);
    const backup = join(above, "old.backup");
    backUp(directory, backup, Date.now() - 86_400_000);
    const dataDir = join(above, "fresh");
    const { sequenceFloor } = restoreFile(backup, { dataDir, isForced: false, sequencesAhead: 7 });
    expect(sequenceFloor).toBeGreaterThanOrEqual(8 + 7 + 86_400_000 * 10);
    expect(sequenceFloor).toBeLessThan(8 + 7 + 86_400_000 * 10 + 600_000);
  });

  test("goes above every past there was, also where it was restored before, and of an older backup now", () => {
    const day = 86_400_000;
    const t0 = Date.UTC(2030, 0);
    const note = (ofMs: number) => ({ id: "ab", ofMs, sequencesAhead: 1_000_000 });
    const restoredAt = (zxid: number, ofMs: number, nowMs: number) =>
      zxid + jumpOf(note(ofMs), zxid, nowMs).zxidsAhead;
    // A minute each of a hundred thousand transactions a second, whatever was restored before.
    const written = 60_000 * 100;
    const first = restoredAt(5000, t0 - day, t0);
    const second = restoredAt(first + written, t0 + 60_000, t0 + 61_000);
    const third = restoredAt(5000, t0 - day, t0 + 122_000);
    expect(second).toBeGreaterThan(first + written);
    expect(third).toBeGreaterThan(second + written);
    // With a clock that is behind it goes above what there is, and what time has passed.
    const behind = restoredAt(third, t0, Date.UTC(2026, 0));
    expect(behind).toBe(third + 1_000_000_000);
    expect(restoredAt(third, 0, Date.UTC(2031, 0))).toBeGreaterThan(third);
  });
});

describe("a start on a restored file that is killed", () => {
  test("after the restore was decided is followed by one that ends the rest of the sessions, and decides nothing again", async ({
    directory: above,
  }) => {
    const { directory, backup } = scene(above);
    restoreFile(backup, { dataDir: directory, isForced: true });
    const killed = await startOn(directory);
    const note = killed.loaded.restoreNote;
    await finishRestore({ ...storeOnly(killed.store), submitAll: async () => stop() }, note).catch(() => {});
    const { restored } = killed.store;
    await killed.store.submit({ type: "closeSession", sessionId: "1", reason: "session_expired" });
    // As a crash leaves it: the clock stands still, so no rows were written.
    const copy = join(above, "copy");
    cpSync(directory, copy, { recursive: true });
    await killed.store.close();
    const next = await startOn(copy);
    expect(next.loaded.restoreNote).toEqual(note);
    expect(next.store.restored).toEqual(restored);
    expect(await finish(next)).toMatchObject({ restored, sessions: 2 });
    const digest = Digest.of(next.loaded.state).toString();
    await next.store.close();
    const last = await startOn(copy);
    expect(Digest.of(last.loaded.state).toString()).toBe(digest);
    await last.store.close();
  });

  test("before that is followed by one that decides it", async ({ directory: above }) => {
    const { directory, backup, zxid } = scene(above);
    restoreFile(backup, { dataDir: directory, isForced: true });
    const killed = await startOn(directory);
    await killed.store.close();
    const next = await startOn(directory);
    expect([next.store.zxid, next.store.restored.id]).toEqual([zxid, ""]);
    expect(await finish(next)).toMatchObject({ zxidBefore: zxid, sessions: 3 });
    await next.store.close();
  });
});

function stop(): never {
  throw new Error("killed");
}

/** What `finishRestore` asks of a store. */
function storeOnly(store: Store) {
  return {
    get zxid() {
      return store.zxid;
    },
    get timeMs() {
      return store.timeMs;
    },
    get restored() {
      return store.restored;
    },
    submit: store.submit.bind(store),
    reader: store.reader.bind(store),
  };
}

type Unfit = readonly [what: string, make: (file: string, backup: string) => void, says: RegExp];

const unfit: readonly Unfit[] = [
  ["is not there", () => {}, /is not there/],
  ["a directory", (file) => mkdirSync(file), /is not a file/],
  ["text", (file) => writeFileSync(file, "x".repeat(10_000)), /is no backup/],
  ["empty", (file) => writeFileSync(file, ""), /is no backup/],
  ["another program's", (file) => otherProgram(file), /another program wrote it/],
  ["of a later version", (file, backup) => edited(file, backup, "PRAGMA user_version = 99"), /later version/],
  [
    "cut off",
    (file, backup) => {
      copyFileSync(backup, file);
      truncateSync(file, 4096 * 3);
    },
    /cannot be restored/,
  ],
  [
    "changed",
    (file, backup) => edited(file, backup, "UPDATE znode SET version = 9 WHERE path = '/q0'"),
    /digest/,
  ],
  [
    "without its marker's row",
    (file, backup) => edited(file, backup, "DELETE FROM backup"),
    /backup is empty/,
  ],
  [
    "a part of a data directory",
    (file, backup) => {
      copyFileSync(backup, file);
      writeFileSync(`${file}-wal`, "x");
    },
    /--rolled-back/,
  ],
];

test("a file that is no backup of this service, or a damaged one, is refused, and what was there stays", async ({
  directory: above,
}) => {
  const { directory, backup } = scene(above);
  const before = readdirSync(directory).sort();
  for (const [index, [what, make, says]] of unfit.entries()) {
    const file = join(above, `file${index}`);
    make(file, backup);
    expect(() => restoreFile(file, { dataDir: directory, isForced: true }), what).toThrow(says);
    expect(readdirSync(directory).sort(), what).toEqual(before);
  }
  const started = await startOn(directory);
  expect(started.loaded.restoreNote).toBeNull();
  expect(started.loaded.state.tree.get("/q10")).toBeDefined();
  await started.store.close();
});

function otherProgram(file: string): void {
  const connection = new Sqlite(file);
  connection.exec("CREATE TABLE notes (text TEXT)");
  connection.close();
}

function edited(file: string, backup: string, sql: string): void {
  copyFileSync(backup, file);
  const connection = new Sqlite(file);
  connection.exec(sql);
  connection.close();
}

describe("a directory that was put back by other means", () => {
  test("goes on in a new epoch once that is said of it, its log included [G11]", async ({
    directory: above,
  }) => {
    const { directory } = scene(above);
    const live = await startOn(directory);
    await live.store.submit(create("/in-the-log"));
    const copy = join(above, "copy");
    cpSync(directory, copy, { recursive: true });
    await live.store.close();
    const report = restoreInPlace({ dataDir: copy });
    expect(report).toMatchObject({ sessions: 6, ephemerals: 6, movedTo: null });
    const started = await startOn(copy);
    expect(started.loaded.state.tree.get("/in-the-log")).toBeDefined();
    expect(await finish(started)).toMatchObject({ sessions: 6 });
    await started.store.close();
  });

  test("that has nothing in it is not put back to anything", ({ directory }) => {
    expect(() => restoreInPlace({ dataDir: join(directory, "none") })).toThrow(/nothing was put back/);
    expect(existsSync(join(directory, "none"))).toBe(false);
  });

  test("is not touched while a service has it", async ({ directory: above }) => {
    const { directory, backup } = scene(above);
    const live = await startOn(directory);
    expect(() => restoreInPlace({ dataDir: directory })).toThrow(/in use/);
    expect(() => restoreFile(backup, { dataDir: directory, isForced: true })).toThrow(/in use/);
    await live.store.close();
  });

  test("with a backup as it is in the place of its database is refused, and goes on when told to", async ({
    directory: above,
  }) => {
    const { directory, backup, zxid } = scene(above);
    rmSync(join(directory, "treekeeper.db"));
    copyFileSync(backup, join(directory, "treekeeper.db"));
    await expect(openSqlite(directory, smallBallast)).rejects.toThrow(/is a backup.*treekeeper restore/);
    expect(() =>
      restoreFile(join(directory, "treekeeper.db"), { dataDir: directory, isForced: true }),
    ).toThrow(/in its place already/);
    expect(restoreInPlace({ dataDir: directory })).toMatchObject({ zxid, sessions: 3 });
    const started = await startOn(directory);
    expect(await finish(started)).toMatchObject({ zxidBefore: zxid });
    await started.store.close();
  });

  test("with an older database beside what had seen a newer one is refused, and goes on when told to", async ({
    directory: above,
  }) => {
    const { directory } = scene(above);
    // The same file, by its inode.
    copyFileSync(join(folder, "older", "treekeeper.db"), join(directory, "treekeeper.db"));
    await expect(openSqlite(directory, smallBallast)).rejects.toThrow(
      /older copy.*treekeeper restore --rolled-back/s,
    );
    restoreInPlace({ dataDir: directory });
    const started = await startOn(directory);
    expect(await finish(started)).toMatchObject({ sessions: 3 });
    await started.store.close();
    await (await startOn(directory)).store.close();
  });

  test("is known for a copy at its first start, and only then", async ({ directory: above }) => {
    const { directory } = scene(above);
    const isCopy: boolean[] = [];
    for (const each of [made.directory, directory, directory]) {
      const started = await startOn(each);
      isCopy.push(started.loaded.isCopy);
      await started.store.close();
    }
    expect(isCopy).toEqual([false, true, false]);
  });
});

test("a restore that is broken off leaves what no start takes for a store, and is done when it is asked for again", async ({
  directory: above,
}) => {
  const { directory, backup, zxid } = scene(above);
  restoreFile(backup, { dataDir: directory, isForced: true });
  // Before the last step.
  const database = join(directory, "treekeeper.db");
  renameSync(database, join(directory, "restored.part"));
  await expect(openSqlite(directory, smallBallast)).rejects.toThrow(/was broken off.*Run it again/s);
  truncateSync(join(directory, "restored.part"), 10_000);
  await expect(openSqlite(directory, smallBallast)).rejects.toThrow(/was broken off/);
  expect(() => restoreFile(join(above, "none"), { dataDir: directory, isForced: true })).toThrow(/not there/);
  await expect(openSqlite(directory, smallBallast)).rejects.toThrow(/was broken off/);
  restoreFile(backup, { dataDir: directory, isForced: true });
  const started = await startOn(directory);
  expect(await finish(started)).toMatchObject({ zxidBefore: zxid, sessions: 3 });
  await started.store.close();
  // Before the first: what there is, is served.
  copyFileSync(backup, join(directory, "restored.part"));
  await (await startOn(directory)).store.close();
  expect(existsSync(join(directory, "restored.part"))).toBe(false);
});

test("a file whose note, or what it says of its last restore, is not as it was written is refused", async ({
  directory: above,
}) => {
  const { directory, backup } = scene(above);
  restoreFile(backup, { dataDir: directory, isForced: true });
  const file = join(directory, "treekeeper.db");
  const spoiled = async (sql: string, repair: string, says: RegExp) => {
    const connection = new Sqlite(file);
    connection.exec(sql);
    connection.close();
    await expect(openSqlite(directory, smallBallast)).rejects.toThrow(says);
    const again = new Sqlite(file);
    again.exec(repair);
    again.close();
  };
  await spoiled(
    "UPDATE restore_note SET sequences_ahead = sequences_ahead + 1",
    "UPDATE restore_note SET sequences_ahead = sequences_ahead - 1",
    /restore_note does not match/,
  );
  const started = await startOn(directory);
  await finish(started);
  await started.store.close();
  await spoiled(
    "UPDATE meta SET sequence_floor = sequence_floor - 1",
    "UPDATE meta SET sequence_floor = sequence_floor + 1",
    /meta does not match its checksum/,
  );
  await (await startOn(directory)).store.close();
});
