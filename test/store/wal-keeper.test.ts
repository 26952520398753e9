// How long the write-ahead log becomes where the writer outruns the thread that empties it, and who waits for whom.

import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import Sqlite from "better-sqlite3";
import { expect, vi } from "vitest";
import { StoreDatabase } from "../../src/store/sqlite/database.ts";
import { numberIndex } from "../../src/store/sqlite/messages.ts";
import type { OpenedSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { defaultSqliteSettings } from "../../src/store/sqlite/settings.ts";
import { WalKeeper } from "../../src/store/sqlite/wal-keeper.ts";
import { test } from "./sqlite-fixture.ts";

const mebibyte = 1_048_576;
const settings = { ...defaultSqliteSettings, checkpointBytes: mebibyte / 4, walBytesMax: mebibyte };

/** A writer of batches on this thread: as long as it does not let go, it hears of no checkpoint that is done. */
async function writerAt(directory: string, sqlite: OpenedSqlite) {
  await sqlite.close();
  const databaseFile = join(directory, "treekeeper.db");
  const database = new StoreDatabase(databaseFile, { ...settings, writer: "w", loadedLsn: 0 });
  const numbers = new Float64Array(Object.keys(numberIndex).length);
  let checkpoints = 0;
  const keeper = new WalKeeper(
    database,
    { ...settings, databaseFile, numbers },
    {
      onDone: (done) => {
        checkpoints += 1;
        keeper.finish(done);
      },
      onBlockage: () => {},
    },
  );
  let seq = 0;
  return {
    database,
    checkpoints: () => checkpoints,
    /** More than is written between two looks at the log. */
    write() {
      seq += 1;
      database.append([{ seq, body: new Uint8Array(200_000) }]);
      keeper.afterBatch();
    },
    async close() {
      await keeper.close();
      database.close();
    },
  };
}

test("a writer that outruns a checkpoint stands still for a moment at each look at a log that is too long", async ({
  directory,
  open,
}) => {
  const writer = await writerAt(directory, await open(settings));
  const wait = vi.spyOn(Atomics, "wait");
  for (let batch = 0; batch < 2; batch += 1) writer.write();
  // What was there when the checkpoint began is in the file; what is written from here on is not.
  while (writer.database.walLength().unmovedBytes > 0);
  const stood: boolean[] = [];
  for (let batch = 0; batch < 20; batch += 1) {
    wait.mockClear();
    writer.write();
    const isTooLong = writer.database.walLength().unemptiedBytes >= settings.walBytesMax;
    expect(wait.mock.calls.map(([, , , ms]) => ms)).toEqual(isTooLong ? [5] : []);
    stood.push(isTooLong);
  }
  expect(stood).toEqual(expect.arrayContaining([false, true]));
  wait.mockRestore();
  await writer.close();
});

test("a writer never stands still for a reader, however long the log becomes", async ({
  directory,
  open,
}) => {
  const writer = await writerAt(directory, await open(settings));
  writer.write();
  const reader = new Sqlite(join(directory, "treekeeper.db"), { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM log").get();
  for (let batch = 0; batch < 10; batch += 1) writer.write();
  while (writer.checkpoints() < 1) await setImmediate();
  // Then it is known that somebody is in the way; also while another checkpoint tries.
  const wait = vi.spyOn(Atomics, "wait");
  while (writer.checkpoints() < 3) {
    writer.write();
    await setImmediate();
  }
  expect(wait).not.toHaveBeenCalled();
  expect(writer.database.walLength().unemptiedBytes).toBeGreaterThan(2 * settings.walBytesMax);
  wait.mockRestore();
  reader.close();
  await writer.close();
});
