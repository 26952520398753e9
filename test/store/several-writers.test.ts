// The store on a log that others write to as well, and that may be out of reach: how it catches up, what it knows of what
// was answered elsewhere, and what it does while nobody answers for the log.

import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits, type Limits } from "../../src/core/limits.ts";
import { restoreOf } from "../../src/core/restore-commands.ts";
import { State } from "../../src/core/state.ts";
import { encodeBatch } from "../../src/store/codec.ts";
import type { LogState } from "../../src/store/commit-log.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { Store } from "../../src/store/store.ts";
import type { Position, Tables } from "../../src/store/tables.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, plain, refusal } from "../support/keeper.ts";
import { RecordingTables } from "./recording-tables.ts";

const limits = { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 64 * 1024 * 1024 };

interface Options {
  readonly clock?: Clock;
  readonly isShared?: boolean;
  readonly tables?: Tables;
  readonly limits?: Partial<Limits>;
  readonly entryBytesMax?: number;
  readonly epoch?: string;
}

/** Not started yet. */
function storeOn(entries: MemoryEntries, writer: string, options: Options = {}) {
  const { clock = new FakeClock(), isShared = true, tables, entryBytesMax = 16_777_216 } = options;
  const log = new MemoryLog(writer, entries, { isShared, entryBytesMax });
  const state = State.fresh();
  const store = new Store({
    state,
    position: { appliedLsn: 0, historyFloorZxid: 0 },
    ...{ log, clock, ...(tables !== undefined && { tables }) },
    ...(options.epoch !== undefined && { epoch: options.epoch }),
    limits: { ...limits, ...options.limits },
  });
  return { log, store, state, clock };
}

async function openOn(entries: MemoryEntries, writer: string, options: Options = {}) {
  const parts = storeOn(entries, writer, options);
  await parts.store.start();
  return parts;
}

function create(path: string): Command & { type: "create" } {
  return { type: "create", path, data: bytes(""), mode: plain };
}

function body(...paths: string[]): Uint8Array {
  return encodeBatch({ timeMs: 1, ranMs: 1, commands: paths.map(create) });
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
}

/** A clock by which everything takes long. */
class SlowClock extends FakeClock {
  #looks = 0;

  override monotonicMs(): number {
    this.#looks += 1;
    return 3 * this.#looks;
  }
}

test("a server that catches up with a long log lets others have their turn all the while", async () => {
  const entries = new MemoryEntries();
  for (let seq = 1; seq <= 500; seq += 1) entries.add("other", seq, body(`/${seq}`));
  const { store } = storeOn(entries, "this", { clock: new SlowClock() });
  let turns = 0;
  let isOver = false;
  const starting = store.start().then(() => {
    isOver = true;
  });
  const seen: number[] = [];
  while (!isOver) {
    await setImmediate();
    turns += 1;
    seen.push(store.zxid);
  }
  await starting;
  expect(store.zxid).toBe(500);
  expect(turns).toBeGreaterThan(100);
  const steps = seen.map((zxid, index) => zxid - (seen[index - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThan(10);
  await store.close();
});

test("two stores on one log do the same, whoever wrote it", async () => {
  const entries = new MemoryEntries();
  const [one, two] = [await openOn(entries, "one"), await openOn(entries, "two")];
  await Promise.all([one.store.submit(create("/a")), one.store.submit(create("/b"))]);
  two.log.resume();
  await two.store.atLeast(2);
  await two.store.submit(create("/c"));
  one.log.resume();
  await one.store.atLeast(3);
  expect([...one.state.tree.childNames("/")]).toEqual(["a", "b", "c"]);
  expect(Digest.of(two.state).toString()).toBe(Digest.of(one.state).toString());
  await Promise.all([one.store.close(), two.store.close()]);
});

test("a restore is the same for all on one log, and who has written nothing yet begins an epoch behind it", async () => {
  const entries = new MemoryEntries();
  const [one, two] = [
    await openOn(entries, "one", { epoch: "c1" }),
    await openOn(entries, "two", { epoch: "c2" }),
  ];
  await one.store.submit(create("/a"));
  await one.store.submit(restoreOf({ id: "ab", zxidsAhead: 1000, sequencesAhead: 10 }));
  two.log.resume();
  await two.store.atLeast(1001);
  await two.store.submit(create("/b"));
  one.log.resume();
  await one.store.atLeast(1002);
  await one.store.submit(create("/c"));
  two.log.resume();
  await two.store.atLeast(1003);
  for (const { state } of [one, two]) {
    expect([...state.epochs].map(({ id, firstZxid }) => [id, firstZxid])).toEqual([
      ["c1", 1],
      ["ab", 2],
      ["c2", 1002],
    ]);
    expect(checkState(state)).toEqual([]);
  }
  expect(Digest.of(two.state).toString()).toBe(Digest.of(one.state).toString());
  await Promise.all([one.store.close(), two.store.close()]);
});

test("who waits for a zxid has it when its transaction is done and told, and not before", async () => {
  const entries = new MemoryEntries();
  const { store, log } = await openOn(entries, "this");
  const course: string[] = [];
  store.onApplied((applied) => course.push(...applied.map(({ txn }) => `told ${txn.zxid}`)));
  const waits = [2, 1, 3].map((zxid) => store.atLeast(zxid).then(() => course.push(`reached ${zxid}`)));
  await store.atLeast(0);
  entries.add("other", 1, body("/a", "/b"));
  log.resume();
  await Promise.all(waits.slice(0, 2));
  expect(course).toEqual(["told 1", "told 2", "reached 2", "reached 1"]);
  entries.add("other", 2, body("/c"));
  log.resume();
  await Promise.all(waits);
  expect(course.slice(4)).toEqual(["told 3", "reached 3"]);
  await store.close();
});

test("a wait for a zxid that does not come ends when its caller has waited enough", async () => {
  const { store } = await openOn(new MemoryEntries(), "this");
  const enough = new AbortController();
  const wait = store.atLeast(1, enough.signal);
  enough.abort(new Error("enough"));
  await expect(wait).rejects.toThrow("enough");
  await expect(store.atLeast(1, enough.signal)).rejects.toThrow("enough");
  await store.submit(create("/a"));
  await store.atLeast(1, enough.signal);
  await store.close();
});

test("sync answers with a state not before that of any write that was answered anywhere", async () => {
  const entries = new MemoryEntries();
  const [one, two] = [await openOn(entries, "one"), await openOn(entries, "two")];
  await one.store.submit(create("/a"));
  expect(two.store.zxid).toBe(0);
  const synced = two.store.sync();
  await settle();
  expect(two.store.zxid).toBe(0);
  two.log.resume();
  expect(await synced).toBe(1);
  await Promise.all([one.store.close(), two.store.close()]);
});

/** The log is asked where it ends, and answers when the test says so. */
function answeredByHand(log: MemoryLog): PromiseWithResolvers<number>[] {
  const questions: PromiseWithResolvers<number>[] = [];
  const tail = () => {
    const question = Promise.withResolvers<number>();
    questions.push(question);
    return question.promise;
  };
  Object.defineProperty(log, "tail", { value: tail });
  return questions;
}

test("all who sync at once share one question to the log, and who comes later asks anew", async () => {
  const { store, log } = await openOn(new MemoryEntries(), "this");
  const questions = answeredByHand(log);
  const early = Promise.all([store.sync(), store.sync(), store.sync()]);
  await settle();
  expect(questions).toHaveLength(1);
  // The question under way may have been answered before the next one came.
  const late: Promise<number>[] = [];
  let lateAnswers = 0;
  for (let turn = 0; turn < 10; turn += 1) {
    late.push(store.sync());
    late.at(-1)?.then(() => {
      lateAnswers += 1;
    });
    await settle();
  }
  expect(questions).toHaveLength(1);
  questions[0]?.resolve(0);
  expect(await early).toEqual([0, 0, 0]);
  await settle();
  expect([questions.length, lateAnswers]).toEqual([2, 0]);
  questions[1]?.resolve(0);
  expect(await Promise.all(late)).toEqual(Array(10).fill(0));
  expect(questions).toHaveLength(2);
  await store.close();
});

test("who has waited enough for the end of the log is told so, and nothing more is asked for him", async () => {
  const { store, log } = await openOn(new MemoryEntries(), "this");
  const questions = answeredByHand(log);
  const enough = new AbortController();
  const syncs = Promise.allSettled([
    store.sync(enough.signal),
    settle().then(() => store.sync(enough.signal)),
  ]);
  const other = store.sync();
  await settle();
  await settle();
  enough.abort(new Error("enough"));
  for (const sync of await syncs)
    expect(sync).toMatchObject({ status: "rejected", reason: { message: "enough" } });
  await expect(store.sync(enough.signal)).rejects.toThrow("enough");
  questions[0]?.resolve(0);
  expect(await other).toBe(0);
  await settle();
  expect(questions).toHaveLength(1);
  const again = store.sync();
  await settle();
  questions[1]?.resolve(0);
  expect(await again).toBe(0);
  await store.close();
});

test("whoever keeps the log may refuse to say where it ends: nobody can say then how it stands", async () => {
  const { store, log } = await openOn(new MemoryEntries(), "this");
  const questions = answeredByHand(log);
  const refused = refusal(store.sync());
  await settle();
  questions[0]?.reject(new Error("The token of the server is unknown."));
  expect(await refused).toBe("suspended");
  const next = store.sync();
  await settle();
  questions[1]?.resolve(0);
  expect(await next).toBe(0);
  await store.close();
});

test("where nobody else writes a sync asks nobody: what was answered is in the state", async () => {
  const { store, log } = await openOn(new MemoryEntries(), "this", { isShared: false });
  Object.defineProperty(log, "tail", { value: () => Promise.reject(new Error("it was asked")) });
  await store.submit(create("/a"));
  expect(await store.sync()).toBe(1);
  await store.close();
});

test("while the log is suspended what was sent waits and what was not is refused; then all goes on", async () => {
  const entries = new MemoryEntries();
  const { store, state, log } = await openOn(entries, "this");
  const states: LogState["state"][] = [];
  store.onLogState(({ state }) => states.push(state));
  log.hold();
  const sent = [store.submit(create("/a"))];
  await settle();
  sent.push(store.submit(create("/b")));
  await settle();
  const waiting = refusal(store.submit(create("/c")));
  log.suspend("no quorum");
  expect(await waiting).toBe("suspended");
  await expect(store.submit({ type: "delete", path: "/a" })).rejects.toMatchObject({
    ...{ code: "suspended", details: { retryAfterSeconds: 1 } },
  });
  await expect(store.sync()).rejects.toMatchObject({ code: "suspended" });
  expect(store.zxid).toBe(0);
  log.resume();
  expect((await Promise.all(sent)).map(({ zxid }) => zxid)).toEqual([1, 2]);
  await store.submit(create("/d"));
  expect([...state.tree.childNames("/")]).toEqual(["a", "b", "d"]);
  expect(states).toEqual(["suspended", "connected"]);
  await store.close();
});

test("a store can be closed while its log is suspended, before and after it began to wait", async () => {
  const { store, log } = await openOn(new MemoryEntries(), "this");
  log.hold();
  void store.submit(create("/a"));
  await settle();
  const closing = store.close();
  log.suspend("no quorum");
  await closing;
  const other = await openOn(new MemoryEntries(), "other");
  other.log.suspend("no quorum");
  await other.store.close();
});

test("entries of a log of its own go once the tables hold them; those of a shared one stay for the others", async () => {
  for (const [isShared, kept] of [
    [false, 0],
    [true, 1],
  ] as const) {
    const entries = new MemoryEntries();
    const clock = new FakeClock();
    const { store } = await openOn(entries, "this", { isShared, clock, tables: new RecordingTables() });
    await store.submit(create("/a"));
    expect(entries.usage().entries).toBe(1);
    await clock.advance(1000);
    expect(entries.usage().entries).toBe(kept);
    await store.close();
  }
});

test("a server that comes when entries are gone starts from rows that cover them, and not from nothing", async () => {
  const entries = new MemoryEntries();
  const [clock, tables] = [new FakeClock(), new RecordingTables()];
  const first = await openOn(entries, "first", { clock, tables });
  await Promise.all(["/a", "/b", "/c"].map((path) => first.store.submit(create(path))));
  await clock.advance(1000);
  const position = tables.writes.at(-1)?.position as Position;
  const { appliedLsn, zxid, digest } = position;
  const state = tables.load();
  await first.log.trim(appliedLsn, { lsn: appliedLsn, zxid, digest });
  await first.store.submit(create("/d"));
  expect(entries.usage().entries).toBe(1);

  const fromNothing = storeOn(entries, "from nothing");
  await expect(fromNothing.store.start()).rejects.toThrow("Log entries from 1 on are missing.");
  expect(fromNothing.store.logState).toMatchObject({ state: "failed" });
  expect(fromNothing.store.zxid).toBe(0);

  const log = new MemoryLog("late", entries, { isShared: true });
  const late = new Store({ state, position, log, clock, limits });
  await late.start();
  expect(Digest.of(state).toString()).toBe(Digest.of(first.state).toString());
  await Promise.all([first.store.close(), late.close()]);
});

test("tables of another cluster are not put beside a log", async () => {
  const { store } = storeOn(new MemoryEntries("ours"), "this", { tables: new RecordingTables("theirs") });
  await expect(store.start()).rejects.toThrow(
    "The tables are those of cluster theirs, and the log is that of cluster ours",
  );
});

test("a log whose entries are smaller than a znode may be is refused at the start", async () => {
  const { store } = storeOn(new MemoryEntries(), "this", { entryBytesMax: 1_048_576 });
  await expect(store.start()).rejects.toThrow(
    "A znode may have 1048576 bytes of data, and an entry of the log takes 1048576",
  );
});
