// Other programs at the file: whoever reads it is not waited for, and whoever locks it does no harm.

import { statSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { State } from "../../src/core/state.ts";
import { type LogState, NotAppendedError } from "../../src/store/commit-log.ts";
import { StoreDatabase } from "../../src/store/sqlite/database.ts";
import type { WalBlockage } from "../../src/store/sqlite/messages.ts";
import type { OpenedSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { packRows } from "../../src/store/sqlite/packed-rows.ts";
import { defaultSqliteSettings } from "../../src/store/sqlite/settings.ts";
import { rowsOf, test } from "./sqlite-fixture.ts";

const mebibyte = 1_048_576;
const shortWal = { checkpointBytes: mebibyte / 4, walBytesMax: mebibyte };

/** A program that looks into the file and does not look away: it sees the file as it is now. */
function reader(directory: string): { close: () => void } {
  const connection = new Sqlite(join(directory, "treekeeper.db"), { readonly: true });
  connection.exec("BEGIN");
  connection.prepare("SELECT count(*) FROM znode").get();
  return connection;
}

/** What is heard of readers in the way, each as it comes. */
function blockagesOf(sqlite: OpenedSqlite): {
  next: (isOver: boolean) => Promise<WalBlockage>;
  all: WalBlockage[];
} {
  const all: WalBlockage[] = [];
  let wake = () => {};
  sqlite.onWalBlockage((blockage) => {
    all.push(blockage);
    wake();
  });
  const next = async (isOver: boolean): Promise<WalBlockage> => {
    for (;;) {
      const found = all.find((blockage) => blockage.isOver === isOver);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { next, all };
}

test.for(["before any write", "amid writes"])(
  "a reader that came %s holds up no write; that the log grows is said once, and once that it is over",
  async (when, { open, directory }) => {
    const sqlite = await open(shortWal);
    const blockages = blockagesOf(sqlite);
    let seq = 0;
    const append = async (bytes: number) => {
      seq += 1;
      await sqlite.log.append(seq, new Uint8Array(bytes));
    };
    if (when === "amid writes") await append(100_000);
    const looking = reader(directory);
    // Each of these would wait for the reader's lock: together for longer than any test may take.
    for (let round = 0; round < 40; round += 1) await append(100_000);
    const begun = await blockages.next(false);
    expect(begun.walBytes).toBeGreaterThanOrEqual(mebibyte);
    for (let round = 0; round < 20; round += 1) await append(200_000);
    await expect.poll(() => sqlite.stats().walBlockedMs).toBeGreaterThan(0);
    expect(sqlite.stats().walBytes).toBeGreaterThan(4 * mebibyte);
    looking.close();
    const over = await blockages.next(true);
    expect(over.walBytes).toBeGreaterThan(4 * mebibyte);
    expect(blockages.all.map(({ isOver }) => isOver)).toEqual([false, true]);
    await append(1);
    expect(statSync(join(directory, "treekeeper.db-wal")).size).toBeLessThan(4 * mebibyte);
    expect(await sqlite.log.tail()).toBe(seq);
  },
);

test("a look into the file that is over is nothing to speak of, however long the log is", async ({
  open,
  directory,
}) => {
  const sqlite = await open(shortWal);
  const blockages = blockagesOf(sqlite);
  await sqlite.log.append(1, new Uint8Array(1));
  reader(directory).close();
  for (let seq = 2; seq <= 60; seq += 1) await sqlite.log.append(seq, new Uint8Array(100_000));
  expect(blockages.all).toEqual([]);
  expect(sqlite.stats().walBlockedMs).toBe(0);
});

test("a planned stop does not wait for a reader", async ({ open, directory }) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  const looking = reader(directory);
  await sqlite.log.append(2, new Uint8Array(1));
  await sqlite.close();
  looking.close();
  const next = await open();
  const { loaded } = next;
  expect([loaded.wasUnclean, await next.log.tail()]).toEqual([false, 2]);
});

test("while another process has locked the file writes are surely not done, and then they go on", async ({
  open,
  directory,
}) => {
  const sqlite = await open({ lockWaitMsMax: 50 });
  const states: LogState[] = [];
  const connected = Promise.withResolvers<void>();
  sqlite.log.onState((state) => {
    states.push(state);
    if (state.state === "connected") connected.resolve();
  });
  await sqlite.log.append(1, new Uint8Array(1));
  const other = new Sqlite(join(directory, "treekeeper.db"));
  other.exec("BEGIN IMMEDIATE");
  const rows = sqlite.tables.write(rowsOf(State.fresh(), { appliedLsn: 1 }));
  for (const seq of [2, 3]) {
    await expect(sqlite.log.append(seq, new Uint8Array(1))).rejects.toBeInstanceOf(NotAppendedError);
  }
  expect(states).toEqual([
    { state: "read_only", cause: expect.stringContaining("Another process has locked") },
  ]);
  other.exec("ROLLBACK");
  other.close();
  await connected.promise;
  await rows;
  expect(await sqlite.log.append(4, new Uint8Array(1))).toBe(2);
  expect(states.map(({ state }) => state)).toEqual(["read_only", "connected"]);
});

test("of two servers at one file only the one that wrote last may write [G4]", async ({
  open,
  directory,
}) => {
  await (await open()).close();
  const at = (writer: string) =>
    new StoreDatabase(join(directory, "treekeeper.db"), {
      ...{ ...defaultSqliteSettings, writer, loadedLsn: 0 },
    });
  const entry = [{ seq: 1, body: new Uint8Array(1) }];
  const [first, late] = [at("first"), at("late")];
  expect([first.append(entry), first.append(entry)]).toEqual([1, 2]);
  // What it read is not what there is: its own entries would take the places of others.
  expect(() => late.append(entry)).toThrow(/Another server wrote/);
  const second = at("second");
  expect(second.append(entry)).toBe(3);
  expect(() => first.append(entry)).toThrow(/Another server has taken over/);
  expect(() => first.write(packRows(rowsOf(State.fresh(), { appliedLsn: 2 })))).toThrow(/taken over/);
  expect([...second.readLog(0)].map(({ writer }) => writer)).toEqual(["first", "first", "second"]);
  second.write(packRows(rowsOf(State.fresh(), { appliedLsn: 3 })));
  expect(() => at("third")).toThrow(/Another server wrote/);
  for (const database of [first, late, second]) database.close();
});
