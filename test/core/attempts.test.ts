// Whose a place is while nobody has been told of it: decided in the state machine, so that every server, and every
// replay, gives it up for the same request and keeps it for the same.

import { expect } from "vitest";
import { attemptsMax } from "../../src/core/coordination/attempts.ts";
import { Digest } from "../../src/core/digest.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, Keeper, refusal, test } from "../support/keeper.ts";

/** The three things that have places, asked for and given up in one way. */
const kinds = {
  claim: {
    take: (sessionId: string, attempt?: string) => ({
      ...({ type: "claimLock", name: "a", mode: "exclusive", orElse: "wait" } as const),
      ...{ metadata: bytes(""), sessionId, ...(attempt !== undefined && { attempt }) },
    }),
    giveUp: (sessionId: string, ifAttempt: string) =>
      ({ type: "releaseClaim", name: "a", id: "x-0000000000", sessionId, ifAttempt }) as const,
    path: () => "/locks/a/x-0000000000",
  },
  candidacy: {
    take: (sessionId: string, attempt?: string) => ({
      ...({ type: "standForElection", name: "a", value: bytes("") } as const),
      ...{ sessionId, ...(attempt !== undefined && { attempt }) },
    }),
    giveUp: (sessionId: string, ifAttempt: string) =>
      ({ type: "resign", name: "a", id: "c-0000000000", sessionId, ifAttempt }) as const,
    path: () => "/elections/a/c-0000000000",
  },
  participation: {
    take: (sessionId: string, attempt?: string) => ({
      ...({ type: "enterBarrier", name: "a", count: 2 } as const),
      ...{ sessionId, ...(attempt !== undefined && { attempt }) },
    }),
    giveUp: (sessionId: string, ifAttempt: string) =>
      ({ type: "leaveBarrier", name: "a", sessionId, ifAttempt }) as const,
    path: (sessionId: string) => `/barriers/a/${sessionId}`,
  },
};

function attemptsAt(keeper: Keeper, path: string) {
  return keeper.state.tree.get(path)?.attempts;
}

for (const [what, { take, giveUp, path: pathOf }] of Object.entries(kinds)) {
  test(`a ${what} goes with the last of the requests that stand for it, in whatever order they give up`, async ({
    keeper,
  }) => {
    const session = await keeper.openSession();
    const path = pathOf(session);
    for (const attempt of ["one", "two", "three"]) await keeper.store.submit(take(session, attempt));
    expect(attemptsAt(keeper, path)).toEqual(["one", "two", "three"]);
    await keeper.store.submit(giveUp(session, "two"));
    await keeper.store.submit(giveUp(session, "one"));
    expect(attemptsAt(keeper, path)).toEqual(["three"]);
    await keeper.store.submit(giveUp(session, "three"));
    expect(attemptsAt(keeper, path)).toBeUndefined();
  });

  test(`a ${what} that one request was answered with stays, whatever becomes of later ones`, async ({
    keeper,
  }) => {
    const session = await keeper.openSession();
    for (const attempt of ["answered", "fickle"]) await keeper.store.submit(take(session, attempt));
    await keeper.store.submit(giveUp(session, "fickle"));
    expect(attemptsAt(keeper, pathOf(session))).toEqual(["answered"]);
  });

  test(`giving up a ${what} changes nothing when it is repeated, late, or another's attempt`, async ({
    keeper,
  }) => {
    const [session, other] = [await keeper.openSession(), await keeper.openSession()];
    const path = pathOf(session);
    await keeper.store.submit(take(session, "mine"));
    const { zxid } = keeper.store;
    await keeper.store.submit(giveUp(session, "another"));
    expect(await refusalOrNone(keeper.store.submit(giveUp(other, "mine")))).toMatch(/not_holder|nothing/);
    expect([keeper.store.zxid, attemptsAt(keeper, path)]).toEqual([zxid, ["mine"]]);
    await keeper.store.submit(giveUp(session, "mine"));
    const after = keeper.store.zxid;
    await keeper.store.submit(giveUp(session, "mine"));
    expect(keeper.store.zxid).toBe(after);
  });

  test(`a ${what} is kept for good once a request asks for it that will come back`, async ({ keeper }) => {
    const session = await keeper.openSession();
    await keeper.store.submit(take(session, "fickle"));
    await keeper.store.submit(take(session));
    await keeper.store.submit(take(session, "later"));
    expect(attemptsAt(keeper, pathOf(session))).toBeNull();
    for (const attempt of ["fickle", "later"]) await keeper.store.submit(giveUp(session, attempt));
    expect(attemptsAt(keeper, pathOf(session))).toBeNull();
  });

  test(`a ${what} that more requests ask for than it remembers is kept for good`, async ({ keeper }) => {
    const session = await keeper.openSession();
    const attempts = Array.from({ length: attemptsMax + 1 }, (_, index) => `attempt-${index}`);
    for (const attempt of attempts) await keeper.store.submit(take(session, attempt));
    for (const attempt of attempts) await keeper.store.submit(giveUp(session, attempt));
    expect(attemptsAt(keeper, pathOf(session))).toBeNull();
  });

  test(`which requests a ${what} is for shows in no event, no stat and no data of it`, async ({ keeper }) => {
    const session = await keeper.openSession();
    const path = pathOf(session);
    await keeper.store.submit(take(session, "one"));
    const [stat, told] = [keeper.stat(path), keeper.applied.length];
    await keeper.store.submit(take(session, "two"));
    await keeper.store.submit(giveUp(session, "one"));
    expect(keeper.stat(path)).toEqual(stat);
    expect(keeper.applied.slice(told).map(({ message }) => message)).toEqual([null, null]);
  });

  test(`a ${what} from a log without attempts is kept, and given up by name as it was`, async ({
    keeper,
  }) => {
    const session = await keeper.openSession();
    await keeper.store.submit(take(session));
    await keeper.store.submit(giveUp(session, "any"));
    expect(attemptsAt(keeper, pathOf(session))).toBeNull();
    const { ifAttempt: _, ...release } = giveUp(session, "");
    await keeper.store.submit(release);
    expect(attemptsAt(keeper, pathOf(session))).toBeUndefined();
  });

  test(`a replay of the log has the same requests in a ${what}, and the same digest`, async () => {
    const entries = new MemoryEntries();
    const original = new Keeper(new FakeClock(), new MemoryLog("first", entries));
    await original.store.start();
    const session = await original.openSession();
    for (const attempt of ["one", "two"]) await original.store.submit(take(session, attempt));
    await original.store.submit(giveUp(session, "one"));
    await original.store.close();
    const replayed = new Keeper(new FakeClock(0), new MemoryLog("second", entries));
    await replayed.store.start();
    expect(attemptsAt(replayed, pathOf(session))).toEqual(["two"]);
    const digests = [original, replayed].map(({ state }) => Digest.of(state).toString());
    expect(digests[0]).toBe(digests[1]);
    await replayed.store.close();
  });
}

test("a session that knows of its place keeps it, and no other session can keep it for it", async ({
  keeper,
}) => {
  const [session, other] = [await keeper.openSession(), await keeper.openSession()];
  const { path, fence: czxid } = (await keeper.store.submit(kinds.claim.take(session, "one"))).outcome as {
    path: string;
    fence: number;
  };
  for (const keep of [
    { path, czxid, sessionId: other },
    { path, czxid: czxid + 1, sessionId: session },
  ]) {
    await keeper.store.submit({ type: "keepPlace", ...keep });
    expect(attemptsAt(keeper, path)).toEqual(["one"]);
  }
  await keeper.store.submit({ type: "keepPlace", path, czxid, sessionId: session });
  const { zxid } = keeper.store;
  await keeper.store.submit({ type: "keepPlace", path, czxid, sessionId: session });
  await keeper.store.submit(kinds.claim.giveUp(session, "one"));
  expect([attemptsAt(keeper, path), keeper.store.zxid]).toEqual([null, zxid]);
});

test("a place is kept by a session, on a path that can be one", async ({ keeper }) => {
  const keep = { type: "keepPlace", path: "/locks/a/x-0000000000", czxid: 1 } as const;
  expect(await refusalOrNone(Promise.resolve().then(() => keeper.store.submit(keep)))).toBe(
    "session_required",
  );
  const bad = { ...keep, path: "no/path", sessionId: "1" };
  expect(await refusalOrNone(Promise.resolve().then(() => keeper.store.submit(bad)))).toBe("bad_path");
});

async function refusalOrNone(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing",
    (error) => refusal(Promise.reject(error)) as Promise<string>,
  );
}
