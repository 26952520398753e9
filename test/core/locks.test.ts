// Claims as the state machine decides them: one transaction each, ordinary znodes, and nothing done when refused.

import { expect } from "vitest";
import type { ClaimLock } from "../../src/core/coordination/coordination-command.ts";
import {
  bytes,
  ephemeralSequential,
  type Keeper,
  plain,
  refusal,
  sequential,
  test,
} from "../support/keeper.ts";

const lock = "/locks/a";

async function claim(keeper: Keeper, sessionId: string, asked: Partial<ClaimLock> = {}) {
  const commit = await keeper.store.submit({
    ...{ type: "claimLock", name: "a", mode: "exclusive", metadata: bytes(""), orElse: "wait", sessionId },
    ...asked,
  } as ClaimLock);
  return { ...commit.outcome, zxid: commit.zxid };
}

function release(keeper: Keeper, id: string, sessionId: string) {
  return keeper.store.submit({ type: "releaseClaim", name: "a", id, sessionId });
}

function holders(keeper: Keeper): string[] {
  return (
    keeper.state.claims
      .queue(lock)
      ?.holders()
      .map(({ id }) => id) ?? []
  );
}

test("a claim makes the lock and its parents in its own transaction, and is an ephemeral of its session", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const { id, path, fence, zxid } = await claim(keeper, sessionId, { metadata: bytes('{"host":"h"}') });
  expect({ id, path, fence }).toEqual({ id: "x-0000000000", path: `${lock}/x-0000000000`, fence: zxid });
  expect(keeper.stat(path)).toMatchObject({ ephemeralOwner: sessionId, sequence: 0, czxid: zxid });
  expect(keeper.stat("/locks").czxid).toBe(zxid);
  expect(keeper.data(path)).toBe('{"host":"h"}');
  expect(keeper.applied.at(-1)?.message?.events.map(({ type, path: at }) => `${type} ${at}`)).toEqual([
    "created /locks",
    "created /locks/a",
    `created ${path}`,
  ]);
  expect(keeper.applied.at(-1)?.txn.cause).toBe("request");
});

test("claims hold in the order they came, and fences grow along it", async ({ keeper }) => {
  const sessions = [await keeper.openSession(), await keeper.openSession(), await keeper.openSession()];
  const claims: { id: string; fence: number }[] = [];
  for (const sessionId of sessions) claims.push(await claim(keeper, sessionId));
  expect(claims.map(({ fence }) => fence)).toEqual(
    claims.map(({ fence }) => fence).toSorted((a, b) => a - b),
  );
  for (const [index, { id }] of claims.entries()) {
    expect(holders(keeper)).toEqual([id]);
    await release(keeper, id, sessions[index] as string);
  }
  expect(holders(keeper)).toEqual([]);
});

test("a session that claims again gets its claim back unchanged, and no transaction", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  const [first, second] = [await claim(keeper, one), await claim(keeper, two, { metadata: bytes("1") })];
  const { zxid } = keeper.store;
  for (const orElse of ["wait", "refuse"] as const) {
    expect((await claim(keeper, one, { orElse })).id).toBe(first.id);
    expect((await claim(keeper, two, { orElse, metadata: bytes("2") })).id).toBe(second.id);
  }
  expect(keeper.store.zxid).toBe(zxid);
  expect(keeper.data(second.path)).toBe("1");
  expect(await refusal(claim(keeper, one, { mode: "shared" }))).toBe("mode_differs");
});

test("a claim that is not to wait takes no place, and the refusal says who holds", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  const { id } = await claim(keeper, one, { metadata: bytes('"h"') });
  const { zxid } = keeper.store;
  await expect(claim(keeper, two, { orElse: "refuse" })).rejects.toMatchObject({
    code: "lock_held",
    details: { path: lock, holder: { id, session: one, metadata: "h", fence: zxid } },
  });
  expect(keeper.store.zxid).toBe(zxid);
  expect(keeper.children(lock)).toEqual([id]);
});

test("a reader that is not to wait holds beside readers, and not behind a waiting writer", async ({
  keeper,
}) => {
  const [one, two, three] = [
    await keeper.openSession(),
    await keeper.openSession(),
    await keeper.openSession(),
  ];
  await claim(keeper, one, { mode: "shared", orElse: "refuse" });
  await claim(keeper, two, { mode: "shared", orElse: "refuse" });
  expect(holders(keeper)).toHaveLength(2);
  await claim(keeper, three, { orElse: "wait" });
  const four = await keeper.openSession();
  expect(await refusal(claim(keeper, four, { mode: "shared", orElse: "refuse" }))).toBe("lock_held");
});

test("permits are given to a lock without claims, and must agree while it has some", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  await claim(keeper, one, { permits: 2 });
  expect(keeper.data(lock)).toBe('{"permits":2,"lockDelayMs":0}');
  expect(await refusal(claim(keeper, two, { permits: 3 }))).toBe("permits_differ");
  expect(await refusal(claim(keeper, two, { mode: "shared" }))).toBe("permits_differ");
  expect(await refusal(claim(keeper, two, { mode: "shared", permits: 2 }))).toBe("bad_request");
  expect(await refusal(keeper.store.submit({ type: "configureLock", name: "a", permits: 1 }))).toBe(
    "permits_differ",
  );
  await claim(keeper, two);
  expect(holders(keeper)).toHaveLength(2);
  const three = await keeper.openSession();
  expect(await refusal(claim(keeper, three, { orElse: "refuse", permits: 2 }))).toBe("lock_held");
});

test("a claim is released by its own session or by force, and by nobody else", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  const { id } = await claim(keeper, one);
  expect(await refusal(release(keeper, id, two))).toBe("not_holder");
  expect(await refusal(keeper.store.submit({ type: "releaseClaim", name: "a", id }))).toBe(
    "session_required",
  );
  expect(holders(keeper)).toEqual([id]);
  const forced = await keeper.store.submit({ type: "releaseClaim", name: "a", id, force: true });
  expect(forced.outcome).toEqual({ owner: one });
  expect(holders(keeper)).toEqual([]);
});

test("a release of what is gone is done already, of what never was it is refused", async ({ keeper }) => {
  const one = await keeper.openSession();
  expect(await refusal(release(keeper, "x-0000000000", one))).toBe("no_claim");
  const { id } = await claim(keeper, one);
  await release(keeper, id, one);
  const { zxid } = keeper.store;
  expect((await release(keeper, id, one)).outcome).toEqual({});
  expect(keeper.store.zxid).toBe(zxid);
  expect(await refusal(release(keeper, "x-0000000001", one))).toBe("no_claim");
});

test("claims go with their session, in its one transaction", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  const first = await claim(keeper, one);
  const second = await claim(keeper, two);
  expect(await keeper.closeSession(one)).toEqual([first.path]);
  expect(holders(keeper)).toEqual([second.id]);
  expect(await refusal(claim(keeper, one))).toBe("session_expired");
});

test("a znode made by hand stands in the queue as any claim does, and one without a number does not", async ({
  keeper,
}) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  await keeper.create("/locks");
  await keeper.create(lock);
  await keeper.create(`${lock}/notes`, plain);
  const byHand = await keeper.create(`${lock}/lock-`, ephemeralSequential, "", { sessionId: one });
  const { id } = await claim(keeper, two);
  expect(holders(keeper)).toEqual(["lock-0000000001"]);
  await keeper.delete(byHand.path);
  expect(holders(keeper)).toEqual([id]);
  expect((await claim(keeper, two)).id).toBe(id);
  await keeper.create(`${lock}/lock-`, sequential);
  await release(keeper, id, two);
  expect(holders(keeper)).toEqual(["lock-0000000003"]);
});

test("a lock delay begins when a holder's session expires, and at no other end of a claim", async ({
  keeper,
}) => {
  const sessions = await Promise.all([1, 2, 3, 4].map(() => keeper.openSession()));
  const [one, two, three, four] = sessions as [string, string, string, string];
  await keeper.store.submit({ type: "configureLock", name: "a", lockDelayMs: 5000 });
  for (const sessionId of sessions) await claim(keeper, sessionId);
  await keeper.closeSession(one);
  await keeper.closeSession(four, "session_expired");
  expect(holders(keeper)).toEqual(["x-0000000001"]);
  await keeper.closeSession(two, "session_expired");
  expect(holders(keeper)).toEqual([]);
  const delayUntilMs = keeper.clock.wallMs() + 5000;
  expect(JSON.parse(keeper.data(lock) ?? "")).toMatchObject({ delayUntilMs, lockDelayMs: 5000, permits: 1 });
  await keeper.store.submit({ type: "endLockDelay", name: "a", delayUntilMs: delayUntilMs - 1 });
  expect(holders(keeper)).toEqual([]);
  await keeper.store.submit({ type: "endLockDelay", name: "a", delayUntilMs });
  await keeper.store.submit({ type: "endLockDelay", name: "a", delayUntilMs });
  await keeper.store.submit({ type: "endLockDelay", name: "never", delayUntilMs });
  expect(holders(keeper)).toEqual(["x-0000000002"]);
  expect((await claim(keeper, three)).id).toBe("x-0000000002");
});

test("a delay that follows another ends later than that, also where the clock was set back", async ({
  keeper,
}) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  await keeper.store.submit({ type: "configureLock", name: "a", lockDelayMs: 5000, permits: 2 });
  for (const sessionId of [one, two]) await claim(keeper, sessionId);
  const untilMs = () => JSON.parse(keeper.data(lock) ?? "").delayUntilMs as number;
  await keeper.closeSession(one, "session_expired");
  const first = untilMs();
  keeper.clock.jumpWallClock(-3_600_000);
  await keeper.closeSession(two, "session_expired");
  expect(untilMs()).toBeGreaterThan(first);
  await keeper.store.submit({ type: "endLockDelay", name: "a", delayUntilMs: first });
  expect(untilMs()).toBeGreaterThan(first);
});

test("readers that hold go on holding when one of them expires, and nobody joins them", async ({
  keeper,
}) => {
  const sessions = [await keeper.openSession(), await keeper.openSession(), await keeper.openSession()];
  await keeper.store.submit({ type: "configureLock", name: "a", lockDelayMs: 5000 });
  for (const sessionId of sessions.slice(0, 2)) await claim(keeper, sessionId, { mode: "shared" });
  await keeper.closeSession(sessions[0] as string, "session_expired");
  const late = sessions[2] as string;
  await expect(claim(keeper, late, { mode: "shared", orElse: "refuse" })).rejects.toMatchObject({
    code: "lock_held",
    details: { holder: { id: "s-0000000001" }, delayUntilMs: keeper.clock.wallMs() + 5000 },
  });
  await claim(keeper, late, { mode: "shared" });
  expect(holders(keeper)).toEqual(["s-0000000001"]);
});

test("what is no name, too long or too much is refused before it is ordered", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  const { zxid } = keeper.store;
  for (const name of ["", "a/b", ".", "..", "a\u0001", "x".repeat(256)]) {
    expect(await refusal(claim(keeper, sessionId, { name }))).toBe("bad_path");
  }
  expect(await refusal(claim(keeper, sessionId, { permits: 0 }))).toBe("bad_request");
  expect(await refusal(claim(keeper, sessionId, { permits: 1.5 }))).toBe("bad_request");
  for (const lockDelayMs of [-1, 0.5, 3_600_001]) {
    expect(await refusal(keeper.store.submit({ type: "configureLock", name: "a", lockDelayMs }))).toBe(
      "bad_request",
    );
  }
  await expect(claim(keeper, sessionId, { metadata: new Uint8Array(4097) })).rejects.toMatchObject({
    code: "too_large",
    details: { limit: "metadataBytesMax", limitValue: 4096, size: 4097 },
  });
  expect(keeper.store.zxid).toBe(zxid);
  await claim(keeper, sessionId, { name: "x".repeat(255), metadata: new Uint8Array(4096) });
});

test("a late write of a holder that was deposed is refused by its fence", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  const first = await claim(keeper, one);
  const second = await claim(keeper, two);
  const fenceOf = ({ path, fence }: { path: string; fence: number }) => ({
    fences: [{ path, czxid: fence }],
  });
  await keeper.create("/result", plain, "one", fenceOf(first));
  await keeper.closeSession(one, "session_expired");
  expect(await refusal(keeper.set("/result", "late", undefined, fenceOf(first)))).toBe("fence_stale");
  await keeper.set("/result", "two", undefined, fenceOf(second));
});

test("candidates lead in the order they stood, change their value in place and resign", async ({
  keeper,
}) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  const stand = async (sessionId: string, value: string) =>
    (await keeper.store.submit({ type: "standForElection", name: "m", value: bytes(value), sessionId }))
      .outcome;
  const [first, second] = [await stand(one, "a:1"), await stand(two, "b:1")];
  expect(await stand(one, "other")).toEqual({ ...first, made: false });
  expect(keeper.data(first.path)).toBe("a:1");
  const change = (id: string, sessionId: string) =>
    keeper.store.submit({ type: "changeCandidate", name: "m", id, value: bytes("a:2"), sessionId });
  await change(first.id, one);
  expect(keeper.data(first.path)).toBe("a:2");
  expect(await refusal(change(first.id, two))).toBe("not_holder");
  expect(await refusal(change("c-0000000009", two))).toBe("no_claim");
  const resign = (id: string, sessionId: string) =>
    keeper.store.submit({ type: "resign", name: "m", id, sessionId });
  expect(await refusal(resign(first.id, two))).toBe("not_holder");
  await resign(first.id, one);
  const leaders = keeper.state.claims.queue("/elections/m")?.holders();
  expect(leaders?.map(({ id, fence }) => [id, fence])).toEqual([[second.id, second.fence]]);
});

test("children that an import brought with one number stand in the order of their names, and each can go [Q4]", async ({
  keeper,
}) => {
  const brought = (name: string, sequence: number) => ({
    ...{ path: `${lock}/${name}`, data: bytes(""), mode: plain, sequence, nextSequence: 0 },
  });
  const znodes = [brought("y", 3), brought("x", 3), brought("z", 2)];
  await keeper.store.submit({ type: "import", znodes, onConflict: "fail" });
  const { id } = await claim(keeper, await keeper.openSession());
  const idsInQueue = () => [...(keeper.state.claims.queue(lock) ?? [])].map((each) => each.id);
  expect(idsInQueue()).toEqual(["z", "x", "y", id]);
  for (const name of ["x", "z", "y"]) await keeper.delete(`${lock}/${name}`);
  expect([idsInQueue(), holders(keeper)]).toEqual([[id], [id]]);
});

test("a claim counts for the quota of its lock; an expiry writes its delay down all the same", async ({
  keeper,
}) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  await keeper.store.submit({ type: "configureLock", name: "a", lockDelayMs: 5 });
  await keeper.store.submit({ type: "setQuota", path: lock, limits: { countHard: 2, bytesHard: 1 } });
  await claim(keeper, one);
  expect(await refusal(claim(keeper, two))).toBe("quota_exceeded");
  await keeper.closeSession(one, "session_expired");
  const { delay } = keeper.state.claims.queue(lock)?.settings ?? {};
  await keeper.store.submit({ type: "endLockDelay", name: "a", delayUntilMs: delay?.untilMs ?? 0 });
  const { id } = await claim(keeper, two);
  expect(holders(keeper)).toEqual([id]);
});

test("a claim with a key is made once, and a release or the end of a delay never needs one [D19]", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const bounds = { ageMsMax: 1000, keysMax: 10, bytesMax: 100_000 };
  const idempotency = { key: "k", request: "r", ...bounds };
  const first = await claim(keeper, sessionId, { idempotency });
  await release(keeper, first.id, sessionId);
  expect(await claim(keeper, sessionId, { idempotency })).toEqual(first);
  expect(holders(keeper)).toEqual([]);
  await keeper.store.submit({ type: "endLockDelay", name: "a", delayUntilMs: 1 });
  expect(keeper.state.replies.count).toBe(1);
});
