// The tables behind the state: each row once per write however often it changed, always with the position it
// stands for, and all of it by the time the store is closed.

import fc from "fast-check";
import { expect, test as vitestTest } from "vitest";
import { accessText } from "../../src/core/access/access.ts";
import { checkState } from "../../src/core/check.ts";
import { Digest } from "../../src/core/digest.ts";
import { nobody } from "../../src/core/housekeeper.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { systemContext } from "../../src/core/reader.ts";
import { restoreOf } from "../../src/core/restore-commands.ts";
import { neverRestored } from "../../src/core/restored.ts";
import { State } from "../../src/core/state.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import type { Applied } from "../../src/store/replica.ts";
import { Store } from "../../src/store/store.ts";
import type { RowChanges } from "../../src/store/tables.ts";
import { anyCommand, resolved } from "../simulation/commands.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, plain, refusal } from "../support/keeper.ts";
import { RecordingTables } from "./recording-tables.ts";

interface Fixture {
  readonly store: Store;
  readonly state: State;
  readonly tables: RecordingTables;
  readonly clock: FakeClock;
  readonly applied: Applied[];
}

async function openFixture(): Promise<Fixture> {
  const [tables, clock, applied] = [new RecordingTables(), new FakeClock(), [] as Applied[]];
  const state = State.fresh();
  const store = new Store({
    state,
    position: { appliedLsn: 0, historyFloorZxid: 0 },
    ...{ log: new MemoryLog("writer"), tables, clock },
    limits: { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 64 * 1024 * 1024 },
  });
  store.onApplied((some) => applied.push(...some));
  await store.start();
  return { store, state, tables, clock, applied };
}

/** A store with tables, which at the end hold exactly the state. */
const test = vitestTest.extend<{ fixture: Fixture }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  fixture: async ({}, use) => {
    const fixture = await openFixture();
    await use(fixture);
    await fixture.store.close();
    expectSame(fixture);
  },
});

function expectSame({ store, state, tables }: Fixture): void {
  const loaded = tables.load();
  expect(loaded.zxid).toBe(store.zxid);
  expect(new Map([...loaded.tree.values()].map((znode) => [znode.id, znode]))).toEqual(
    new Map([...state.tree.values()].map((znode) => [znode.id, znode])),
  );
  expect(loaded.restored).toEqual(state.restored);
  expect(new Set(loaded.sessions())).toEqual(new Set(state.sessions()));
  expect([...loaded.replies]).toEqual([...state.replies]);
  expect([...loaded.acls.values()]).toEqual([...state.acls.values()]);
  expect([...loaded.quotas.from("")]).toEqual([...state.quotas.from("")]);
  const namesOf = ({ access }: State) => [...access.records()].map(accessText).sort();
  expect(namesOf(loaded)).toEqual(namesOf(state));
  expect(checkState(loaded)).toEqual([]);
  const position = tables.writes.at(-1)?.position;
  if (position !== undefined) expect(position.digest).toBe(Digest.of(loaded).toString());
}

/** What the write behind is about to hold has been written by now. */
const writeDelayMs = 100;

function lastWrite({ tables }: Fixture): RowChanges {
  const rows = tables.writes.at(-1);
  if (rows === undefined) throw new Error("nothing was written");
  return rows;
}

const create = (path: string, data = "") =>
  ({ type: "create", path, data: bytes(data), mode: plain }) as const;
const set = (path: string, data: string) => ({ type: "setData", path, data: bytes(data) }) as const;

test("a change is in the tables within 100 ms, with its position and digest", async ({ fixture }) => {
  const { store, state, tables, clock } = fixture;
  await store.submit(create("/a", "x"));
  expect(tables.writes).toEqual([]);
  await clock.advance(writeDelayMs);
  expect(tables.writes).toHaveLength(1);
  expect(lastWrite(fixture).position).toEqual({
    ...{ appliedLsn: 1, entryName: "writer/1", zxid: 1, nextZnodeId: 2, ranMs: 0, historyFloorZxid: 0 },
    ...{ timeMs: clock.wallMs() - writeDelayMs, housekeeper: nobody, restored: neverRestored },
    digest: Digest.of(state).toString(),
  });
});

test("a restore is in the rows of its transaction, and nothing of before is to be resumed from with it", async ({
  fixture,
}) => {
  const { store, state, tables, clock } = fixture;
  await store.submit(create("/a"));
  await store.submit(restoreOf({ id: "ab", zxidsAhead: 1000, sequencesAhead: 10 }));
  await clock.advance(writeDelayMs);
  expect(tables.writes).toHaveLength(1);
  const { restored, zxid, historyFloorZxid } = lastWrite(fixture).position;
  expect([restored, zxid, historyFloorZxid]).toEqual([state.restored, 1001, 1001]);
});

test("what is noted without a transaction is in the tables too, and a start from them finds it", async ({
  fixture,
}) => {
  const { state, store, tables, clock } = fixture;
  const open = { tokenHash: "h", timeoutMs: 1000, name: "" };
  await store.submit({ type: "openSession", sessionId: "0000000000000001", ...open });
  await clock.advance(writeDelayMs);
  await store.submit({ type: "touchSessions", sessionIds: ["0000000000000001"] });
  await clock.advance(writeDelayMs);
  await store.submit({ type: "claimHousekeeping", server: "a", ifTerm: 0 });
  await clock.advance(writeDelayMs);
  expect(tables.writes).toHaveLength(3);
  const { digest } = lastWrite(fixture).position;
  expect(digest).toBe(Digest.of(state).toString());
  const loaded = tables.load();
  expect(Digest.of(loaded).toString()).toBe(digest);
  expect(loaded.housekeeper).toEqual({ server: "a", term: 1, touchedAt: 3 });
  expect([...loaded.sessions()]).toEqual([...state.sessions()]);
  expect([loaded.timeMs, state.session("0000000000000001")?.touchedAt]).toEqual([state.timeMs, 2]);
});

test("a znode that is set often is one row, and every change is kept", async ({ fixture }) => {
  const { store, clock, applied } = fixture;
  await store.submit(create("/a"));
  await clock.advance(writeDelayMs);
  for (let round = 0; round < 100; round += 1) await store.submit(set("/a", `${round}`));
  await clock.advance(writeDelayMs);
  const { created, changed, parents, changes } = lastWrite(fixture);
  expect([created, changed]).toEqual([[], [store.reader(systemContext).get("/a")]]);
  expect(parents).toEqual([]);
  expect(changes.map(({ zxid }) => zxid)).toEqual(Array.from({ length: 100 }, (_, index) => index + 2));
  const [first] = applied.slice(1);
  expect(changes[0]?.message).toBe(first?.message?.text);
});

test("a write that took long is followed by a rest in proportion, of a second at most", async ({
  fixture,
}) => {
  const { store, tables, clock } = fixture;
  for (const [tookMs, restMs] of [
    [30, 300],
    [60_000, 1000],
    [0, 80],
  ] as const) {
    await store.submit(create(`/took-${tookMs}`));
    tables.hold();
    await clock.advance(80);
    await store.submit(create(`/meanwhile-${tookMs}`));
    await clock.advance(tookMs);
    const written = tables.writes.length;
    tables.release();
    await clock.advance(0);
    await clock.advance(restMs - 1);
    expect(tables.writes).toHaveLength(written + 1);
    await clock.advance(1);
    expect(tables.writes).toHaveLength(written + 2);
  }
});

test("a child that comes or goes does not rewrite its parent's value", async ({ fixture }) => {
  const { store, clock } = fixture;
  await store.submit(create("/a", "a large value"));
  await clock.advance(writeDelayMs);
  await store.submit(create("/a/b"));
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture).created.map(({ path }) => path)).toEqual(["/a/b"]);
  expect(lastWrite(fixture).parents.map(({ path }) => path)).toEqual(["/a"]);
  await store.submit({ type: "delete", path: "/a/b" });
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture)).toMatchObject({
    created: [],
    changed: [],
    deletedZnodeIds: [2],
    parents: [{ path: "/a" }],
  });
});

test("what came and went between two writes has no row, and its messages do", async ({ fixture }) => {
  const { store, clock } = fixture;
  const sessionId = "0000000000000001";
  await store.submit(create("/a"));
  await store.submit({ type: "delete", path: "/a" });
  await store.submit({ type: "openSession", sessionId, tokenHash: "", timeoutMs: 1000, name: "" });
  await store.submit({ type: "closeSession", sessionId, reason: "session_closed" });
  await clock.advance(writeDelayMs);
  const { position, changes, parents, ...rest } = lastWrite(fixture);
  expect(rest).toEqual({
    ...{ created: [], changed: [], deletedZnodeIds: [], sessions: [], closedSessionIds: [] },
    ...{ replies: [], forgottenReplyZxids: [] },
    ...{ quotas: [], deletedQuotaPaths: [], epochs: [], forgottenEpochZxids: [] },
    ...{ access: [], removedAccess: [] },
    ...{ acls: [], forgottenAclIds: [] },
  });
  expect(parents.map(({ path, cversion }) => [path, cversion])).toEqual([["/", 2]]);
  expect(changes.map(({ zxid }) => zxid)).toEqual([1, 2]);
  expect(position).toMatchObject({ zxid: 4, nextZnodeId: 2 });
});

test("a path made again is another row", async ({ fixture }) => {
  const { store, clock } = fixture;
  await store.submit(create("/a", "first"));
  await clock.advance(writeDelayMs);
  await store.submit({ type: "delete", path: "/a" });
  await store.submit(create("/a", "second"));
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture).deletedZnodeIds).toEqual([1]);
  expect(lastWrite(fixture).created.map(({ id, path }) => [id, path])).toEqual([[2, "/a"]]);
});

test("sessions are written when they open and removed when they end [N2]", async ({ fixture }) => {
  const { store, clock } = fixture;
  const sessionId = "0000000000000001";
  await store.submit({ type: "openSession", sessionId, tokenHash: "h", timeoutMs: 1000, name: "worker" });
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture).sessions).toMatchObject([{ id: sessionId, tokenHash: "h", openedZxid: 1 }]);
  await store.submit({ type: "closeSession", sessionId, reason: "session_closed" });
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture).closedSessionIds).toEqual([sessionId]);
});

test("quotas are written when they are set and removed when they go, with their znode too [U11]", async ({
  fixture,
}) => {
  const { store, clock } = fixture;
  const setQuota = (path: string, countHard: number) =>
    store.submit({ type: "setQuota", path, limits: { countHard } });
  await Promise.all([store.submit(create("/a")), store.submit(create("/b"))]);
  await clock.advance(writeDelayMs);
  for (const countHard of [5, 6]) await setQuota("/a", countHard);
  await setQuota("/b", 7);
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture)).toMatchObject({
    quotas: [
      { path: "/a", limits: { countHard: 6 } },
      { path: "/b", limits: { countHard: 7 } },
    ],
    deletedQuotaPaths: [],
  });
  await store.submit({ type: "deleteQuota", path: "/a" });
  await store.submit({ type: "delete", path: "/b" });
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture)).toMatchObject({ quotas: [], deletedQuotaPaths: ["/a", "/b"] });
});

test("an entry of refusals moves the position on, and nothing else", async ({ fixture }) => {
  const { store, clock } = fixture;
  await refusal(store.submit({ type: "delete", path: "/missing" }));
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture)).toMatchObject({ created: [], changed: [], parents: [], changes: [] });
  expect(lastWrite(fixture).position).toMatchObject({ appliedLsn: 1, zxid: 0 });
});

test("many rows are written without waiting", async ({ fixture }) => {
  const { store, tables } = fixture;
  await Promise.all(Array.from({ length: 5000 }, (_, index) => store.submit(create(`/${index}`))));
  expect(tables.writes.length).toBeGreaterThan(0);
  expect(tables.writes[0]?.created.length).toBeGreaterThan(2000);
});

test("while a write waits for room no other is begun, and what changes meanwhile comes after it", async ({
  fixture,
}) => {
  const { store, tables, clock } = fixture;
  tables.hold();
  await store.submit(create("/a"));
  await clock.advance(writeDelayMs);
  await store.submit(create("/b"));
  await clock.advance(2000);
  expect([tables.attempts, tables.writes.length]).toEqual([1, 0]);
  tables.release();
  await clock.advance(0);
  await clock.advance(1000);
  expect(tables.writes.map(({ created }) => created.map(({ path }) => path))).toEqual([["/a"], ["/b"]]);
  expect(tables.writes.map(({ position }) => position.zxid)).toEqual([1, 2]);
});

vitestTest(
  "rows that cannot be written fail the store, are not tried again, and do not hold up its close",
  async () => {
    const { store, tables, clock } = await openFixture();
    const states: string[] = [];
    store.onLogState((state) => states.push(JSON.stringify(state)));
    tables.injectFault(new Error("the file is gone"));
    await store.submit(create("/a"));
    await clock.advance(writeDelayMs);
    expect(states).toEqual([JSON.stringify({ state: "failed", cause: "the file is gone" })]);
    await store.submit(create("/b"));
    await clock.advance(10_000);
    await store.close();
    expect([tables.attempts, tables.writes.length]).toEqual([1, 0]);
  },
);

test("the floor of the history goes with the next write, at the latest when the store is closed", async ({
  fixture,
}) => {
  const { store, clock, tables } = fixture;
  await store.submit(create("/a"));
  store.trimHistory(1);
  await clock.advance(writeDelayMs);
  expect(lastWrite(fixture).position.historyFloorZxid).toBe(1);
  store.trimHistory(2);
  await store.close();
  expect(tables.writes.at(-1)?.position.historyFloorZxid).toBe(2);
});

test("a close writes what is left, and nothing is written after it", async ({ fixture }) => {
  const { store, tables, clock } = fixture;
  await store.submit(create("/a"));
  await store.close();
  expect(lastWrite(fixture).created.map(({ path }) => path)).toEqual(["/a"]);
  const { attempts } = tables;
  await clock.advance(10_000);
  expect(tables.attempts).toBe(attempts);
});

test("after a close nothing is written, even when the last entry changed nothing", async ({ fixture }) => {
  const { store, tables, clock } = fixture;
  await refusal(store.submit({ type: "delete", path: "/missing" }));
  await store.close();
  const { attempts } = tables;
  await clock.advance(10_000);
  expect(tables.attempts).toBe(attempts);
});

vitestTest(
  "whatever is done, the rows make the state of their position, and its digest [L3, N13]",
  async () => {
    const round = fc.array(anyCommand, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(round, { maxLength: 6 }), async (rounds) => {
        const fixture = await openFixture();
        const { store, state, clock } = fixture;
        for (const commands of rounds) {
          const submitted = commands.map((command) => store.submit(resolved(command, state.tree)));
          await Promise.allSettled(submitted);
          await clock.advance(writeDelayMs);
          expectSame(fixture);
        }
        await store.close();
      }),
      { numRuns: 60 },
    );
  },
);
