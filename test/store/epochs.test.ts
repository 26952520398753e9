// Epochs in the log and in the file: each start of a writer begins one, with the first thing it writes.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { State } from "../../src/core/state.ts";
import { epochOf } from "../../src/store/epoch-name.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { CorruptStoreError } from "../../src/store/sqlite/corrupt-store-error.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, plain } from "../support/keeper.ts";
import { smallBallast, test } from "./sqlite-fixture.ts";

/** A store as a server opens it, each time under another name. */
async function startOn(directory: string): Promise<Store> {
  const { loaded, log, tables } = await openSqlite(directory, smallBallast);
  const store = new Store({
    ...{ state: loaded.state, position: loaded.position, log, tables },
    epoch: epochOf(log),
    clock: new FakeClock(),
    limits: { ...defaultLimits, queueCommandsMax: 1000, queueBytesMax: 1_000_000 },
  });
  await store.start();
  return store;
}

const create = (path: string): Command => ({ type: "create", path, data: bytes(""), mode: plain });

function epochsOf(store: Store): [id: string, firstZxid: number][] {
  return [...store.epochs].map(({ id, firstZxid }) => [id, firstZxid]);
}

test("each start begins an epoch with its first write, and the file keeps them all", async ({
  directory,
}) => {
  const first = await startOn(directory);
  expect(epochsOf(first)).toEqual([]);
  await Promise.all([first.submit(create("/a")), first.submit(create("/b"))]);
  const epoch = first.epochs.current.id;
  expect(epochsOf(first)).toEqual([[expect.stringMatching(/^[0-9a-f]{10}$/), 1]]);
  await first.close();
  const second = await startOn(directory);
  expect(epochsOf(second)).toEqual([[epoch, 1]]);
  await second.submit(create("/c"));
  expect(epochsOf(second)).toEqual([
    [epoch, 1],
    [expect.stringMatching(/^[0-9a-f]{10}$/), 3],
  ]);
  expect(second.epochs.current.id).not.toBe(epoch);
  await second.close();
  const third = await startOn(directory);
  expect(epochsOf(third)).toEqual(epochsOf(second));
  await third.close();
});

test("of several that write to one log each begins an epoch, once, however their entries take turns", async () => {
  const entries = new MemoryEntries();
  const startOnShared = async (writer: string) => {
    const log = new MemoryLog(writer, entries, { isShared: true });
    const store = new Store({
      ...{ state: State.fresh(), position: { appliedLsn: 0, historyFloorZxid: 0 }, log },
      epoch: epochOf(log),
      clock: new FakeClock(),
      limits: { ...defaultLimits, queueCommandsMax: 1000, queueBytesMax: 1_000_000 },
    });
    await store.start();
    return store;
  };
  const [one, other] = [await startOnShared("one"), await startOnShared("other")];
  for (const turn of ["a", "b", "c"]) {
    await one.submit(create(`/one-${turn}`));
    await other.submit(create(`/other-${turn}`));
  }
  const names = ["one", "other"].map((writer) => epochOf({ writer }));
  await one.submit(create("/last"));
  expect(epochsOf(one)).toEqual(names.map((name, index) => [name, index + 1]));
  expect(epochsOf(other)).toEqual(epochsOf(one));
  await Promise.all([one.close(), other.close()]);
});

test("a start that writes nothing leaves no epoch, and one whose writes were refused makes way for the next", async ({
  directory,
}) => {
  await (await startOn(directory)).close();
  const refused = await startOn(directory);
  await expect(refused.submit({ type: "delete", path: "/none" })).rejects.toMatchObject({ code: "no_node" });
  expect(epochsOf(refused)).toHaveLength(1);
  await refused.close();
  const next = await startOn(directory);
  expect(epochsOf(next)).toEqual(epochsOf(refused));
  await next.submit(create("/a"));
  expect(epochsOf(next)).toEqual([[next.epochs.current.id, 1]]);
  expect(epochsOf(next)).not.toEqual(epochsOf(refused));
  await next.close();
});

test("an epoch is in the log before it is in the tables, and a replay finds it there", async ({
  directory,
}) => {
  const copy = mkdtempSync(join(tmpdir(), "treekeeper-copy-"));
  try {
    const store = await startOn(directory);
    await store.submit(create("/a"));
    // As a crash leaves it: the clock stands still, so no rows were written.
    cpSync(directory, copy, { recursive: true });
    const replayed = await startOn(copy);
    expect(epochsOf(replayed)).toEqual(epochsOf(store));
    await replayed.close();
    await store.close();
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test("a copy that was made while the store was written has the epoch, and an end of it", async ({
  directory,
}) => {
  const copy = mkdtempSync(join(tmpdir(), "treekeeper-copy-"));
  try {
    const store = await startOn(directory);
    await store.submit(create("/a"));
    cpSync(directory, copy, { recursive: true });
    await store.submit(create("/lost"));
    const lost = store.epochs.stampOf(2);
    const { id } = store.epochs.current;
    const restored = await startOn(copy);
    await restored.submit(create("/other"));
    expect(restored.zxid).toBe(store.zxid);
    expect([1, 2].map((zxid) => restored.epochs.has({ zxid, epoch: id }))).toEqual([true, false]);
    expect(restored.epochs.stampOf(2)).not.toBe(lost);
    await restored.close();
    await store.close();
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test("a file whose epochs are not as they were written is refused", async ({ directory }) => {
  const store = await startOn(directory);
  await store.submit(create("/a"));
  await store.close();
  for (const [change, fault] of [
    ["UPDATE epoch SET id = 'ab'", /digest/],
    ["UPDATE epoch SET first_zxid = 9", /yet to come/],
    ["DELETE FROM epoch", /digest/],
  ] as const) {
    const connection = new Sqlite(join(directory, "treekeeper.db"));
    const rows = connection.prepare("SELECT * FROM epoch").all();
    connection.exec(change);
    connection.close();
    const opening = openSqlite(directory, smallBallast);
    await expect(opening).rejects.toThrow(CorruptStoreError);
    await expect(opening).rejects.toThrow(fault);
    const repair = new Sqlite(join(directory, "treekeeper.db"));
    repair.exec("DELETE FROM epoch");
    for (const row of rows) repair.prepare("INSERT INTO epoch VALUES (@first_zxid, @id)").run(row);
    repair.close();
  }
  await (await startOn(directory)).close();
});
