// When scheduled backups are taken, which are kept, and what becomes of those that fail: on a clock that stands still.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { KeeperError } from "../../src/core/errors.ts";
import { type BackupSchedule, ScheduledBackups } from "../../src/duties/scheduled-backups.ts";
import { FakeClock } from "../support/fake-clock.ts";

const hourMs = 3_600_000;

interface Scene {
  readonly folder: string;
  readonly clock: FakeClock;
  readonly scheduled: ScheduledBackups;
  readonly failures: string[];
  /** What the next one throws. */
  fault: Error | null;
  zxid: number;
}

const test = base.extend<{ scene: Scene }>({
  // biome-ignore lint/correctness/noEmptyPattern: the first argument of a fixture must be a pattern
  scene: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-backups-"));
    const made = sceneIn(folder);
    await use(made);
    made.scheduled.stop();
    rmSync(folder, { recursive: true });
  },
});

function sceneIn(folder: string, clock = new FakeClock(), changed: Partial<BackupSchedule> = {}): Scene {
  const schedule = { backupDir: folder, backupEveryMs: hourMs, backupKeep: 3, backupCommand: "" };
  const scene = { folder, clock, failures: [] as string[], fault: null as Error | null, zxid: 1 };
  const scheduled = new ScheduledBackups(
    { ...schedule, backupCommandMsMax: 1000, ...changed },
    {
      async takeInto(file) {
        if (scene.fault !== null) throw scene.fault;
        writeFileSync(file, "a backup");
        const { zxid } = scene;
        return { id: "id", zxid, takenAtMs: clock.wallMs(), bytes: 8, sha256: "" };
      },
      clock,
      onTaken: () => {},
      onFailed: (reason) => scene.failures.push(reason),
    },
  );
  return Object.assign(scene, { scheduled });
}

test("the first is taken at once, the next when its time has come, and the newest are kept", async ({
  scene,
}) => {
  const { scheduled, clock, folder } = scene;
  scheduled.start();
  await clock.advance(0);
  expect(readdirSync(folder)).toEqual(["treekeeper-20231114T221320Z-1.db"]);
  await clock.advance(hourMs - 1);
  expect(readdirSync(folder).length).toBe(1);
  for (let count = 0; count < 4; count += 1) await clock.advance(hourMs);
  expect(readdirSync(folder).toSorted()).toEqual([
    "treekeeper-20231115T001320Z-1.db",
    "treekeeper-20231115T011320Z-1.db",
    "treekeeper-20231115T021320Z-1.db",
  ]);
  expect(scheduled.stats()).toMatchObject({ taken: 5, failures: 0, lastBackupBytes: 8, lastFailure: null });
});

test("what is not a backup is left where it is; what was left unfinished is not", async ({ scene }) => {
  const { scheduled, clock, folder } = scene;
  for (const name of ["notes.txt", "other.db", ".treekeeper-77.part", ".treekeeper-77.part-journal"])
    writeFileSync(join(folder, name), "");
  scheduled.start();
  for (let count = 0; count < 6; count += 1) await clock.advance(hourMs);
  const names = readdirSync(folder);
  expect(names.filter((name) => !name.startsWith("treekeeper-")).toSorted()).toEqual([
    "notes.txt",
    "other.db",
  ]);
  expect(names.length).toBe(5);
});

test("a start takes one only when the newest of the folder is old enough", async ({ scene }) => {
  const { folder, clock } = scene;
  scene.scheduled.start();
  await clock.advance(0);
  scene.scheduled.stop();
  const later = new FakeClock(clock.wallMs() + hourMs / 2);
  const next = sceneIn(folder, later);
  next.scheduled.start();
  expect(next.scheduled.stats().lastBackupMs).toBe(clock.wallMs());
  await later.advance(hourMs / 2 - 1);
  expect(readdirSync(folder).length).toBe(1);
  await later.advance(1);
  expect(readdirSync(folder).length).toBe(2);
  next.scheduled.stop();
});

test("the one that was just taken stays, also where others have later names from when the clock was ahead", async ({
  scene,
}) => {
  const { scheduled, clock, folder } = scene;
  const ahead = [1, 2, 3].map((day) => `treekeeper-2031010${day}T000000Z-1.db`);
  for (const name of ahead) writeFileSync(join(folder, name), "");
  scheduled.start();
  await clock.advance(hourMs);
  expect(readdirSync(folder).toSorted()).toEqual(["treekeeper-20231114T231320Z-1.db", ...ahead.slice(1)]);
});

test("one that fails is told and counted, and tried again sooner; while another is taken it only waits", async ({
  scene,
}) => {
  const { scheduled, clock, failures, folder } = scene;
  scene.fault = new Error("the disk is on fire");
  scheduled.start();
  await clock.advance(0);
  expect(failures).toEqual(["the disk is on fire"]);
  expect(scheduled.stats()).toMatchObject({ failures: 1, lastFailure: "the disk is on fire" });
  await clock.advance(600_000);
  expect(failures.length).toBe(2);
  scene.fault = new KeeperError("throttled", "another is taken");
  await clock.advance(600_000);
  expect(failures.length).toBe(2);
  scene.fault = null;
  await clock.advance(10_000);
  expect(readdirSync(folder).length).toBe(1);
  expect(scheduled.stats()).toMatchObject({ taken: 1, failures: 2, lastFailure: null });
});

test("after a stop none is taken", async ({ scene }) => {
  const { scheduled, clock, folder } = scene;
  scheduled.start();
  await clock.advance(0);
  scheduled.stop();
  await clock.advance(10 * hourMs);
  expect(readdirSync(folder).length).toBe(1);
});
