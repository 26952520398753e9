// The copy of a database that is in use: of one moment, and given up before it costs the service too much.

import { statSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { copyLive } from "../../src/offline/live-copy.ts";
import { loadStore } from "../../src/store/sqlite/load.ts";
import { bytes, plain } from "../support/keeper.ts";
import { test } from "./fixture.ts";

test("a copy that costs the service too much is given up, and the service's log is free again", async ({
  served: { directory, store },
  folder,
}) => {
  const source = join(directory, "treekeeper.db");
  await expect(copyLive(source, join(folder, "copy"), { walGrowthBytesMax: -1 })).rejects.toMatchObject({
    name: "OfflineError",
    message: expect.stringMatching(/^The service wrote more than -1 bytes while .* was copied/),
  });
  await store.submit({ type: "create", path: "/after", data: bytes("x"), mode: plain });
  await store.close();
  // Cut, which nobody's reading keeps it from.
  expect(statSync(`${source}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
});

test("a copy has all that was acknowledged before it was asked for, and can be opened by itself", async ({
  served: { directory, store },
  folder,
}) => {
  for (let number = 0; number < 5; number += 1) {
    await store.submit({ type: "create", path: `/n${number}`, data: bytes("x"), mode: plain });
    const copy = join(folder, `copy-${number}`);
    expect(await copyLive(join(directory, "treekeeper.db"), copy)).toBe(true);
    expect(loadStore(copy).position.appliedLsn).toBe(0);
    const connection = new Sqlite(copy);
    expect(connection.prepare("SELECT max(lsn) FROM log").pluck().get()).toBe(19 + number);
    connection.close();
  }
});

test("where no service is any more nothing is made", async ({ stopped, folder }) => {
  expect(await copyLive(join(stopped, "treekeeper.db"), join(folder, "copy"))).toBe(false);
  expect(statSync(join(stopped, "treekeeper.db-shm"), { throwIfNoEntry: false })).toBeUndefined();
});
