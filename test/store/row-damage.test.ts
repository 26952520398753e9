// One flipped bit in the database file, wherever it is: the start refuses with a sentence, or nothing that anyone is told
// has changed. (Some bits mean nothing: those of free space, and numbers that SQLite does not look at.)

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { systemContext } from "../../src/core/reader.ts";
import type { Session } from "../../src/core/session.ts";
import type { State } from "../../src/core/state.ts";
import { rootZnode } from "../../src/core/tree/znode.ts";
import { CorruptStoreError } from "../../src/store/sqlite/corrupt-store-error.ts";
import { StoreDatabase } from "../../src/store/sqlite/database.ts";
import { loadStore } from "../../src/store/sqlite/load.ts";
import { packRows } from "../../src/store/sqlite/packed-rows.ts";
import { defaultSqliteSettings } from "../../src/store/sqlite/settings.ts";
import { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { random } from "../support/random.ts";
import { rowsOf, stateOf, test, znode } from "./sqlite-fixture.ts";

const pageBytes = 4096;
/** On pages of each kind; by hand, many more were tried. */
const flipsPerKind = Number(process.env.FLIPS_PER_KIND ?? 12);

type PageKind = "header" | "leaf" | "interior" | "leaf without rowid" | "overflow or free";

/** What stands in the file, for all who are told of it. */
function contentOf(file: string): string {
  const { state, ...loaded } = loadStore(file);
  const reader = new Sqlite(file, { readonly: true });
  const entries = reader.prepare("SELECT lsn, hex(body) FROM log WHERE lsn > ?");
  const log = entries.all(loaded.position.appliedLsn);
  reader.close();
  return JSON.stringify([Digest.of(state).toString(), { ...loaded, wasUnclean: false }, log]);
}

function kindOf(page: Buffer, index: number): PageKind {
  if (index === 0) return "header";
  const kinds: Record<number, PageKind> = { 13: "leaf", 5: "interior", 10: "leaf without rowid" };
  return kinds[page.readUInt8(0)] ?? "overflow or free";
}

/** A tree, a history and a log that need pages of every kind, and leave some free. */
function fill(file: string): void {
  const database = new StoreDatabase(file, { ...defaultSqliteSettings, writer: "w", loadedLsn: 0 });
  const body = (length: number, seq: number) => Buffer.alloc(length, seq);
  const entries = Array.from({ length: 240 }, (_, seq) => ({
    seq,
    body: body(seq < 235 ? 300 : 9000, seq),
  }));
  database.append(entries);
  const changes = Array.from({ length: 60 }, (_, index) => messageAt(index + 1));
  // The entries that go leave free pages behind, and some of those that are reflected are still there.
  database.write(packRows(rowsOf(filledState(), { appliedLsn: 230, changes, historyFloorZxid: 20 })));
  database.close();
}

function filledState(): State {
  const session: Session = {
    id: "00f0000000000001",
    tokenHash: "ab".repeat(32),
    timeoutMs: 10_000,
    name: "größer",
    openedZxid: 2,
    openedAtMs: 1_700_000_000_000,
  };
  const large = new Uint8Array(10_000).map((_, index) => index % 251);
  const znodes = Array.from({ length: 120 }, (_, index) =>
    znode({ id: index + 1, path: `/a${index}`, data: index % 40 === 0 ? large : large.subarray(0, 100) }),
  );
  const root = znode({ ...rootZnode(), cversion: 120, nextSequence: 120, numChildren: 120 });
  const state = stateOf([root, ...znodes], [session], 60);
  for (const zxid of [7, 9]) {
    state.restoreReply({
      key: `${zxid}`.repeat(32),
      request: "ef".repeat(32),
      zxid,
      timeMs: 8,
      ranMs: 8,
      scope: "s",
      outcome: "{}",
    });
  }
  state.restoreQuota({ path: "/a7", limits: { countHard: 9, bytesSoft: 1000 } });
  return state;
}

function messageAt(zxid: number) {
  const data = `${zxid}`.padEnd(zxid % 20 === 0 ? 70_000 : 500, "é");
  return { zxid, ranMs: 9, message: `{"zxid":${zxid},"timeMs":7,"events":[{"data":"${data}"}]}` };
}

test("one flipped bit on a page of any kind is refused with a sentence, or changes nothing for anyone", {
  timeout: 300_000,
}, ({ directory }) => {
  const file = join(directory, "treekeeper.db");
  loadStore(file);
  fill(file);
  const before = contentOf(file);
  const sound = readFileSync(file);
  const faults: string[] = [];
  let refused = 0;
  for (const { kind, position, bit } of flipsIn(sound)) {
    const damaged = Buffer.from(sound);
    damaged.writeUInt8(damaged.readUInt8(position) ^ (1 << bit), position);
    writeFileSync(file, damaged);
    const place = `${kind} page ${Math.floor(position / pageBytes) + 1}, byte ${position % pageBytes}, bit ${bit}`;
    try {
      if (contentOf(file) !== before) faults.push(`${place}: other content`);
    } catch (error) {
      refused += 1;
      if (!isRefusal(error)) faults.push(`${place}: ${error}`);
    }
  }
  expect(faults).toEqual([]);
  expect(refused).toBeGreaterThan(flipsPerKind * 2);
});

/** In every byte of the file's header, and on pages of each kind. */
function* flipsIn(content: Buffer): Generator<{ kind: PageKind; position: number; bit: number }> {
  const next = random(12);
  const below = (bound: number) => Math.floor(next() * bound);
  const pages = new Map<PageKind, number[]>();
  for (let start = 0; start < content.byteLength; start += pageBytes) {
    const kind = kindOf(content.subarray(start, start + pageBytes), start / pageBytes);
    pages.set(kind, [...(pages.get(kind) ?? []), start]);
  }
  expect([...pages.keys()].sort()).toEqual([
    "header",
    "interior",
    "leaf",
    "leaf without rowid",
    "overflow or free",
  ]);
  for (let position = 0; position < 100; position += 1) yield { kind: "header", position, bit: below(8) };
  for (const [kind, starts] of pages) {
    for (let count = 0; count < flipsPerKind; count += 1) {
      const start = starts[below(starts.length)] as number;
      // The head of a page says how it is read; its rows are at its end.
      const places = [below(12), pageBytes - 1 - below(1000), below(pageBytes)];
      yield { kind, position: start + (places[count % 3] as number), bit: below(8) };
    }
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof CorruptStoreError) return true;
  return (
    error instanceof Error &&
    /belongs to another program|later version|header of the file is damaged/.test(error.message)
  );
}

const damages = [
  { of: "an entry of the log", sql: "UPDATE log SET body = x'00' WHERE lsn = 231", fault: /log entry 231/ },
  { of: "an entry's writer", sql: "UPDATE log SET writer = 'x' WHERE lsn = 240", fault: /log entry 240/ },
  {
    of: "an entry that is not replayed",
    sql: "UPDATE log SET seq = 1 WHERE lsn = 220",
    fault: /log entry 220/,
  },
  { of: "a lost entry", sql: "DELETE FROM log WHERE lsn = 235", fault: /log entries 235 to 235 are missing/ },
  {
    of: "a message",
    sql: 'UPDATE change SET messages = replace(messages, \'"data":"3\', \'"data":"4\')',
    fault: /history up to zxid \d+ does not match/,
  },
  {
    of: "messages run into one",
    sql: "UPDATE change SET messages = replace(messages, char(10), ' ')",
    fault: /history up to zxid \d+/,
  },
  {
    of: "a history out of place",
    sql: "UPDATE change SET last_zxid = last_zxid + 100",
    fault: /history up to/,
  },
  { of: "a checksum", sql: "UPDATE change SET checksum = NULL", fault: /history up to/ },
  {
    of: "the position",
    sql: "UPDATE meta SET applied_lsn = applied_lsn - 1",
    fault: /table meta does not match/,
  },
  { of: "the floor of the history", sql: "UPDATE meta SET history_floor_zxid = 50", fault: /table meta/ },
  { of: "the name", sql: "UPDATE meta SET cluster_id = 'x'", fault: /table meta/ },
];

test.for(damages)("damage to $of is found at the start [N13]", ({ sql, fault }, { directory }) => {
  const file = join(directory, "treekeeper.db");
  loadStore(file);
  fill(file);
  const connection = new Sqlite(file);
  expect(connection.prepare(sql).run().changes).toBeGreaterThan(0);
  connection.close();
  expect(() => loadStore(file)).toThrow(CorruptStoreError);
  expect(() => loadStore(file)).toThrow(fault);
});

const limits = { ...defaultLimits, queueCommandsMax: 10, queueBytesMax: 1_048_576 };
const fixtures = join(import.meta.dirname, "fixtures");

function unpackSchema2(directory: string): void {
  for (const name of ["treekeeper.db", "treekeeper.db-wal"]) {
    writeFileSync(join(directory, name), gunzipSync(readFileSync(join(fixtures, `schema-2-${name}.gz`))));
  }
}

test("a directory that a version without checksums was killed in opens whole, and is covered from then on", async ({
  directory,
  open,
}) => {
  unpackSchema2(directory);
  const sqlite = await open();
  const { loaded } = sqlite;
  expect(loaded.wasUnclean).toBe(true);
  const { state, position } = loaded;
  const store = new Store({ state, position, log: sqlite.log, clock: new FakeClock(), limits });
  await store.start();
  const text = (path: string) => new TextDecoder().decode(store.reader(systemContext).get(path)?.data);
  expect(["/a1", "/a1/e", "/a2", "/k"].map(text)).toEqual(["later 6", "e", "value 2", "k"]);
  expect(text("/blob")).toHaveLength(9000);
  expect([...state.sessions()].map(({ name }) => name)).toEqual(["of an earlier version"]);
  expect([...state.quotas.from("")].map(({ path, limits }) => [path, limits])).toEqual([
    ["/a2", { countHard: 10 }],
  ]);
  expect([state.replies.count, loaded.changes.length]).toEqual([1, 10]);
  await sqlite.close();
  const file = join(directory, "treekeeper.db");
  const connection = new Sqlite(file);
  connection.exec("UPDATE change SET messages = replace(messages, 'value 1', 'value 2')");
  connection.close();
  await expect(open()).rejects.toThrow(/the history up to zxid \d+ does not match its checksum/);
});

test("a directory of such a version that is damaged is refused, and stays that version's", async ({
  directory,
  open,
}) => {
  unpackSchema2(directory);
  const file = join(directory, "treekeeper.db");
  let connection = new Sqlite(file);
  connection.exec("UPDATE change SET messages = substr(messages, 2)");
  connection.close();
  await expect(open()).rejects.toThrow(CorruptStoreError);
  connection = new Sqlite(file);
  expect(connection.pragma("user_version", { simple: true })).toBe(2);
  connection.close();
});
