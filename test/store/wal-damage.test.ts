// Write-ahead logs as SQLite writes them, damaged, cut off and torn in every way that tells damage from a crash.

import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { State } from "../../src/core/state.ts";
import { StoreDatabase } from "../../src/store/sqlite/database.ts";
import { packRows } from "../../src/store/sqlite/packed-rows.ts";
import { defaultSqliteSettings } from "../../src/store/sqlite/settings.ts";
import { DamagedWalError, findWalDamage } from "../../src/store/sqlite/wal-check.ts";
import { wordPairAt } from "../../src/store/sqlite/wal-frames.ts";
import { random } from "../support/random.ts";
import { rowsOf, test as storeTest, znode } from "./sqlite-fixture.ts";

const frameBytes = 24 + 4096;
/** By hand, many more were tried. */
const seedsMax = Number(process.env.TORN_LOG_SEEDS ?? 200);
const inEitherCase = [{ powerMayHaveFailed: true }, { powerMayHaveFailed: false }];

/** One transaction in the log. */
interface Written {
  /** Whether it was synced before the next one was written. */
  readonly isSynced: boolean;
  /** Where it begins and ends in the file. */
  readonly start: number;
  readonly end: number;
}

/** A log as a crash leaves it, and what it holds. */
interface CrashedLog {
  readonly wal: Buffer;
  /** What stood in the file before its frames were written. */
  readonly stale: Buffer;
  readonly written: readonly Written[];
  /** Where a test puts another version of it. */
  readonly walFile: string;
  /** The database it belongs to, and its content. */
  readonly file: string;
  readonly database: Buffer;
}

let crash: Omit<CrashedLog, "walFile" | "file"> | null = null;

const test = storeTest.extend<{ crashed: CrashedLog }>({
  crashed: async ({ open, directory }, use) => {
    const file = join(directory, "treekeeper.db");
    const walFile = `${file}-wal`;
    if (crash === null) {
      await (await open()).close();
      crash = writeAndCrash(file, walFile);
    }
    writeFileSync(file, crash.database);
    writeFileSync(walFile, crash.wal);
    await use({ ...crash, walFile, file });
  },
});

/** Two generations of a log: frames of the first still stand behind those of the second. */
function writeAndCrash(file: string, walFile: string) {
  const settings = { ...defaultSqliteSettings, writer: "w", loadedLsn: 0 };
  const database = new StoreDatabase(file, settings);
  for (let count = 0; count < 50; count += 1) append(database, 40);
  const stale = readFileSync(walFile);
  database.checkpoint();
  const written: Written[] = [];
  const note = (isSynced: boolean, work: () => void) => {
    const start = written.at(-1)?.end ?? 32;
    work();
    written.push({ isSynced, start, end: 32 + database.walLength().logBytes });
  };
  for (let round = 0; round < 2; round += 1) {
    for (const _ of [1, 2, 3]) note(true, () => append(database));
    note(false, () => database.write(packRows(rowsAt(database.tail))));
    database.trimLog(database.tail);
    note(false, () => database.trimStep());
  }
  for (const _ of [1, 2, 3]) note(true, () => append(database));
  const parts = { wal: readFileSync(walFile), database: readFileSync(file), written, stale };
  database.close();
  return parts;
}

function chance(seed: number): (bound: number) => number {
  const next = random(seed);
  return (bound) => Math.floor(next() * bound);
}

function append(database: StoreDatabase, count = 1): void {
  const entryOf = (_: unknown, index: number) => {
    const seq = database.tail + 1 + index;
    return { seq, body: new Uint8Array(100).fill(seq) };
  };
  database.append(Array.from({ length: count }, entryOf));
}

function rowsAt(appliedLsn: number) {
  const root = { ...State.fresh().tree.get("/"), data: Buffer.from(`${appliedLsn}`) };
  const state = State.fresh();
  state.tree.replace(znode({ ...root, id: 0, path: "/", mzxid: appliedLsn }));
  return rowsOf(state, { appliedLsn });
}

function flipped(wal: Buffer, position: number, bit: number): Buffer {
  const copy = Buffer.from(wal);
  copy.writeUInt8(copy.readUInt8(position) ^ (1 << bit), position);
  return copy;
}

function framesOf({ start, end }: Written): number[] {
  return Array.from({ length: (end - start) / frameBytes }, (_, index) => start + index * frameBytes);
}

test("a flipped bit in any frame that has commits behind it is found, though the power may have failed", {
  timeout: 180_000,
}, ({ crashed: { wal, written, walFile } }) => {
  const below = chance(22);
  // In each field of the header and in the page.
  const places = [0, 4, 8, 12, 16, 20, 24, 2000];
  for (const transaction of written.slice(0, -3)) {
    for (const frame of framesOf(transaction)) {
      for (const place of places) {
        writeFileSync(walFile, flipped(wal, frame + place + below(4), below(8)));
        const number = (frame - 32) / frameBytes + 1;
        const damage = findWalDamage(walFile, { powerMayHaveFailed: true });
        expect(damage, `frame ${number}, byte ${place}`).toMatchObject({ frame: number, offset: frame });
      }
    }
  }
});

test("a flipped bit in the header of the log is found", ({ crashed: { wal, walFile } }) => {
  const below = chance(23);
  for (let place = 0; place < 32; place += 1) {
    writeFileSync(walFile, flipped(wal, place, below(8)));
    for (const options of inEitherCase) {
      expect(findWalDamage(walFile, options), `byte ${place}`).toMatchObject({ frame: 0, offset: 0 });
    }
  }
});

test("damage to the last transaction cannot be told from a crash, and is none", ({
  crashed: { wal, written, walFile },
}) => {
  const below = chance(24);
  for (const frame of framesOf(written.at(-1) as Written)) {
    for (let count = 0; count < 20; count += 1) {
      writeFileSync(walFile, flipped(wal, frame + below(frameBytes), below(8)));
      for (const options of inEitherCase) expect(findWalDamage(walFile, options)).toBeNull();
    }
  }
});

test("a log that is whole, empty or not there has no damage, with frames of an earlier log behind its end", ({
  crashed: { wal, written, walFile },
}) => {
  expect(wal.byteLength).toBeGreaterThan((written.at(-1) as Written).end);
  for (const content of [wal, wal.subarray(0, 32), wal.subarray(0, 0), Buffer.alloc(20_000)]) {
    writeFileSync(walFile, content);
    for (const options of inEitherCase) expect(findWalDamage(walFile, options)).toBeNull();
  }
  expect(findWalDamage(`${walFile}.none`, { powerMayHaveFailed: true })).toBeNull();
});

test("a service refuses damage with a sentence, leaves all as it is, and goes on once it is cut off as that says", async ({
  crashed: { wal, written, walFile, file, database },
  open,
}) => {
  const { start } = written[4] as Written;
  const damaged = flipped(wal, start + 500, 3);
  writeFileSync(walFile, damaged);
  await expect(open()).rejects.toThrow(DamagedWalError);
  await expect(open()).rejects.toThrow(
    `frame ${(start - 32) / frameBytes + 1}, at byte ${start}, does not match its checksum, and 8 commits`,
  );
  expect(readFileSync(walFile)).toEqual(damaged);
  expect(readFileSync(file)).toEqual(database);
  truncateSync(walFile, start);
  const sqlite = await open();
  expect(await sqlite.log.tail()).toBe(2003);
});

test("a log cut off at any byte of its last transaction starts silently, with all that was acknowledged before", {
  timeout: 180_000,
}, async ({ crashed: { wal, written, walFile, file, database }, open }) => {
  const { start, end } = written[1] as Written;
  writeFileSync(walFile, wal.subarray(0, end));
  for (let size = end - 1; size >= start; size -= 1) {
    truncateSync(walFile, size);
    expect(findWalDamage(walFile, { powerMayHaveFailed: false }), `${size} bytes`).toBeNull();
  }
  for (const size of [start, start + 23, start + 24, start + 4000, end - 1, end]) {
    writeFileSync(file, database);
    writeFileSync(walFile, wal.subarray(0, size));
    const sqlite = await open();
    expect(await sqlite.log.tail()).toBe(size === end ? 2002 : 2001);
    await sqlite.close();
  }
});

test("whatever a power failure leaves of what was not synced is no damage, in any order it was written", ({
  crashed: { wal, stale, written, walFile },
}) => {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const below = chance(seed);
    const underWay = written.slice(0, 1 + below(written.length));
    const end = (underWay.at(-1) as Written).end;
    // What was written last had not been synced yet; nor had what was written without a sync just before it.
    const synced = underWay.slice(0, -1).findLast(({ isSynced }) => isSynced)?.end ?? 32;
    writeFileSync(walFile, tornFrom({ wal: wal.subarray(0, end), stale }, synced, below));
    expect(findWalDamage(walFile, { powerMayHaveFailed: true }), `seed ${seed}`).toBeNull();
  }
});

/** Each sector, or page of the cache, behind `from` is on disk, or still is what it was. */
function tornFrom(
  { wal, stale }: Pick<CrashedLog, "wal" | "stale">,
  from: number,
  below: (bound: number) => number,
) {
  const torn = Buffer.from(wal);
  const step = below(2) === 0 ? 512 : 4096;
  const isOverwritten = below(2) === 0;
  for (let start = from - (from % step); start < torn.byteLength; start += step) {
    if (below(3) > 0) continue;
    const [first, end] = [Math.max(start, from), Math.min(start + step, torn.byteLength)];
    if (isOverwritten) stale.copy(torn, first, first, end);
    else torn.fill(0, first, end);
  }
  return torn;
}

test("frames of a transaction that was rolled back are no damage", ({ directory }) => {
  const file = join(directory, "rolled-back.db");
  const database = new Sqlite(file);
  database.pragma("journal_mode = WAL");
  database.pragma("cache_size = 2");
  database.exec("CREATE TABLE t (a)");
  const insert = database.prepare("INSERT INTO t VALUES (zeroblob(3000))");
  database.exec("BEGIN");
  for (let count = 0; count < 100; count += 1) insert.run();
  database.exec("ROLLBACK");
  const spilled = statSync(`${file}-wal`).size;
  for (const _ of [1, 2]) insert.run();
  expect(statSync(`${file}-wal`).size).toBe(spilled);
  for (const options of inEitherCase) expect(findWalDamage(`${file}-wal`, options)).toBeNull();
  database.close();
});

test("a log of a machine of the other byte order is read as well", ({
  crashed: { wal, written, walFile, file },
}) => {
  const end = (written.at(-1) as Written).end;
  const other = inOtherByteOrder(wal.subarray(0, end));
  writeFileSync(walFile, other);
  for (const options of inEitherCase) expect(findWalDamage(walFile, options)).toBeNull();
  for (const place of [5, 32 + 500]) {
    writeFileSync(walFile, flipped(other, place, 1));
    for (const options of inEitherCase) expect(findWalDamage(walFile, options)).not.toBeNull();
  }
  writeFileSync(walFile, other);
  const reader = new Sqlite(file);
  expect(reader.prepare("SELECT max(lsn) FROM log").pluck().get()).toBe(2009);
  reader.close();
});

/** The same frames with checksums over words of the other byte order, by the definition in SQLite's file format. */
function inOtherByteOrder(wal: Buffer): Buffer {
  const copy = Buffer.from(wal);
  copy.writeUInt32BE(copy.readUInt32BE(0) ^ 1, 0);
  const isBigEndian = (copy.readUInt32BE(0) & 1) === 1;
  let [first, second] = [0, 0];
  const sum = (start: number, end: number) => {
    for (let offset = start; offset < end; offset += 8) {
      const word = (at: number) => (isBigEndian ? copy.readUInt32BE(at) : copy.readUInt32LE(at));
      first = (first + word(offset) + second) >>> 0;
      second = (second + word(offset + 4) + first) >>> 0;
    }
  };
  const put = (at: number) => {
    copy.writeUInt32BE(first, at);
    copy.writeUInt32BE(second, at + 4);
  };
  sum(0, 24);
  put(24);
  for (let frame = 32; frame < copy.byteLength; frame += frameBytes) {
    sum(frame, frame + 8);
    sum(frame + 24, frame + frameBytes);
    put(frame + 16);
  }
  return copy;
}

test("salts of each log are its own, as those who look for its frames count on", ({
  crashed: { wal, written },
}) => {
  const view = new DataView(wal.buffer, wal.byteOffset, wal.byteLength);
  const left = wordPairAt(view, (written.at(-1) as Written).end + 8);
  const own = wordPairAt(view, 16);
  expect([left[0] === own[0], left[1] === own[1]]).toEqual([false, false]);
});
