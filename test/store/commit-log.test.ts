import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { State } from "../../src/core/state.ts";
import {
  type CommitLog,
  type LogEntry,
  type LogState,
  NotAppendedError,
} from "../../src/store/commit-log.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { SharedEntries } from "../../src/store/memory/shared-entries.ts";
import { SharedLog } from "../../src/store/memory/shared-log.ts";
import { openSqlite } from "../../src/store/sqlite/sqlite-backend.ts";
import { rowsOf, smallBallast } from "./sqlite-fixture.ts";

/** A place where a log lives: opening it again is a restart. */
interface Home {
  open(): Promise<CommitLog>;
  /** Makes entries up to here unneeded, as the store does, and lets them go. */
  trim(log: CommitLog, upTo: number): Promise<void>;
}

const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function memoryHome(): Home {
  const entries = new MemoryEntries();
  let incarnation = 0;
  return {
    async open() {
      incarnation += 1;
      return new MemoryLog(`memory-${incarnation}`, entries);
    },
    trim: (log, upTo) => log.trim(upTo),
  };
}

function sharedHome(): Home {
  const entries = new SharedEntries();
  let incarnation = 0;
  return {
    async open() {
      incarnation += 1;
      return new SharedLog({ writer: `server-${incarnation}`, entries, clock: systemClock });
    },
    trim: (log, upTo) => log.trim(upTo),
  };
}

function sqliteHome(): Home {
  const directory = mkdtempSync(join(tmpdir(), "treekeeper-log-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return {
    async open() {
      const { backend } = await openSqlite(directory, smallBallast);
      cleanups.push(() => backend.close());
      return backend;
    },
    async trim(log, upTo) {
      const tables = log as CommitLog & { write(rows: ReturnType<typeof rowsOf>): Promise<void> };
      await tables.write(rowsOf(State.fresh(), { appliedLsn: upTo }));
      await log.trim(upTo);
    },
  };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function texts(entries: readonly LogEntry[]): string[] {
  return entries.map(({ lsn, seq, body }) => `${lsn}:${seq}:${new TextDecoder().decode(body)}`);
}

/** Resolves with everything told up to the given position. */
function entriesUpTo(log: CommitLog, after: number, last: number): Promise<LogEntry[]> {
  const { promise, resolve } = Promise.withResolvers<LogEntry[]>();
  const entries: LogEntry[] = [];
  log.follow(after, (entry) => {
    entries.push(entry);
    if (entry.lsn === last) resolve(entries);
  });
  return promise;
}

describe.each([
  { kind: "memory", home: memoryHome },
  { kind: "shared", home: sharedHome },
  { kind: "sqlite", home: sqliteHome },
])("the $kind log", ({ home }) => {
  test("gives every follower the same entries, dense and in order [Z1]", async () => {
    const log = await home().open();
    const first = entriesUpTo(log, 0, 50);
    const second = entriesUpTo(log, 0, 50);
    const lsns = await Promise.all(
      Array.from({ length: 50 }, (_, i) => log.append(i + 1, bytes(`e${i + 1}`))),
    );
    expect(lsns).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(texts(await first)).toEqual(lsns.map((lsn) => `${lsn}:${lsn}:e${lsn}`));
    expect(await second).toEqual(await first);
  });

  test("tells of an own entry before its append resolves [G4]", async () => {
    const log = await home().open();
    const told: number[] = [];
    log.follow(0, (entry) => told.push(entry.lsn));
    const seenAtAnswer = [1, 2, 3].map((seq) =>
      log.append(seq, bytes("x")).then((lsn) => told.includes(lsn)),
    );
    expect(await Promise.all(seenAtAnswer)).toEqual([true, true, true]);
  });

  test("keeps that promise to a follower that came while appends were under way", async () => {
    const log = await home().open();
    const told: number[] = [];
    const before = log.append(1, bytes("x"));
    log.follow(0, (entry) => told.push(entry.lsn));
    const after = log.append(2, bytes("y"));
    const lsn = await before;
    expect(told).toContain(lsn);
    await after;
    expect(told).toEqual([1, 2]);
  });

  test("can be followed from any position", async () => {
    const log = await home().open();
    for (let seq = 1; seq <= 200; seq += 1) await log.append(seq, bytes(`e${seq}`));
    for (const after of [0, 1, 63, 64, 65, 199]) {
      const entries = await entriesUpTo(log, after, 200);
      expect(entries.map((entry) => entry.lsn)).toEqual(
        Array.from({ length: 200 - after }, (_, i) => after + 1 + i),
      );
    }
    const next = entriesUpTo(log, 200, 201);
    await log.append(201, bytes("e201"));
    expect(texts(await next)).toEqual(["201:201:e201"]);
  });

  test("copies what it is given before append returns", async () => {
    const log = await home().open();
    const told = entriesUpTo(log, 0, 1);
    const pool = bytes("--here--");
    const view = pool.subarray(2, 6);
    const appended = log.append(1, view);
    pool.fill(0);
    await appended;
    expect(texts(await told)).toEqual(["1:1:here"]);
  });

  test("holds an entry once when its append is repeated", async () => {
    const log = await home().open();
    const told: number[] = [];
    log.follow(0, (entry) => told.push(entry.seq));
    const [first, meanwhile] = await Promise.all([log.append(1, bytes("x")), log.append(1, bytes("x"))]);
    const later = await log.append(1, bytes("x"));
    expect([first, meanwhile, later, await log.append(2, bytes("y"))]).toEqual([1, 1, 1, 2]);
    expect(told).toEqual([1, 2]);
  });

  test("has what it acknowledged after a restart, under another writer's name [G4]", async () => {
    const place = home();
    const log = await place.open();
    for (let seq = 1; seq <= 3; seq += 1) await log.append(seq, bytes(`old${seq}`));
    await log.close();
    const restarted = await place.open();
    expect(await restarted.tail()).toBe(3);
    const entries = entriesUpTo(restarted, 0, 4);
    expect(await restarted.append(1, bytes("new1"))).toBe(4);
    expect(texts(await entries)).toEqual(["1:1:old1", "2:2:old2", "3:3:old3", "4:1:new1"]);
    expect(new Set((await entries).map((entry) => entry.writer))).toEqual(
      new Set([log.writer, restarted.writer]),
    );
  });

  test("goes on counting after everything was trimmed, and after a restart", async () => {
    const place = home();
    const log = await place.open();
    for (let seq = 1; seq <= 5; seq += 1) await log.append(seq, bytes("x"));
    await place.trim(log, 5);
    expect(await log.append(6, bytes("y"))).toBe(6);
    await log.close();
    const restarted = await place.open();
    expect(await restarted.tail()).toBe(6);
    expect(texts(await entriesUpTo(restarted, 5, 6))).toEqual(["6:6:y"]);
  });

  test("fails rather than skip entries that are gone", async () => {
    const place = home();
    const log = await place.open();
    for (let seq = 1; seq <= 5; seq += 1) await log.append(seq, bytes("x"));
    await place.trim(log, 3);
    const { promise, resolve } = Promise.withResolvers<LogState>();
    log.onState(resolve);
    const told: number[] = [];
    log.follow(1, (entry) => told.push(entry.lsn));
    expect(await promise).toMatchObject({ state: "failed", cause: expect.stringContaining("missing") });
    expect(told).toEqual([]);
    await expect(log.append(6, bytes("x"))).rejects.toBeInstanceOf(NotAppendedError);
  });

  test("has a tail not before any append that completed", async () => {
    const log = await home().open();
    const checks = Array.from({ length: 20 }, async (_, i) => {
      const lsn = await log.append(i + 1, bytes("x"));
      return (await log.tail()) >= lsn;
    });
    expect(await Promise.all(checks)).not.toContain(false);
  });

  test("refuses an entry that is too large, and goes on", async () => {
    const log = await home().open();
    const tooLarge = new Uint8Array(log.entryBytesMax + 1);
    await expect(log.append(1, tooLarge)).rejects.toBeInstanceOf(NotAppendedError);
    expect(await log.append(1, tooLarge.subarray(1))).toBe(1);
  });

  test("lets appends under way finish when it is closed, and takes no more", async () => {
    const log = await home().open();
    const underWay = [log.append(1, bytes("x")), log.append(2, bytes("y"))];
    const closing = log.close();
    expect(await Promise.all(underWay)).toEqual([1, 2]);
    await closing;
    await expect(log.append(3, bytes("z"))).rejects.toBeInstanceOf(NotAppendedError);
  });
});
