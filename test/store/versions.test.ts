// Directories of every version of the tables that there has been, each as a server of it was killed in it: whoever used it
// goes on as if nothing had happened, and the file as it was is kept.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { isUnknownPast, parseStamp, type Stamp } from "../../src/core/epochs.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { systemContext } from "../../src/core/reader.ts";
import type { State } from "../../src/core/state.ts";
import { restoreInPlace } from "../../src/offline/restore.ts";
import { epochOf } from "../../src/store/epoch-name.ts";
import { finishRestore } from "../../src/store/restoring.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { schemaVersion } from "../../src/store/sqlite/schema.ts";
import { keepBeforeUpgrade, type Upgraded } from "../../src/store/sqlite/upgrade-copy.ts";
import { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, sequential } from "../support/keeper.ts";
import { type Known, readKnown, unpackFixture } from "./fixtures.ts";
import { smallBallast, test } from "./sqlite-fixture.ts";

const versions = Array.from({ length: schemaVersion }, (_, index) => index + 1);

async function startOn(directory: string) {
  const { loaded, log, tables, upgraded } = await openSqlite(directory, smallBallast);
  const store = new Store({
    ...{
      state: loaded.state,
      position: loaded.position,
      log,
      tables,
      epoch: epochOf(log),
      clock: new FakeClock(),
    },
    limits: { ...defaultLimits, queueCommandsMax: 1000, queueBytesMax: 1_000_000 },
  });
  await store.start();
  return { store, loaded, upgraded };
}

function expectWhatWasTold(
  store: Store,
  { held, waiting, holder, waiter, numbered, job, zxid, has }: Known,
): void {
  const reader = store.reader(systemContext);
  expect(store.zxid).toBe(zxid);
  expect(Buffer.from(reader.get("/config")?.data ?? []).toString()).toBe("missed");
  const children = [...reader.childNames("/queue")].map((name) => `/queue/${name}`).sort();
  expect(children).toEqual([...numbered, ...(has.includes("keys") ? [job] : children.filter(isJob))].sort());
  for (const { id } of [holder, waiter]) expect(reader.session(id)?.timeoutMs).toBe(30_000);
  expect(reader.get("/members/a")?.ephemeralOwner).toBe(holder.id);
  expect([...(reader.queue("/locks/report") ?? [])].map(({ id }) => id)).toEqual([held.id, waiting.id]);
  expect([reader.get("/mortal")?.ttlMs, reader.get("/box")?.container]).toEqual([86_400_000, true]);
}

const isJob = (path: string) => path.startsWith("/queue/job-");

const create = (path: string): Command & { type: "create" } => ({
  ...{ type: "create", path, data: bytes(""), mode: sequential },
});

describe.for(versions)("a directory of version %i of the tables", (version) => {
  test("is opened with all that clients had been told, goes on from there, and is kept as it was before", async ({
    directory: above,
  }) => {
    const directory = join(above, "data");
    unpackFixture(version, directory);
    const known = readKnown(version);
    const { store, loaded, upgraded } = await startOn(directory);
    expectWhatWasTold(store, known);
    expectWhatItCould(loaded.state, known);
    expect(checkState(loaded.state)).toEqual([]);
    const { outcome } = await store.submit(create("/queue/n-"));
    expect(known.numbered.includes(outcome.path)).toBe(false);
    const seen = parseStamp(known.seenId) as Stamp;
    expect([store.epochs.has(seen), isUnknownPast(loaded.state, seen)]).toEqual([true, false]);
    await store.submit(fenced(known));
    await store.close();
    expectCopy(directory, version, upgraded);
  });
});

function fenced({ held: { fenceHeader } }: Known): Command {
  const [path, stamp] = fenceHeader.split("@") as [string, string];
  const { zxid: czxid, epoch = "" } = parseStamp(stamp) as Stamp;
  const fence = { path, czxid, ...(epoch !== "" && { epoch }) };
  return { type: "setData", path: "/config", data: bytes("x"), fences: [fence] };
}

function expectWhatItCould({ quotas, replies, acls, tree }: State, { has }: Known): void {
  const found = {
    keys: replies.count > 0,
    quotas: quotas.get("/queue")?.limits.countHard === 1000,
    services: tree.get("/services/web/a") !== undefined,
    lists: acls.size > 0,
  };
  expect(Object.entries(found).flatMap(([name, isThere]) => (isThere ? [name] : []))).toEqual(has);
}

function expectCopy(directory: string, version: number, upgraded: Upgraded | null): void {
  const copy = join(directory, `treekeeper.db.before-v${schemaVersion}`);
  if (version === schemaVersion) {
    expect([upgraded, existsSync(copy)]).toEqual([null, false]);
    return;
  }
  expect(upgraded).toEqual({ fromVersion: version, toVersion: schemaVersion, copy });
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory).filter((name) => name.endsWith(".part"))).toEqual([]);
  const before = new Sqlite(copy, { readonly: true });
  expect(before.pragma("user_version", { simple: true })).toBe(version);
  expect(before.pragma("integrity_check", { simple: true })).toBe("ok");
  before.close();
}

test.for([1, 6, schemaVersion - 1])(
  "a directory of version %i that was put back goes on in a new epoch",
  async (version, { directory: above }) => {
    const directory = join(above, "data");
    unpackFixture(version, directory);
    const { zxid } = readKnown(version);
    expect(restoreInPlace({ dataDir: directory })).toMatchObject({ zxid, sessions: 2 });
    const { store, loaded } = await startOn(directory);
    const done = await finishRestore(store, loaded.restoreNote);
    expect(done).toMatchObject({ zxidBefore: zxid, sessions: 2 });
    expect(checkState(loaded.state)).toEqual([]);
    await store.close();
  },
);

test("where there is no room for the copy, nothing is changed", ({ directory: above }) => {
  const directory = join(above, "data");
  unpackFixture(1, directory);
  const file = join(directory, "treekeeper.db");
  expect(() => keepBeforeUpgrade(file, { freeBytes: () => 1000 })).toThrow(/has 1000 left: make room/);
  const names = readdirSync(directory).filter((name) => name.includes("before"));
  const unchanged = new Sqlite(file, { readonly: true });
  expect([unchanged.pragma("user_version", { simple: true }), names]).toEqual([1, []]);
  unchanged.close();
});

test("of the copies the newest two stay", ({ directory: above }) => {
  const directory = join(above, "data");
  unpackFixture(1, directory);
  const file = join(directory, "treekeeper.db");
  for (const version of [3, 5, 9]) unpackFixtureAs(directory, version);
  keepBeforeUpgrade(file);
  const copies = readdirSync(directory).filter((name) => name.includes(".before-"));
  expect(copies.sort()).toEqual([`treekeeper.db.before-v${schemaVersion}`, "treekeeper.db.before-v9"].sort());
});

/** As an upgrade to that version has left it. */
function unpackFixtureAs(directory: string, version: number): void {
  const copy = new Sqlite(join(directory, `treekeeper.db.before-v${version}`));
  copy.exec("CREATE TABLE kept (it)");
  copy.close();
}
