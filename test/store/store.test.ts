// The store between its callers and the log: what shares an entry, what is refused and when, what is said
// after a fault of the log, and in which order it becomes durable, done, told and answered.

import { expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { defaultLimits, type Limits } from "../../src/core/limits.ts";
import { machineVersion, versionNeeded } from "../../src/core/machine-version.ts";
import { NewerVersionError } from "../../src/core/newer-version-error.ts";
import { systemContext } from "../../src/core/reader.ts";
import { State } from "../../src/core/state.ts";
import { type Batch, decodeBatch, encodeBatch } from "../../src/store/codec.ts";
import type { QueueLimits } from "../../src/store/command-queue.ts";
import type { CommitLog, LogState } from "../../src/store/commit-log.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, ephemeral, type Keeper, plain, refusal, test } from "../support/keeper.ts";

const roomy: QueueLimits = { queueCommandsMax: 10_000, queueBytesMax: 64 * 1024 * 1024 };

interface Parts {
  readonly entries: MemoryEntries;
  readonly log: MemoryLog;
  readonly store: Store;
  readonly state: State;
  readonly clock: FakeClock;
}

async function openStore(
  limits: Partial<QueueLimits & Limits> = {},
  entries = new MemoryEntries(),
  writer = "first",
): Promise<Parts> {
  const clock = new FakeClock();
  const log = new MemoryLog(writer, entries);
  const state = State.fresh();
  const store = new Store({
    state,
    position: { appliedLsn: 0, historyFloorZxid: 0 },
    ...{ log, clock, limits: { ...defaultLimits, ...roomy, ...limits } },
  });
  await store.start();
  return { entries, log, store, state, clock };
}

function create(path: string, data: Uint8Array = bytes("")): Command & { type: "create" } {
  return { type: "create", path, data, mode: plain };
}

function commandCounts(entries: MemoryEntries): number[] {
  return [...entries.from(1)].map(({ body }) => decodeBatch(body).commands.length);
}

/** Whether the promise has settled by the time everything that can happen has happened. */
async function isSettled(promise: Promise<unknown>, clock: FakeClock): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await clock.advance(0);
  return settled;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

test("commands submitted together share one entry, and one time", async () => {
  const { entries, store } = await openStore();
  const commits = await Promise.all(numbers(10).map((index) => store.submit(create(`/${index}`))));
  expect(commandCounts(entries)).toEqual([10]);
  expect(new Set(commits.map(({ outcome }) => outcome.stat.ctimeMs)).size).toBe(1);
  expect(commits.map(({ zxid }) => zxid)).toEqual(numbers(10).map((index) => index + 1));
  await store.close();
});

test("an entry has at most 1000 commands", async () => {
  const { entries, store } = await openStore();
  await Promise.all(numbers(2500).map((index) => store.submit(create(`/${index}`))));
  expect(Math.max(...commandCounts(entries))).toBe(1000);
  expect(commandCounts(entries).reduce((sum, count) => sum + count)).toBe(2500);
  await store.close();
});

test("the first of a large burst are on their way to the disk before the last have come", async () => {
  const { entries, store } = await openStore();
  await Promise.all(numbers(100).map((index) => store.submit(create(`/${index}`))));
  expect(commandCounts(entries)).toEqual([32, 32, 36]);
  await store.close();
});

test("an entry has at most 512 KiB, and a larger command is one by itself", async () => {
  const { entries, store } = await openStore();
  const sizes = [200_000, 200_000, 200_000, 1_048_576, 1, 1];
  const creates = sizes.map((size, index) => store.submit(create(`/${index}`, new Uint8Array(size))));
  await Promise.all(creates);
  expect(commandCounts(entries)).toEqual([2, 1, 1, 2]);
  await store.close();
});

test("what comes while two appends are under way gathers for the next, in its order", async () => {
  const { entries, log, store, clock } = await openStore();
  log.hold();
  const answered: string[] = [];
  const submit = (name: string) => store.submit(create(`/${name}`)).then(() => answered.push(name));
  const writes: Promise<unknown>[] = [];
  for (const names of [["a"], ["b"], ["c", "d"], ["e"]]) {
    writes.push(...names.map(submit));
    await clock.advance(0);
  }
  expect(store.waitingCount).toBe(5);
  log.release();
  await Promise.all(writes);
  expect(commandCounts(entries)).toEqual([1, 1, 3]);
  expect(answered).toEqual(["a", "b", "c", "d", "e"]);
  expect(store.waitingCount).toBe(0);
  await store.close();
});

test("an entry the log was sent twice happens once", async () => {
  const { log, store } = await openStore();
  log.injectFault("sentTwice");
  await store.submit(create("/a"));
  await store.submit(create("/b"));
  expect(store.zxid).toBe(2);
  await store.close();
});

test("what was throttled never happens, and what was not does [L1]", async () => {
  const { entries, store } = await openStore({ queueCommandsMax: 5 });
  const outcomes = await Promise.allSettled(numbers(8).map((index) => store.submit(create(`/${index}`))));
  expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([
    ...[true, true, true, true, true],
    ...[false, false, false],
  ]);
  expect(outcomes[5]).toMatchObject({ reason: { code: "throttled", details: { retryAfterSeconds: 1 } } });
  expect(commandCounts(entries)).toEqual([5]);
  expect([...store.reader(systemContext).childNames("/")]).toEqual(["0", "1", "2", "3", "4"]);
  await store.submit(create("/again"));
  await store.close();
});

test("waiting commands are bounded in bytes too, but a line that is empty takes any [L1]", async () => {
  const { store } = await openStore({ queueBytesMax: 1000 });
  const large = store.submit(create("/large", new Uint8Array(2000)));
  expect(await refusal(store.submit(create("/small")))).toBe("throttled");
  await large;
  await store.submit(create("/small"));
  await store.close();
});

test("a full line lets the end of a session in [L2]", async () => {
  const { store, log } = await openStore({ queueCommandsMax: 1 });
  const sessionId = "0000000000000001";
  await store.submit({ type: "openSession", sessionId, tokenHash: "", timeoutMs: 1000, name: "" });
  await store.submit({ ...create("/e"), mode: ephemeral, sessionId });
  log.hold();
  const writes = [store.submit(create("/a"))];
  const closing = store.submit({ type: "closeSession", sessionId, reason: "session_expired" });
  expect(await refusal(store.submit(create("/b")))).toBe("throttled");
  log.release();
  await Promise.all(writes);
  expect((await closing).outcome.ephemerals).toEqual(["/e"]);
  await store.close();
});

test("what the log did not take is refused, and did not happen", async () => {
  const { log, store, state } = await openStore();
  log.injectFault("notAppended");
  const writes = [store.submit(create("/a")), store.submit(create("/b"))];
  expect(await Promise.all(writes.map(refusal))).toEqual(["read_only", "read_only"]);
  expect([store.zxid, state.tree.size]).toEqual([0, 1]);
  expect(await log.tail()).toBe(0);
});

test("a log without room takes deletions and ends of sessions only, until it has room again", async () => {
  const { log, store } = await openStore();
  const states: LogState["state"][] = [];
  store.onLogState(({ state }) => states.push(state));
  await store.submit(create("/a"));
  log.injectFault("notAppended");
  await refusal(store.submit(create("/b")));
  expect(await refusal(store.submit(create("/c")))).toBe("read_only");
  expect(await refusal(store.submit({ type: "multi", operations: [] }))).toBe("read_only");
  await store.submit({ type: "delete", path: "/a" });
  await store.submit(create("/c"));
  expect(states).toEqual(["read_only", "connected"]);
  expect([...store.reader(systemContext).childNames("/")]).toEqual(["c"]);
  await store.close();
});

test("a log without room still lets everybody out of a barrier [L2]", async () => {
  const { log, store } = await openStore();
  const sessionId = "0000000000000001";
  await store.submit({ type: "openSession", sessionId, tokenHash: "", timeoutMs: 1000, name: "" });
  await store.submit({ type: "enterBarrier", name: "a", count: 1, sessionId });
  log.injectFault("notAppended");
  const enter = { type: "enterBarrier", name: "b", count: 1, sessionId } as const;
  expect(await refusal(store.submit(enter))).toBe("read_only");
  expect(await refusal(store.submit({ type: "addToCounter", name: "a", by: 1 }))).toBe("read_only");
  await store.submit({ type: "leaveBarrier", name: "a", sessionId });
  expect([...store.reader(systemContext).childNames("/barriers/a")]).toEqual([]);
  await store.close();
});

test("a log without room still lets a lock go on to the next [L2]", async () => {
  const { log, store } = await openStore();
  const sessionId = "0000000000000001";
  await store.submit({ type: "openSession", sessionId, tokenHash: "", timeoutMs: 1000, name: "" });
  const claim = { mode: "exclusive", metadata: new Uint8Array(), orElse: "wait", sessionId } as const;
  const { outcome } = await store.submit({ type: "claimLock", name: "a", ...claim });
  log.injectFault("notAppended");
  expect(await refusal(store.submit({ type: "claimLock", name: "b", ...claim }))).toBe("read_only");
  await store.submit({ type: "releaseClaim", name: "a", id: outcome.id, sessionId });
  expect([...store.reader(systemContext).childNames("/locks/a")]).toEqual([]);
  await store.close();
});

test("what makes room is not refused for the company it was sent in [L2]", async () => {
  const { log, store } = await openStore();
  await store.submit(create("/a"));
  log.injectFault("notAppended");
  const refused = refusal(store.submit(create("/b")));
  const deleted = store.submit({ type: "delete", path: "/a" });
  expect([await refused, (await deleted).zxid]).toEqual(["read_only", 2]);
  expect([...store.reader(systemContext).childNames("/")]).toEqual([]);
  await store.close();
});

test("deletions that find no room at their second try are refused", async () => {
  const { log, store } = await openStore();
  await store.submit(create("/a"));
  log.injectFault("notAppended");
  log.injectFault("notAppended");
  expect(await refusal(store.submit({ type: "delete", path: "/a" }))).toBe("read_only");
  await store.close();
});

test.for([
  ["unknownButPresent", ["a", "b", "c", "later"]],
  ["unknownAndAbsent", ["a", "later"]],
] as const)(
  "after an append that %s nothing is answered, and a restart finds all of it or nothing [G2, G8]",
  async ([fault, found]) => {
    const { entries, log, store, clock } = await openStore();
    const told: number[] = [];
    store.onApplied((applied) => told.push(...applied.map(({ txn }) => txn.zxid)));
    await store.submit(create("/a"));
    log.injectFault(fault);
    const unknown = store.submit({ type: "multi", operations: [create("/b"), create("/c")] });
    expect(await isSettled(unknown, clock)).toBe(false);
    expect(store.logState.state).toBe("failed");
    expect([store.zxid, ...told]).toEqual([1, 1]);
    const restarted = await openStore({}, entries, "second");
    await restarted.store.submit(create("/later"));
    expect([...restarted.store.reader(systemContext).childNames("/")]).toEqual([...found]);
    expect(checkState(restarted.state)).toEqual([]);
    await restarted.store.close();
  },
);

test("after an unknown outcome the failure is final, and nothing more is done", async () => {
  const { log, store, clock } = await openStore();
  const states: LogState["state"][] = [];
  const done: string[] = [];
  store.onLogState(({ state }) => states.push(state));
  const submit = (path: string) =>
    store.submit(create(path)).then(
      () => done.push(path),
      () => undefined,
    );
  log.injectFault("unknownButPresent");
  for (const path of ["/a", "/b", "/c"]) {
    void submit(path);
    await clock.advance(0);
  }
  expect([store.zxid, ...done]).toEqual([0]);
  expect(states).toEqual(["failed"]);
  await store.close();
  expect([store.zxid, ...done]).toEqual([0]);
});

test("a close that waits for an answer ends when its outcome is unknown", async () => {
  const { log, store, clock } = await openStore();
  log.hold();
  log.injectFault("unknownAndAbsent");
  void store.submit(create("/a"));
  await clock.advance(0);
  const closing = store.close();
  log.release();
  await closing;
  expect(store.logState.state).toBe("failed");
});

test("an entry the log did not take leaves the one behind it alone", async () => {
  const { log, store, clock } = await openStore();
  log.hold();
  log.injectFault("notAppended");
  const first = refusal(store.submit(create("/a")));
  await clock.advance(0);
  const second = store.submit(create("/b"));
  await clock.advance(0);
  log.release();
  expect(await first).toBe("read_only");
  expect((await second).zxid).toBe(1);
  expect([...store.reader(systemContext).childNames("/")]).toEqual(["b"]);
  await store.close();
});

test("nothing is seen, told or answered before it is durable [W23, G4]", async () => {
  const { log, store, clock, state } = await openStore();
  const told: number[] = [];
  store.onApplied((applied) => told.push(applied.length));
  log.hold();
  const write = store.submit(create("/a"));
  expect(await isSettled(write, clock)).toBe(false);
  expect([store.zxid, state.tree.size, told]).toEqual([0, 1, []]);
  log.release();
  await write;
  expect([store.zxid, state.tree.size, told]).toEqual([1, 2, [1]]);
  await store.close();
});

test("watchers are told before anybody is answered, when the state has the whole entry [W18, W23]", async ({
  keeper,
}) => {
  const course: string[] = [];
  keeper.store.onApplied((applied) => {
    for (const { txn } of applied) course.push(`told ${txn.zxid} at ${keeper.store.zxid}`);
  });
  const writes = ["/a", "/b"].map(async (path) =>
    course.push(`answered ${(await keeper.create(path)).path}`),
  );
  writes.push(refusal(keeper.create("/a")).then((code) => course.push(`refused ${code}`)));
  await Promise.all(writes);
  expect(course).toEqual([
    ...["told 1 at 2", "told 2 at 2"],
    ...["answered /a", "answered /b", "refused node_exists"],
  ]);
});

test("transactions are told in zxid order, over many entries [W19]", async ({ keeper }) => {
  const writes: Promise<unknown>[] = [];
  for (const round of numbers(20)) {
    writes.push(...numbers(round).map((index) => keeper.create(`/${round}-${index}`)));
    if (round % 3 === 0) await keeper.clock.advance(0);
  }
  await Promise.all(writes);
  expect(keeper.applied.map(({ txn }) => txn.zxid)).toEqual(numbers(190).map((index) => index + 1));
});

test("who stops listening is told no more", async ({ keeper }) => {
  const told: number[] = [];
  const stop = keeper.store.onApplied((applied) => told.push(applied.length));
  await keeper.create("/a");
  stop();
  await keeper.create("/b");
  expect(told).toEqual([1]);
});

test("a close lets accepted commands finish, and takes no more", async () => {
  const { log, store, clock, entries } = await openStore();
  log.hold();
  const writes = ["/a", "/b"].map((path) => store.submit(create(path)));
  await clock.advance(0);
  writes.push(store.submit(create("/c")));
  const closing = store.close();
  expect(await refusal(store.submit(create("/d")))).toBe("stopping");
  expect(await isSettled(closing, clock)).toBe(false);
  log.release();
  await closing;
  expect((await Promise.all(writes)).map(({ outcome }) => outcome.path)).toEqual(["/a", "/b", "/c"]);
  expect(commandCounts(entries)).toEqual([2, 1]);
});

test("a close in the moment of a write lets it finish", async () => {
  const { store } = await openStore();
  const write = store.submit(create("/a"));
  await store.close();
  expect((await write).zxid).toBe(1);
});

test("a restart replays the log: the same tree, sessions and next numbers [N13, L3]", async () => {
  const { entries, store, state } = await openStore();
  const sessionId = "0000000000000001";
  await store.submit({ type: "openSession", sessionId, tokenHash: "h", timeoutMs: 1000, name: "worker" });
  await store.submit({ ...create("/e", bytes("x")), mode: ephemeral, sessionId });
  await store.submit(create("/large", new Uint8Array(defaultLimits.dataBytesMax).fill(7)));
  await refusal(store.submit(create("/e")));
  await store.close();
  const { store: again, state: restarted } = await openStore({}, entries, "second");
  expect(restarted.zxid).toBe(store.zxid);
  expect([...restarted.tree.values()]).toEqual([...state.tree.values()]);
  expect([...restarted.sessions()]).toEqual([...state.sessions()]);
  expect([...restarted.ephemeralsOf(sessionId)]).toEqual(["/e"]);
  await again.close();
});

test("a malformed command reaches neither the log nor the line", async ({ keeper }) => {
  expect(await refusal(keeper.create("/a/"))).toBe("bad_path");
  expect(keeper.store.waitingCount).toBe(0);
  expect(await tailOf(keeper)).toBe(0);
});

test("a refused command is in the log, and refused again by a replay", async ({ keeper }) => {
  await keeper.create("/a");
  expect(await refusal(keeper.create("/a"))).toBe("node_exists");
  expect([await tailOf(keeper), keeper.store.zxid]).toEqual([2, 1]);
});

function tailOf(keeper: Keeper): Promise<number> {
  return keeper.log.tail();
}

test("commands submitted as one share an entry, and each has its own answer, in their order [R1]", async () => {
  const { entries, store } = await openStore();
  const answers = await store.submitAll([create("/a"), create("/a"), create("/a/b"), create("no slash")]);
  expect(commandCounts(entries)).toEqual([3]);
  expect(
    answers.map((answer) => (answer.status === "fulfilled" ? answer.value.zxid : answer.reason.code)),
  ).toEqual([...[1, "node_exists", 2, "bad_path"]]);
  expect(await store.submitAll([])).toEqual([]);
  await store.close();
});

test("thousands submitted as one fill entries in their order", async () => {
  const { entries, store } = await openStore();
  const answers = await store.submitAll(numbers(2500).map((index) => create(`/${index}`)));
  expect(commandCounts(entries)).toEqual([1000, 1000, 500]);
  const zxids = answers.map((answer) => (answer.status === "fulfilled" ? answer.value.zxid : answer.reason));
  expect(zxids).toEqual(numbers(2500).map((index) => index + 1));
  await store.close();
});

test("of commands submitted as one, those that find the line full are throttled each by itself [L1]", async () => {
  const { store, log } = await openStore({ queueCommandsMax: 5 });
  log.hold();
  const answers = store.submitAll(numbers(8).map((index) => create(`/${index}`)));
  log.release();
  const codes = (await answers).map((answer) => (answer.status === "rejected" ? answer.reason.code : "done"));
  expect(codes).toEqual([...Array(5).fill("done"), ...Array(3).fill("throttled")]);
  expect([...store.reader(systemContext).childNames("/")]).toEqual(["0", "1", "2", "3", "4"]);
  await store.close();
});

test("commands submitted as one to a store that is closing are all refused at once", async () => {
  const { store } = await openStore();
  await store.close();
  const answers = await store.submitAll([create("/a"), create("/b")]);
  expect(answers).toMatchObject([{ reason: { code: "stopping" } }, { reason: { code: "stopping" } }]);
});

test("a write that is too long for the log is refused as such, and the log goes on taking others", async () => {
  const { store, log } = await openStore();
  const operations = numbers(17).map((index) => create(`/${index}`, new Uint8Array(1_048_576)));
  await expect(store.submit({ type: "multi", operations })).rejects.toMatchObject({
    code: "too_large",
    details: { limit: "entryBytesMax", limitValue: log.info.entryBytesMax },
  });
  expect(store.logState.state).toBe("connected");
  await store.submit(create("/small"));
  expect([...store.reader(systemContext).childNames("/")]).toEqual(["small"]);
  await store.close();
});

test("what would make an entry too long together is appended in parts, and all of it is done", async () => {
  const { store, log } = await openStore();
  Object.defineProperty(log, "info", { value: { ...log.info, entryBytesMax: 2000 } });
  const paths = Array.from({ length: 30 }, (_, index) => `/n${index}`);
  const answers = await store.submitAll(paths.map((path) => create(path, new Uint8Array(100))));
  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => "fulfilled"));
  expect(store.reader(systemContext).get("/")?.numChildren).toBe(30);
  await store.close();
});

test("what breaks between deciding and telling ends the store: nobody is answered, and a replay has it all", async () => {
  const { store, entries, clock } = await openStore();
  await store.submit(create("/a"));
  store.onApplied(() => {
    throw new Error("a listener has a bug");
  });
  const states: LogState[] = [];
  store.onLogState((state) => states.push(state));
  const write = store.submit(create("/b"));
  expect(await isSettled(write, clock)).toBe(false);
  expect(states.map(({ state }) => state)).toEqual(["failed"]);
  expect(states[0]).toMatchObject({ cause: expect.stringContaining("a listener has a bug") });
  const later = store.submit(create("/c"));
  expect(await isSettled(later, clock)).toBe(false);
  expect(store.reader(systemContext).get("/c")).toBeUndefined();
  await store.close();
  const restarted = await openStore({}, entries, "second");
  expect([...restarted.store.reader(systemContext).childNames("/")].slice(0, 2)).toEqual(["a", "b"]);
  await restarted.store.close();
});

test("an entry that no start can do stops the start, and says which it is and what to do", async () => {
  const entries = new MemoryEntries();
  entries.add("older", 1, encodeBatch({ timeMs: 1, commands: [create("/a")] }));
  const broken = { type: "create", path: "/c" } as unknown as Command;
  entries.add("newer", 1, encodeBatch({ timeMs: 1, commands: [create("/b"), broken] }));
  const opening = openStore({}, entries, "this");
  await expect(opening).rejects.toThrow(/entry 2 of the log .*command 2, create \/c.*keep a copy/s);
});

const unknown = { type: "appendData", path: "/a" } as unknown as Command;
const entriesOfLaterVersions: readonly (readonly [string, Batch])[] = [
  ["has a command of a later version", { timeMs: 1, commands: [create("/b"), unknown] }],
  ["takes a later version", { timeMs: 1, commands: [create("/b")], version: machineVersion + 1 }],
];

test.for(entriesOfLaterVersions)(
  "an entry that %s stops the start, which says what to do [L3]",
  async ([, batch]) => {
    const entries = new MemoryEntries();
    entries.add("newer", 1, encodeBatch(batch));
    const opening = openStore({}, entries, "this");
    await expect(opening).rejects.toThrow(NewerVersionError);
    await expect(opening).rejects.toThrow(/^a later version wrote .*: start that version/);
  },
);

test.for(entriesOfLaterVersions)(
  "an entry that %s ends a store that follows it, before any of it is done",
  async ([, batch]) => {
    const { store, entries, clock } = await openStore();
    await store.submit(create("/a"));
    entries.add("newer", 1, encodeBatch(batch));
    expect(await isSettled(store.submit(create("/c")), clock)).toBe(false);
    expect(store.logState).toMatchObject({ state: "failed", error: expect.any(NewerVersionError) });
    expect([...store.reader(systemContext).childNames("/")]).toEqual(["a"]);
    await store.close();
  },
);

test("a log hears which entry the tables are as of before it is asked where it ends", async () => {
  const log: CommitLog = new MemoryLog("first", new MemoryEntries());
  const asked: unknown[] = [];
  const { follow, tail } = log;
  log.follow = (after, onEntries, entryName) => {
    asked.push([after, entryName]);
    follow.call(log, after, onEntries);
  };
  log.tail = () => {
    asked.push("tail");
    return tail.call(log);
  };
  const position = { appliedLsn: 0, historyFloorZxid: 0, entryName: "writer/1" };
  const limits = { ...defaultLimits, ...roomy };
  const store = new Store({ state: State.fresh(), position, log, clock: new FakeClock(), limits });
  await store.start();
  expect(asked).toEqual([[0, "writer/1"], "tail"]);
  await store.close();
});

test("each entry says which version of the evaluation it takes", async () => {
  const { store, entries } = await openStore();
  await store.submit(create("/a"));
  const versions = [...entries.from(1)].map(({ body }) => decodeBatch(body).version);
  expect(versions).toEqual([versionNeeded([create("/a")])]);
  await store.close();
});
