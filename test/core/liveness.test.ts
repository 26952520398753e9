// Who is alive, as the log has it: touches and the register of the housekeeper take no zxid, nobody is told of them, and
// what is decided by them is decided by the order of the log alone.

import { expect, test as vitestTest } from "vitest";
import { Digest } from "../../src/core/digest.ts";
import { execute } from "../../src/core/execute.ts";
import { machineVersion } from "../../src/core/machine-version.ts";
import { State } from "../../src/core/state.ts";
import type { Note } from "../../src/core/txn.ts";
import { encodeBatch } from "../../src/store/codec.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, ephemeral, Keeper, plain, refusal, test } from "../support/keeper.ts";

function touchedAt({ state }: Keeper, sessionId: string): number | undefined {
  return state.session(sessionId)?.touchedAt;
}

async function touch(keeper: Keeper, ...sessionIds: string[]): Promise<readonly string[]> {
  return (await keeper.store.submit({ type: "touchSessions", sessionIds })).outcome.gone;
}

function expire(keeper: Keeper, sessionId: string, ifTouchedAt: number) {
  const reason = "session_expired";
  return keeper.store.submit({ type: "closeSession", sessionId, reason, ifTouchedAt });
}

async function keepHouse(keeper: Keeper, server: string, ifTerm: number): Promise<boolean> {
  return (await keeper.store.submit({ type: "claimHousekeeping", server, ifTerm })).outcome.isClaimed;
}

test("a touch is in the state with the place it has in the log, and takes no zxid and tells nobody", async ({
  keeper,
}) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  expect([touchedAt(keeper, one), touchedAt(keeper, two)]).toEqual([undefined, undefined]);
  const { zxid } = keeper.store;
  const toldCount = keeper.applied.length;
  expect(await touch(keeper, one)).toEqual([]);
  expect([touchedAt(keeper, one), touchedAt(keeper, two)]).toEqual([3, undefined]);
  expect(await touch(keeper, two, one, two)).toEqual([]);
  expect([touchedAt(keeper, one), touchedAt(keeper, two)]).toEqual([4, 4]);
  expect([keeper.store.zxid, keeper.applied.length]).toEqual([zxid, toldCount]);
});

test("a touch says which of the sessions had ended before it, and touches the others", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  await keeper.closeSession(one);
  expect(await touch(keeper, one, two, "00000000000000ff")).toEqual([one, "00000000000000ff"]);
  expect(touchedAt(keeper, two)).toBe(4);
});

test("a session that was touched since does not end, and one that was not does, with all it owns", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/e", ephemeral, "", { sessionId });
  await touch(keeper, sessionId);
  const { zxid } = keeper.store;
  expect((await expire(keeper, sessionId, 0)).outcome).toEqual({ ephemerals: [], isTouched: true });
  expect([keeper.store.zxid, keeper.exists("/e")]).toEqual([zxid, true]);
  expect((await expire(keeper, sessionId, 3)).outcome).toEqual({ ephemerals: ["/e"] });
  expect(keeper.exists("/e")).toBe(false);
  expect(await refusal(expire(keeper, sessionId, 3))).toBe("session_expired");
});

test("a touch that is ordered before the end of a session prevents it, also within one entry", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const [, ended] = await Promise.all([touch(keeper, sessionId), expire(keeper, sessionId, 0)]);
  expect(ended.outcome.isTouched).toBe(true);
  const last = touchedAt(keeper, sessionId) as number;
  const [closed, gone] = await Promise.all([expire(keeper, sessionId, last), touch(keeper, sessionId)]);
  expect([closed.outcome.isTouched, gone]).toEqual([undefined, [sessionId]]);
});

test("of two who want to keep house in one term the first in the log does, and the other learns who", async ({
  keeper,
}) => {
  const claims = [keepHouse(keeper, "a", 0), keepHouse(keeper, "b", 0)];
  expect(await Promise.all(claims)).toEqual([true, false]);
  expect(keeper.state.housekeeper).toEqual({ server: "a", term: 1, touchedAt: 1 });
  expect(await keepHouse(keeper, "a", 1)).toBe(true);
  expect(keeper.state.housekeeper).toEqual({ server: "a", term: 1, touchedAt: 2 });
  expect(await keepHouse(keeper, "b", 1)).toBe(true);
  expect(keeper.state.housekeeper).toEqual({ server: "b", term: 2, touchedAt: 3 });
  expect(await keepHouse(keeper, "a", 1)).toBe(false);
  expect(keeper.store.zxid).toBe(0);
});

test("servers hear of what was noted once the state has it, in the order of the log", async ({ keeper }) => {
  const heard: Note[] = [];
  keeper.store.onNoted((notes) => {
    heard.push(...notes);
    expect(keeper.state.housekeeper.term).toBe(1);
  });
  const sessionId = await keeper.openSession();
  await Promise.all([touch(keeper, sessionId), keepHouse(keeper, "a", 0)]);
  expect(heard.map(({ type }) => type)).toEqual(["sessionTouched", "housekeeperChanged"]);
});

vitestTest("the digest follows what is noted", () => {
  const state = State.fresh();
  const open = { tokenHash: "h", timeoutMs: 1, name: "" };
  const digests = new Set([Digest.of(state).toString()]);
  const steps = [
    { type: "openSession", sessionId: "s", ...open },
    { type: "touchSessions", sessionIds: ["s"] },
    { type: "touchSessions", sessionIds: ["s"] },
    { type: "claimHousekeeping", server: "a", ifTerm: 0 },
    { type: "claimHousekeeping", server: "a", ifTerm: 1 },
  ] as const;
  for (const [lsn, step] of steps.entries()) {
    execute(state, step, { timeMs: 1, lsn: lsn + 1 });
    digests.add(Digest.of(state).toString());
  }
  expect(digests.size).toBe(steps.length + 1);
});

async function timesOf(versions: readonly (number | undefined)[], wallMs: readonly number[]) {
  const entries = new MemoryEntries();
  for (const [index, timeMs] of wallMs.entries()) {
    const create = { type: "create", path: `/${index}`, data: bytes(""), mode: plain } as const;
    entries.add("w", index + 1, encodeBatch({ timeMs, commands: [create], version: versions[index] }));
  }
  const keeper = new Keeper(new FakeClock(), new MemoryLog("later", entries));
  await keeper.store.start();
  const times = wallMs.map((_, index) => keeper.stat(`/${index}`).ctimeMs);
  await keeper.store.close();
  return times;
}

vitestTest(
  "the wall clock of the log does not go back where a server's is behind another's [S9]",
  async () => {
    const now = machineVersion;
    expect(await timesOf([now, now, now, now], [50, 20, 60, 59])).toEqual([50, 50, 60, 60]);
  },
);

vitestTest("entries of versions that let it go back are replayed as they were done", async () => {
  expect(await timesOf([undefined, undefined, 6], [50, 20, 10])).toEqual([50, 20, 10]);
  expect(await timesOf([6, machineVersion, 6, machineVersion], [50, 20, 10, 15])).toEqual([50, 20, 10, 20]);
});

test("a server whose clock is set back goes on from where the log is", async ({ keeper }) => {
  await keeper.create("/a");
  keeper.clock.jumpWallClock(-60_000);
  await keeper.create("/b");
  expect(keeper.stat("/b").ctimeMs).toBe(keeper.stat("/a").ctimeMs);
});
