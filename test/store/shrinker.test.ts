// Empty pages go back to the disk: in short slices, while there is little else to write, and not all of them.

import { statSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { State } from "../../src/core/state.ts";
import { StoreDatabase } from "../../src/store/sqlite/database.ts";
import { loadStore } from "../../src/store/sqlite/load.ts";
import { packRows } from "../../src/store/sqlite/packed-rows.ts";
import { defaultSqliteSettings } from "../../src/store/sqlite/settings.ts";
import { Shrinker } from "../../src/store/sqlite/shrinker.ts";
import { unpackEarlier } from "../offline/fixture.ts";
import { rowsOf, test } from "./sqlite-fixture.ts";

const mebibyte = 1_048_576;
const pageBytes = 4096;

/** A file of which most was written and deleted again. */
function emptied(file: string): StoreDatabase {
  const { appliedLsn } = loadStore(file).position;
  const database = new StoreDatabase(file, {
    ...{ ...defaultSqliteSettings, writer: "w", loadedLsn: appliedLsn },
  });
  const entries = Array.from({ length: 24 }, (_, seq) => ({ seq, body: new Uint8Array(mebibyte / 2) }));
  database.append(entries);
  database.write(packRows(rowsOf(State.fresh(), { appliedLsn: appliedLsn + 24 })));
  database.trimLog(appliedLsn + 24);
  while (database.trimStep()) {}
  database.append([{ seq: 24, body: new Uint8Array(100) }]);
  database.emptyWal();
  return database;
}

/** As the writer does, once a second; answers how often. */
function shrinkAll(shrinker: Shrinker): number {
  for (let looks = 1; ; looks += 1) {
    shrinker.look();
    if (!shrinker.step()) return looks;
    while (shrinker.step()) {}
    expect(looks).toBeLessThan(100);
  }
}

test("a file that was emptied becomes short again, keeps some pages, and holds what it held", ({
  directory,
}) => {
  const file = join(directory, "treekeeper.db");
  const database = emptied(file);
  expect(statSync(file).size).toBeGreaterThan(12 * mebibyte);
  const shrinker = new Shrinker(database, defaultSqliteSettings);
  // All of that was written since nobody looked: it is not idle yet.
  shrinker.look();
  expect(shrinker.step()).toBe(false);
  expect(shrinkAll(shrinker)).toBeGreaterThan(1);
  database.emptyWal();
  const { empty } = database.emptyPages();
  expect(empty * pageBytes).toBeGreaterThanOrEqual(4 * mebibyte);
  expect(statSync(file).size).toBeLessThan(5 * mebibyte);
  expect([...database.readLog(24)].map(({ lsn }) => lsn)).toEqual([25]);
  database.close();
  expect(loadStore(file).position.appliedLsn).toBe(24);
});

test("no slice is long, and whoever writes meanwhile keeps it from beginning", () => {
  const given: number[] = [];
  const file = {
    bytesTaken: 0,
    emptyPages: () => ({ empty: 100_000 - given.length, all: 100_000, canGo: true }),
    giveBack: (pages: number) => {
      given.push(pages);
    },
    walLength: () => ({ logBytes: 0, unemptiedBytes: 0, unmovedBytes: 0 }),
  };
  const shrinker = new Shrinker(file, { checkpointBytes: mebibyte });
  file.bytesTaken = mebibyte;
  shrinker.look();
  expect(shrinker.step()).toBe(false);
  file.bytesTaken += 1_000;
  shrinker.look();
  while (shrinker.step()) {}
  expect(given).toHaveLength(16);
  expect(Math.max(...given) * pageBytes).toBeLessThanOrEqual(mebibyte / 4);
});

test("while somebody reads the file its log is not made longer for this", ({ directory }) => {
  const file = join(directory, "treekeeper.db");
  const database = emptied(file);
  const looking = new Sqlite(file, { readonly: true });
  looking.exec("BEGIN");
  looking.prepare("SELECT count(*) FROM znode").get();
  const shrinker = new Shrinker(database, { checkpointBytes: 65_536 });
  shrinker.look();
  shrinkAll(shrinker);
  expect(database.walLength().logBytes).toBeLessThan(mebibyte);
  expect(database.emptyPages().empty * pageBytes).toBeGreaterThan(6 * mebibyte);
  looking.close();
  database.checkpoint();
  const alone = new Shrinker(database, defaultSqliteSettings);
  alone.look();
  shrinkAll(alone);
  database.emptyWal();
  expect(statSync(file).size).toBeLessThan(6 * mebibyte);
  database.close();
});

test("a file from before files gave anything back stays as long as it is, and is used on", ({
  directory,
}) => {
  unpackEarlier(6, directory);
  const file = join(directory, "treekeeper.db");
  loadStore(file);
  const connection = new Sqlite(file);
  expect(connection.pragma("auto_vacuum", { simple: true })).toBe(0);
  connection.close();
  const { position } = loadStore(file);
  const database = new StoreDatabase(file, {
    ...{ ...defaultSqliteSettings, writer: "w", loadedLsn: position.appliedLsn },
  });
  expect(database.emptyPages().canGo).toBe(false);
  const shrinker = new Shrinker(database, defaultSqliteSettings);
  shrinker.look();
  shrinker.look();
  expect(shrinker.step()).toBe(false);
  database.close();
});
