import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import type { KeptAcl } from "../../src/core/acl/acl.ts";
import { checkState } from "../../src/core/check.ts";
import { nobody } from "../../src/core/housekeeper.ts";
import type { Reply } from "../../src/core/replies/reply.ts";
import type { Session } from "../../src/core/session.ts";
import { State } from "../../src/core/state.ts";
import { rootZnode } from "../../src/core/tree/znode.ts";
import {
  type Covering,
  type LogState,
  NotAppendedError,
  OutcomeUnknownError,
} from "../../src/store/commit-log.ts";
import { StoreDatabase } from "../../src/store/sqlite/database.ts";
import { packRows, unpackChanges } from "../../src/store/sqlite/packed-rows.ts";
import { defaultSqliteSettings } from "../../src/store/sqlite/settings.ts";
import type { ChangeRow } from "../../src/store/tables.ts";
import { rowsOf, stateOf, test, znode } from "./sqlite-fixture.ts";

const session: Session = {
  id: "00f0000000000001",
  tokenHash: "ab".repeat(32),
  timeoutMs: 10_000,
  name: "größer",
  openedZxid: 2,
  openedAtMs: 1_700_000_000_000,
};

const acl: KeptAcl = {
  id: 3,
  entries: [
    { perms: 0, scheme: "digest", id: "größer:Zm9v" },
    { perms: 17, scheme: "ip", id: "2001:db8::/32" },
  ],
};

const large = 2 ** 53 - 1;
const megabyte = new Uint8Array(1_048_576).map((_, index) => index % 251);

/** A value for every field, unlike its neighbours and unlike the default. */
const everyField = stateOf(
  [
    znode({
      id: 0,
      path: "/",
      czxid: 0,
      mzxid: 0,
      pzxid: 9,
      ctimeMs: 0,
      mtimeMs: 0,
      cversion: 5,
      nextSequence: 4,
      numChildren: 3,
    }),
    znode({
      id: 3,
      path: "/é 😀",
      data: megabyte,
      czxid: 3,
      mzxid: 5,
      pzxid: 7,
      ctimeMs: 1_700_000_000_001,
      mtimeMs: 1_700_000_000_002,
      version: 6,
      aversion: 1,
      cversion: 3,
      nextSequence: large,
      numChildren: 1,
      container: true,
      writtenRanMs: 12,
      acl,
    }),
    znode({
      id: 4,
      path: "/é 😀/q0000000017",
      czxid: 7,
      mzxid: 8,
      pzxid: 7,
      ephemeralOwner: session.id,
      sequence: 17,
      attempts: ["0f", "1a2b"],
    }),
    znode({
      id: 5,
      path: "/ttl",
      data: new Uint8Array([0, 255]),
      ttlMs: 1_099_511_627_775,
      writtenRanMs: large,
      version: 2_147_483_647,
    }),
    znode({ id: 8, path: "/late", czxid: large, mzxid: large, pzxid: large, sequence: 0 }),
  ],
  [session, { ...session, id: "7f00000000000000", touchedAt: large }],
  large,
  large,
);
everyField.note({
  type: "housekeeperChanged",
  housekeeper: { server: "é 😀", term: large, touchedAt: large },
  before: nobody,
});
everyField.steady(large);
const replies: Reply[] = [
  {
    scope: "client/session",
    key: "cd".repeat(32),
    request: "ef".repeat(32),
    zxid: 9,
    timeMs: 0,
    ranMs: 0,
    outcome: '{"path":"/é\\ud800 😀"}',
  },
  { scope: "", key: "k", request: "r", zxid: large, timeMs: 1_700_000_000_003, ranMs: 1, outcome: "{}" },
];
for (const reply of replies) everyField.restoreReply(reply);

function change(zxid: number, ranMs: number, data: string): ChangeRow {
  return { zxid, ranMs, message: `{"zxid":${zxid},"timeMs":7,"events":[{"data":"${data}"}]}` };
}

const asWriter = { ...defaultSqliteSettings, writer: "w", loadedLsn: 0 };

test("every field of a znode, a session and a reply comes back as it was, a megabyte of data too [L3, N2]", async ({
  open,
}) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  const changes = [change(5, 3, "trimmed"), change(6, 3, "é"), change(large, 3, "a line\\nand another")];
  const rows = rowsOf(everyField, { appliedLsn: 1, changes, historyFloorZxid: 5 });
  await sqlite.tables.write(rows);
  await sqlite.close();
  const { loaded } = await open();
  expect([...loaded.state.tree.values()]).toEqual([...everyField.tree.values()]);
  expect([...loaded.state.sessions()]).toEqual([...everyField.sessions()]);
  expect(loaded.state.housekeeper).toEqual(everyField.housekeeper);
  expect(loaded.state.timeMs).toBe(large);
  expect([...loaded.state.replies]).toEqual(replies);
  expect(loaded.position).toEqual(rows.position);
  expect(loaded.changes).toEqual(changes.slice(1));
  expect([...loaded.state.ephemeralsOf(session.id)]).toEqual(["/é 😀/q0000000017"]);
  expect(loaded.state.nextZnodeId).toBe(9);
});

test("a later write replaces, removes and adds", async ({ open }) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  await sqlite.tables.write(rowsOf(everyField, { appliedLsn: 1 }));
  await sqlite.log.append(2, new Uint8Array(1));
  const later = stateOf(
    [
      znode({
        id: 0,
        path: "/",
        czxid: 0,
        mzxid: 0,
        pzxid: 12,
        ctimeMs: 0,
        mtimeMs: 0,
        cversion: 7,
        nextSequence: 4,
        numChildren: 1,
      }),
      znode({
        id: 5,
        path: "/ttl",
        data: new Uint8Array(0),
        ttlMs: 1_099_511_627_775,
        writtenRanMs: 7,
        mzxid: 11,
        mtimeMs: 8,
        version: -2_147_483_648,
      }),
    ],
    [],
    12,
    7,
  );
  const kept: Reply = {
    scope: "client/session",
    key: "k2",
    request: "r",
    zxid: 12,
    timeMs: 1,
    ranMs: 2,
    outcome: "[1]",
  };
  later.restoreReply(kept);
  const deletedZnodeIds = [3, 4, 8];
  const forgottenReplyZxids = [9, large];
  await sqlite.tables.write({
    ...rowsOf(later, { written: everyField, appliedLsn: 2, deletedZnodeIds, forgottenReplyZxids }),
    closedSessionIds: [...everyField.sessions()].map(({ id }) => id),
  });
  await sqlite.close();
  const { loaded } = await open();
  expect([...loaded.state.tree.values()]).toEqual([...later.tree.values()]);
  expect(loaded.state.sessionCount).toBe(0);
  expect([...loaded.state.replies]).toEqual([kept]);
  expect(checkState(loaded.state)).toEqual([]);
});

test("the limits of a quota come back as they were, and what it counts is counted anew [U11]", async ({
  open,
}) => {
  const limits = { countSoft: 0, countHard: large, bytesHard: 7 };
  const state = stateOf([
    { ...rootZnode(), pzxid: 1, cversion: 2, nextSequence: 2, numChildren: 2 },
    znode({ id: 1, path: "/é 😀", data: new Uint8Array(5), cversion: 1, nextSequence: 1, numChildren: 1 }),
    znode({ id: 2, path: "/b" }),
    znode({ id: 3, path: "/é 😀/c", data: new Uint8Array(6) }),
  ]);
  state.restoreQuota({ path: "/é 😀", limits });
  state.restoreQuota({ path: "/b", limits: { bytesSoft: 1 } });
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  await sqlite.tables.write(rowsOf(state, { appliedLsn: 1 }));
  await sqlite.close();
  const reopened = await open();
  const { loaded } = reopened;
  expect([...loaded.state.quotas.from("")]).toEqual([
    { path: "/b", limits: { bytesSoft: 1 }, count: 1, bytes: 0 },
    { path: "/é 😀", limits, count: 2, bytes: 11 },
  ]);
  expect(checkState(loaded.state)).toEqual([]);
  await reopened.log.append(1, new Uint8Array(1));
  state.quotas.remove("/é 😀");
  state.restoreQuota({ path: "/b", limits: { countHard: 2 } });
  const rows = rowsOf(state, { written: state, appliedLsn: 2 });
  await reopened.tables.write({ ...rows, deletedQuotaPaths: ["/é 😀"] });
  await reopened.close();
  const { loaded: again } = await open();
  expect([...again.state.quotas.from("")]).toEqual([
    { path: "/b", limits: { countHard: 2 }, count: 1, bytes: 0 },
  ]);
});

test("a log entry goes only with the rows that reflect it", async ({ open, directory }) => {
  const sqlite = await open();
  const append = async (seq: number) => sqlite.log.append(seq, new Uint8Array(10));
  for (let seq = 1; seq <= 500; seq += 1) await append(seq);
  await sqlite.tables.write(rowsOf(State.fresh(), { appliedLsn: 450 }));
  const { promise: durable, resolve } = Promise.withResolvers<Covering>();
  sqlite.tables.onDurable((covering) => {
    if (covering.lsn === 450) resolve(covering);
  });
  await append(501);
  await sqlite.log.trim(450, await durable);
  await expect.poll(() => sqlite.log.usage()).toEqual({ entries: 51, bytes: 510 });
  await sqlite.close();
  const file = new Sqlite(join(directory, "treekeeper.db"), { readonly: true });
  const kept = file.prepare("SELECT lsn FROM log ORDER BY lsn").pluck().all();
  file.close();
  expect(kept).toEqual(Array.from({ length: 51 }, (_, index) => 451 + index));
});

test("old log and history rows go in steps, and only they", async ({ open, directory }) => {
  await (await open()).close();
  const file = join(directory, "treekeeper.db");
  const database = new StoreDatabase(file, { ...asWriter, databaseBytesMax: 0 });
  database.append(Array.from({ length: 900 }, (_, index) => ({ seq: index + 1, body: new Uint8Array(1) })));
  const long = "x".repeat(10_000);
  const changes = Array.from({ length: 900 }, (_, index) => change(index + 1, 1, long));
  database.write(packRows(rowsOf(State.fresh(), { appliedLsn: 800, changes, historyFloorZxid: 700 })));
  database.trimLog(800);
  let steps = 1;
  while (database.trimStep()) steps += 1;
  expect(steps).toBeGreaterThan(2);
  expect([...database.readLog(800)]).toHaveLength(100);
  database.close();
  const reader = new Sqlite(file, { readonly: true });
  expect(reader.prepare("SELECT min(lsn), max(lsn) FROM log").raw().get()).toEqual([801, 900]);
  const kept = reader.prepare("SELECT messages FROM change ORDER BY last_zxid").pluck().all() as string[];
  const zxids = kept.flatMap((messages) =>
    unpackChanges({ lastZxid: 0, ranMs: 0, messages }).map(({ zxid }) => zxid),
  );
  expect(zxids.at(-1)).toBe(900);
  expect(zxids.slice(zxids.indexOf(701))).toEqual(Array.from({ length: 200 }, (_, index) => 701 + index));
  expect(zxids.length).toBeLessThan(210);
  reader.close();
});

test("a full database refuses entries, keeps what it has, and writes again once rows went", async ({
  open,
}) => {
  const sqlite = await open({ databaseBytesMax: 1_048_576 });
  const states: LogState["state"][] = [];
  const connected = Promise.withResolvers<void>();
  sqlite.log.onState(({ state }) => {
    states.push(state);
    if (state === "connected") connected.resolve();
  });
  const acknowledged = await fill((seq) => sqlite.log.append(seq, new Uint8Array(32_768)));
  expect(states).toEqual(["read_only"]);
  await expect(sqlite.log.append(1_000, new Uint8Array(65_536))).rejects.toBeInstanceOf(NotAppendedError);
  expect(await sqlite.log.append(1_001, new Uint8Array(1))).toBe(acknowledged + 1);
  expect(states).toEqual(["read_only"]);
  await sqlite.tables.write(rowsOf(State.fresh(), { appliedLsn: acknowledged }));
  await connected.promise;
  expect(await sqlite.log.append(1_002, new Uint8Array(65_536))).toBe(acknowledged + 2);
  await sqlite.close();
  const reopened = await open();
  const { loaded } = reopened;
  expect(loaded.position.appliedLsn).toBe(acknowledged);
  expect(await reopened.log.tail()).toBe(acknowledged + 2);
});

test("entries are refused while there is room for the rows they become, after a crash too [G4, L2]", async ({
  open,
}) => {
  const databaseBytesMax = 1_048_576;
  const sqlite = await open({ databaseBytesMax });
  const acknowledged = await fill((seq) => sqlite.log.append(seq, new Uint8Array(32_768)));
  await sqlite.close();
  const reopened = await open({ databaseBytesMax });
  const data = new Uint8Array(32_768);
  const filled = Array.from({ length: acknowledged }, (_, index) =>
    znode({ id: index + 1, path: `/${index}`, data }),
  );
  const state = stateOf([rootZnode(), ...filled]);
  await reopened.tables.write(rowsOf(state, { appliedLsn: acknowledged }));
  expect(await reopened.log.append(1, new Uint8Array(100))).toBe(acknowledged + 1);
});

test("an entry waits for the rows of those before it, when they will make room for it", async ({ open }) => {
  const sqlite = await open({ databaseBytesMax: 1_048_576 });
  const states: LogState["state"][] = [];
  sqlite.log.onState(({ state }) => states.push(state));
  for (let seq = 1; seq <= 20; seq += 1) {
    const append = sqlite.log.append(seq, new Uint8Array(49_152));
    await sqlite.tables.write(rowsOf(State.fresh(), { appliedLsn: seq - 1 }));
    expect(await append).toBe(seq);
  }
  expect(states).toEqual([]);
});

test("an entry too large for the file is refused alone", async ({ open }) => {
  const sqlite = await open({ databaseBytesMax: 1_048_576 });
  const states: LogState["state"][] = [];
  sqlite.log.onState(({ state }) => states.push(state));
  await expect(sqlite.log.append(1, new Uint8Array(900_000))).rejects.toBeInstanceOf(NotAppendedError);
  expect(await sqlite.log.append(2, new Uint8Array(1000))).toBe(1);
  expect(states).toEqual([]);
});

test("in a full file rows take the room of the history, and the file says how far it goes back", async ({
  open,
  directory,
}) => {
  await (await open()).close();
  const file = join(directory, "treekeeper.db");
  const database = new StoreDatabase(file, { ...asWriter, databaseBytesMax: 524_288 });
  const long = "x".repeat(10_000);
  const changes = Array.from({ length: 30 }, (_, index) => change(index + 1, 1, long));
  database.append([{ seq: 1, body: new Uint8Array(1) }]);
  const zxid = 30;
  database.write(packRows(rowsOf(stateOf([rootZnode()], [], zxid), { appliedLsn: 1, changes })));
  database.append([{ seq: 2, body: new Uint8Array(120_000) }]);
  const root = { ...rootZnode(), numChildren: 1, cversion: 1, nextSequence: 1 };
  const full = stateOf([root, znode({ id: 1, path: "/a", data: new Uint8Array(400_000) })], [], 31);
  const rows = rowsOf(full, { appliedLsn: 2, changes: [change(31, 1, long)] });
  expect(() => database.write(packRows(rows))).toThrow(/full/);
  database.writeWithoutHistory(packRows(rows));
  expect(database.room()).toMatchObject({ unreflectedBytes: 0 });
  database.close();
  const { loaded } = await open();
  expect(loaded.position).toEqual({ ...rows.position, historyFloorZxid: 31 });
  expect([loaded.state.tree.size, loaded.changes]).toEqual([2, []]);
});

test("where entries leave no room for their rows, these take their place: nobody is refused, no history is lost", async ({
  open,
}) => {
  const sqlite = await open({ databaseBytesMax: 2_097_152 });
  const states: LogState["state"][] = [];
  sqlite.log.onState(({ state }) => states.push(state));
  const data = new Uint8Array(50_000);
  const ids = Array.from({ length: 13 }, (_, index) => index + 1);
  for (const id of ids) await sqlite.log.append(id, data);
  const records = ids.map((id) => znode({ id, path: `/n${id}`, data }));
  const root = { ...rootZnode(), numChildren: 13, cversion: 13, nextSequence: 13 };
  // In a message bytes are base64.
  const changes = ids.map((id) => change(id, 1, "x".repeat(70_000)));
  await sqlite.tables.write(rowsOf(stateOf([root, ...records], [], 13), { appliedLsn: 13, changes }));
  expect(states).toEqual([]);
  await sqlite.close();
  const { loaded } = await open();
  expect([loaded.state.tree.size, loaded.changes.length, loaded.position.historyFloorZxid]).toEqual([
    14, 13, 0,
  ]);
});

test("a file that is full of entries without rows takes their rows, and then writes again", async ({
  open,
  directory,
}) => {
  const databaseBytesMax = 524_288;
  await (await open()).close();
  const file = join(directory, "treekeeper.db");
  const database = new StoreDatabase(file, { ...asWriter, databaseBytesMax });
  const data = new Uint8Array(20_000);
  const append = () => database.append([{ seq: 1, body: new Uint8Array(20_100) }]);
  expect(() => {
    for (;;) append();
  }).toThrow(/full/);
  const appliedLsn = database.tail;
  database.close();

  const sqlite = await open({ databaseBytesMax });
  await expect(sqlite.log.append(1, data)).rejects.toBeInstanceOf(NotAppendedError);
  const records = Array.from({ length: appliedLsn }, (_, index) =>
    znode({ id: index + 1, path: `/n${index}`, data }),
  );
  const changes = records.map(({ id }) => change(id, 1, "x".repeat(20_000)));
  await sqlite.tables.write(
    rowsOf(stateOf([rootZnode(), ...records], [], appliedLsn), { appliedLsn, changes }),
  );
  expect(await sqlite.log.append(2, new Uint8Array(100))).toBe(appliedLsn + 1);
  const deletedZnodeIds = records.map(({ id }) => id);
  const empty = stateOf([rootZnode()], [], appliedLsn + 1);
  const connected = Promise.withResolvers<void>();
  sqlite.log.onState(({ state }) => {
    if (state === "connected") connected.resolve();
  });
  await sqlite.tables.write(rowsOf(empty, { appliedLsn: appliedLsn + 1, deletedZnodeIds }));
  await connected.promise;
  expect(await sqlite.log.append(3, data)).toBe(appliedLsn + 2);
});

test("of the history the oldest yields first, and no later write brings its floor back", async ({
  open,
  directory,
}) => {
  await (await open()).close();
  const file = join(directory, "treekeeper.db");
  const database = new StoreDatabase(file, { ...asWriter, databaseBytesMax: 4_194_304 });
  const long = "x".repeat(70_000);
  const changes = Array.from({ length: 10 }, (_, index) => change(index + 1, 1, long));
  const state = stateOf([rootZnode()], [], 10);
  database.append([{ seq: 1, body: new Uint8Array(1) }]);
  database.write(packRows(rowsOf(state, { appliedLsn: 1, changes })));
  database.makeRoom(300_000);
  database.write(packRows(rowsOf(state, { appliedLsn: 1 })));
  database.close();
  const { loaded } = await open();
  expect(loaded.position.historyFloorZxid).toBe(6);
  expect(loaded.changes.map(({ zxid }) => zxid)).toEqual([7, 8, 9, 10]);
});

/** Appends until there is no room; answers how many were acknowledged. */
async function fill(append: (seq: number) => Promise<number>): Promise<number> {
  for (let seq = 1; ; seq += 1) {
    try {
      await append(seq);
    } catch (error) {
      expect(error).toBeInstanceOf(NotAppendedError);
      return seq - 1;
    }
  }
}

test("with too little free disk the service says it is read-only", async ({ open }) => {
  const sqlite = await open({ freeBytesMin: Number.MAX_SAFE_INTEGER });
  const { promise, resolve } = Promise.withResolvers<LogState>();
  sqlite.log.onState(resolve);
  expect(await promise).toMatchObject({ state: "read_only" });
});

test("after an error of unknown outcome nothing is answered any more", async ({ open, directory }) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1));
  const states: LogState["state"][] = [];
  const told: number[] = [];
  sqlite.log.onState(({ state }) => states.push(state));
  sqlite.log.follow(1, (entries) => {
    told.push(...entries.map(({ lsn }) => lsn));
  });
  const meddler = new Sqlite(join(directory, "treekeeper.db"));
  meddler.exec("ALTER TABLE log RENAME TO elsewhere");
  const [first, second] = await Promise.allSettled([
    sqlite.log.append(2, new Uint8Array(1)),
    sqlite.tables.write(rowsOf(State.fresh(), { appliedLsn: 1 })),
  ]);
  meddler.exec("ALTER TABLE elsewhere RENAME TO log");
  meddler.close();
  expect(first).toMatchObject({ status: "rejected", reason: expect.any(OutcomeUnknownError) });
  expect(second).toMatchObject({ status: "rejected", reason: expect.any(OutcomeUnknownError) });
  await expect(sqlite.log.append(3, new Uint8Array(1))).rejects.toBeInstanceOf(NotAppendedError);
  expect(states).toEqual(["failed"]);
  expect(told).toEqual([]);
});

test("a long write-ahead log is checkpointed beside the writer, and starts anew", async ({ open }) => {
  const sqlite = await open({ checkpointBytes: 262_144, walBytesMax: 1_048_576 });
  let walBytesMax = 0;
  const isAnew = () => sqlite.stats().walBytes < walBytesMax / 2;
  const isCheckpointed = () => sqlite.stats().lastCheckpointMs > 0;
  // How far it goes beyond the bound depends on how long a checkpoint takes; that it starts anew does not. Where the
  // writer was kept waiting meanwhile it has emptied the log by itself, as one that is idle: then it grows again.
  for (let seq = 1; walBytesMax < 200_000 || !isAnew() || !isCheckpointed(); seq += 1) {
    await sqlite.log.append(seq, new Uint8Array(20_000));
    walBytesMax = Math.max(walBytesMax, sqlite.stats().walBytes);
  }
});

test("an idle service empties its write-ahead log", async ({ open }) => {
  const sqlite = await open();
  await sqlite.log.append(1, new Uint8Array(1_000_000));
  await expect.poll(() => sqlite.stats().walBytes).toBeGreaterThan(1_000_000);
  await expect.poll(() => sqlite.stats().walBytes, { timeout: 10_000 }).toBe(0);
});
