// What owners of sessions are promised, over a real store. There is no re-attach (N6): a session is used by whoever
// sends its token, from as many connections as they like, so nothing is kicked and no timeout negotiated again.

import { describe, expect, onTestFinished } from "vitest";
import { KeeperError } from "../../src/core/errors.ts";
import { keepaliveTokensMax, Sessions, type SessionsOptions } from "../../src/sessions/sessions.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { ephemeral, Keeper, plain, refusal, test } from "../support/keeper.ts";

const noWait = async () => {};

function startSessions(keeper: Keeper, options: Partial<SessionsOptions> = {}): Sessions {
  const sessions = new Sessions(keeper.store, { yieldToIo: noWait, ...options });
  sessions.start();
  onTestFinished(() => sessions.stop());
  return sessions;
}

/** The refusal as its client sees it. */
function refusalOf(attempt: () => unknown): { code: string; message: string; details: object } {
  try {
    attempt();
  } catch (error) {
    if (error instanceof KeeperError) {
      return { code: error.code, message: error.message, details: error.details };
    }
    throw error;
  }
  throw new Error("a refusal was expected, but it was done");
}

const isExpired = (sessions: Sessions, token: string) => {
  try {
    sessions.authenticate(token);
    return false;
  } catch {
    return true;
  }
};

/** How many transactions closed the session, and why. */
const closesOf = (keeper: Keeper, id: string) =>
  keeper.applied.filter(({ txn }) => txn.sessionId === id).map(({ txn }) => txn.cause);

describe("opening", () => {
  test("the timeout is clamped to the range, or the default, and told [N1]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const open = async (timeoutMs?: number) => {
      const opened = await sessions.open(timeoutMs === undefined ? {} : { timeoutMs });
      expect(opened.validForMs).toBe(opened.session.timeoutMs);
      return opened.session.timeoutMs;
    };
    expect(await open(1)).toBe(1000);
    expect(await open(1000)).toBe(1000);
    expect(await open(5000)).toBe(5000);
    expect(await open(3_600_000)).toBe(3_600_000);
    expect(await open(3_600_001)).toBe(3_600_000);
    expect(await open()).toBe(10_000);
  });

  test("is a transaction with a zxid, and the session is durable when the answer comes [N2]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const zxidBefore = keeper.store.zxid;
    const { session, zxid, token } = await sessions.open({ name: "worker-7" });
    expect(zxid).toBe(zxidBefore + 1);
    expect(keeper.state.session(session.id)).toMatchObject({ openedZxid: zxid, name: "worker-7" });
    expect(sessions.authenticate(token)).toEqual(session);
  });

  test("keeps no token, only its hash [N4]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open();
    expect(session.tokenHash).not.toBe(token);
    expect(JSON.stringify([...keeper.state.sessions()])).not.toContain(token);
    expect(isExpired(sessions, session.tokenHash)).toBe(true);
  });

  test("a name longer than the limit is refused", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    expect(await refusal(sessions.open({ name: "n".repeat(256) }))).toBe("bad_request");
  });
});

describe("opening again with the same key", () => {
  const bounds = { ageMsMax: 60_000, keysMax: 10, bytesMax: 10_000 };
  const keyed = { key: "k", idempotencyAt: () => ({ key: "hash of k", request: "r", ...bounds }) };

  test("answers the same, opens nothing, and renews the session [D19, N7]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const first = await sessions.open({ timeoutMs: 5000, name: "worker" }, keyed);
    expect(first.replayed).toBeUndefined();
    await keeper.clock.advance(4000);
    const again = await sessions.open({ timeoutMs: 5000, name: "worker" }, keyed);
    expect(again).toEqual({ ...first, replayed: true });
    expect(sessions.stats()).toMatchObject({ open: 1, openedTotal: 1 });
    await keeper.clock.advance(4500);
    expect(sessions.list(keeper.reader, { limit: 10 }).sessions).toHaveLength(1);
    await keeper.clock.advance(600);
    expect(isExpired(sessions, first.token)).toBe(true);
  });

  test("answers the same when the session has ended, and does not bring it back [D19, N9]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const first = await sessions.open({ timeoutMs: 1000 }, keyed);
    await keeper.clock.advance(2000);
    expect(closesOf(keeper, first.session.id)).toEqual(["session_expired"]);
    expect(await sessions.open({ timeoutMs: 1000 }, keyed)).toEqual({ ...first, replayed: true });
    expect(isExpired(sessions, first.token)).toBe(true);
    expect(sessions.stats().open).toBe(0);
  });

  test("keeps no token, only what makes one together with the key [N4]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { token } = await sessions.open({}, keyed);
    const { state } = keeper;
    expect(JSON.stringify([[...state.sessions()], [...state.replies]])).not.toContain(token);
    expect(JSON.stringify([...state.replies])).not.toContain('"k"');
  });
});

describe("staying alive", () => {
  test("alive at the timeout, gone at the next tick [N8]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session } = await sessions.open({ timeoutMs: 5000 });
    await keeper.create("/member", ephemeral, "", { sessionId: session.id });
    await keeper.clock.advance(5000);
    expect(keeper.exists("/member")).toBe(true);
    await keeper.clock.advance(50);
    expect(keeper.exists("/member")).toBe(false);
    expect(closesOf(keeper, session.id)).toEqual(["session_expired"]);
    expect(sessions.stats()).toMatchObject({
      open: 0,
      openedTotal: 1,
      expiredTotal: 1,
      expiryLatenessMsMax: 50,
    });
  });

  test("any request renews the session: a read, a failing write, a keepalive [N7]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 1000 });
    const failingWrite = async () => {
      const sessionId = sessions.authenticate(token).id;
      expect(await refusal(keeper.delete("/nowhere", undefined, { sessionId }))).toBe("no_node");
    };
    for (let round = 0; round < 5; round += 1) {
      await keeper.clock.advance(900);
      sessions.authenticate(token);
      await keeper.clock.advance(900);
      await failingWrite();
      await keeper.clock.advance(900);
      sessions.keepalive(session.id, token);
      await keeper.clock.advance(900);
      sessions.keepaliveMany([token]);
    }
    expect(closesOf(keeper, session.id)).toEqual([]);
  });

  test("a keepalive says for how long the session is valid, and costs no zxid [N7]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token, zxid } = await sessions.open({ timeoutMs: 2000 });
    const alive = { id: session.id, timeoutMs: 2000, validForMs: 2000, zxid };
    expect(sessions.keepalive(session.id, token)).toEqual(alive);
    expect(keeper.store.zxid).toBe(zxid);
  });

  test("listening for the end does not keep a session alive; the end is told once [N7]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const { session } = await sessions.open({ timeoutMs: 1000 });
    const ends: object[] = [];
    sessions.onEnded(session.id, (ended) => ends.push(ended));
    await keeper.clock.advance(5000);
    expect(ends).toEqual([{ reason: "session_expired", zxid: keeper.store.zxid }]);
  });

  test("work of other sessions on one's znodes renews nothing [N7]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const silent = await sessions.open({ timeoutMs: 1000 });
    const busy = await sessions.open({ timeoutMs: 1000 });
    await keeper.create("/silent", ephemeral, "", { sessionId: silent.session.id });
    for (let round = 0; round < 5; round += 1) {
      await keeper.clock.advance(250);
      if (round < 3) await keeper.set("/silent", "x", undefined, { sessionId: busy.session.id });
      sessions.authenticate(busy.token);
    }
    expect(isExpired(sessions, silent.token)).toBe(true);
    expect(isExpired(sessions, busy.token)).toBe(false);
  });

  test("jumps of the wall clock neither expire nor immortalise [N8]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { token } = await sessions.open({ timeoutMs: 1000 });
    keeper.clock.jumpWallClock(86_400_000);
    await keeper.clock.advance(1000);
    expect(isExpired(sessions, token)).toBe(false);
    keeper.clock.jumpWallClock(-864_000_000);
    await keeper.clock.advance(1050);
    expect(isExpired(sessions, token)).toBe(true);
  });

  test("a client that is only disconnected is not expired: the server alone decides [N15]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 5000 });
    await keeper.create("/member", ephemeral, "", { sessionId: session.id });
    sessions.onEnded(session.id, () => {})();
    await keeper.clock.advance(4900);
    expect(sessions.authenticate(token).id).toBe(session.id);
    expect(keeper.exists("/member")).toBe(true);
  });

  test("many at once: each has its own result, in order [N5]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const first = await sessions.open({ timeoutMs: 1000 });
    const closed = await sessions.open();
    const last = await sessions.open({ timeoutMs: 1000 });
    await sessions.close(closed.session.id, closed.token);
    await keeper.clock.advance(900);
    const results = await sessions.keepaliveMany([first.token, closed.token, "nobody", last.token]);
    expect(results.map((result) => (result instanceof KeeperError ? result.code : result.id))).toEqual([
      first.session.id,
      "session_expired",
      "session_expired",
      last.session.id,
    ]);
    await keeper.clock.advance(900);
    expect(sessions.stats().open).toBe(2);
    const tooMany = Array.from({ length: keepaliveTokensMax + 1 }, () => first.token);
    expect(await refusal(sessions.keepaliveMany(tooMany))).toBe("too_many_operations");
  });
});

describe("being gone", () => {
  test("unknown, closed, closing, expired and wrong cannot be told apart [N4, N5, N12]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const closed = await sessions.open();
    const expired = await sessions.open({ timeoutMs: 1000 });
    await sessions.close(closed.session.id, closed.token);
    await keeper.clock.advance(1050);
    const alive = await sessions.open();
    const closing = await sessions.open();
    const end = sessions.close(closing.session.id, closing.token);
    const refusals = [
      () => sessions.keepalive("00000000000000ff", "nobody's token"),
      () => sessions.keepalive(closed.session.id, closed.token),
      () => sessions.keepalive(expired.session.id, expired.token),
      () => sessions.keepalive(alive.session.id, "a guessed token"),
      () => sessions.keepalive(alive.session.id, ""),
      () => sessions.keepalive("00000000000000ff", alive.token),
      () => sessions.keepalive(closing.session.id, closing.token),
      () => sessions.authenticate(closing.token),
      () => sessions.describe(closed.session.id, keeper.reader),
      () => sessions.onEnded(expired.session.id, () => {}),
    ].map(refusalOf);
    for (const found of refusals) expect(found).toEqual(refusals[0]);
    expect(refusals[0]?.code).toBe("session_expired");
    await end;
    const late = sessions.close(closing.session.id, closing.token);
    await expect(late).rejects.toMatchObject({ code: "session_expired", message: refusals[0]?.message });
  });

  test("a guessed token neither renews nor closes a session [N4]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session } = await sessions.open({ timeoutMs: 1000 });
    await keeper.clock.advance(500);
    expect(await refusal(sessions.close(session.id, "guess"))).toBe("session_expired");
    expect(sessions.describe(session.id, keeper.reader).remainingMs).toBe(500);
  });

  test("once its close is submitted, no request revives a session, and it is closed once [N9]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 1000 });
    keeper.log.hold();
    await keeper.clock.advance(1050);
    const { state } = sessions.describe(session.id, keeper.reader);
    const refused = isExpired(sessions, token);
    const secondClose = refusal(sessions.close(session.id, token));
    await keeper.clock.advance(10_000);
    keeper.log.release();
    await keeper.clock.advance(0);
    expect({ state, refused }).toEqual({ state: "closing", refused: true });
    expect(await secondClose).toBe("session_expired");
    expect(keeper.state.session(session.id)).toBeUndefined();
    expect(closesOf(keeper, session.id)).toEqual(["session_expired"]);
  });

  test("all sessions of a tick are marked before the first of them is gone [N9]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const opened = await Promise.all(Array.from({ length: 10 }, () => sessions.open({ timeoutMs: 1000 })));
    const closing: boolean[] = [];
    const [first] = opened;
    sessions.onEnded(first?.session.id ?? "", () => {
      closing.push(...opened.map(({ token }) => isExpired(sessions, token)));
    });
    await keeper.clock.advance(1050);
    expect(closing).toEqual(opened.map(() => true));
  });

  test("two closes at the same time make one transaction [N9]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open();
    const first = sessions.close(session.id, token);
    expect(await refusal(sessions.close(session.id, token))).toBe("session_expired");
    await first;
    expect(closesOf(keeper, session.id)).toEqual(["session_closed"]);
    expect(sessions.stats()).toMatchObject({ open: 0, closedTotal: 1, expiredTotal: 0 });
  });

  test("a session is not expired as well while its close waits for a slow disk [N9]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 1000 });
    keeper.log.hold();
    const close = sessions.close(session.id, token);
    await keeper.clock.advance(5000);
    const { waitingCount } = keeper.store;
    keeper.log.release();
    await close;
    expect(waitingCount).toBe(1);
    expect(closesOf(keeper, session.id)).toEqual(["session_closed"]);
  });

  test("a session that somebody else closed first is gone, and is not closed again [N5, N9]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const overtaken = await sessions.open({ timeoutMs: 1000 });
    const ended = await sessions.open({ timeoutMs: 1000 });
    const first = keeper.closeSession(overtaken.session.id);
    expect(await refusal(sessions.close(overtaken.session.id, overtaken.token))).toBe("session_expired");
    await Promise.all([first, keeper.closeSession(ended.session.id)]);
    expect(isExpired(sessions, ended.token)).toBe(true);
    await keeper.clock.advance(5000);
    expect(closesOf(keeper, overtaken.session.id)).toEqual(["session_closed"]);
    expect(sessions.stats()).toMatchObject({
      open: 0,
      closedTotal: 2,
      expiredTotal: 0,
      refusedClosesTotal: 0,
    });
  });

  test("every ephemeral goes at one zxid, what else the session made stays [N10]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session } = await sessions.open({ timeoutMs: 1000 });
    const own = { sessionId: session.id };
    await keeper.create("/a", plain, "", own);
    await keeper.create("/b");
    for (const path of ["/a/1", "/a/2", "/b/1"]) await keeper.create(path, ephemeral, "", own);
    const zxidBefore = keeper.store.zxid;
    await keeper.clock.advance(1050);
    expect(keeper.store.zxid).toBe(zxidBefore + 1);
    expect([keeper.children("/a"), keeper.children("/b")]).toEqual([[], []]);
    expect(keeper.stat("/a").pzxid).toBe(zxidBefore + 1);
    expect(keeper.stat("/b").pzxid).toBe(zxidBefore + 1);
  });

  test("an ephemeral still on its way when the session closes does not stay [N10]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open();
    const before = keeper.create("/before", ephemeral, "", { sessionId: session.id });
    const close = sessions.close(session.id, token);
    const after = keeper.create("/after", ephemeral, "", { sessionId: session.id });
    expect(await refusal(after)).toBe("session_expired");
    await Promise.all([before, close]);
    expect([keeper.exists("/before"), keeper.exists("/after")]).toEqual([false, false]);
  });

  test("when a close is answered, the ephemerals are gone and the end was told [N11]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open();
    await keeper.create("/member", ephemeral, "", { sessionId: session.id });
    const ends: object[] = [];
    sessions.onEnded(session.id, (ended) => ends.push(ended));
    const stopListening = sessions.onEnded(session.id, () =>
      ends.push({ reason: "a listener that had left" }),
    );
    stopListening();
    const commit = await sessions.close(session.id, token);
    expect(commit.outcome.ephemerals).toEqual(["/member"]);
    expect(keeper.exists("/member")).toBe(false);
    expect(ends).toEqual([{ reason: "session_closed", zxid: commit.zxid }]);
  });

  test("10000 sessions that expire at once are closed once each [N9]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const opening = Array.from({ length: 10_000 }, () => sessions.open({ timeoutMs: 1000 }));
    const opened = await Promise.all(opening);
    await keeper.clock.advance(2000);
    const closed = keeper.applied.filter(({ txn }) => txn.cause === "session_expired");
    expect(closed.length).toBe(10_000);
    expect(new Set(closed.map(({ txn }) => txn.sessionId)).size).toBe(10_000);
    expect(sessions.stats()).toMatchObject({ open: 0, openedTotal: 10_000, expiredTotal: 10_000 });
    expect(keeper.state.sessionCount).toBe(0);
    expect(isExpired(sessions, opened[0]?.token ?? "")).toBe(true);
  });
});

/** The store sends the close that first meets the want of room once more, by itself. */
function refuseCloses(keeper: Keeper, times: number): void {
  for (let count = 0; count < times + 1; count += 1) keeper.log.injectFault("notAppended");
}

describe("a store that takes no writes", () => {
  test("a silent session whose close was refused is revived by its next request [N9]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 1000 });
    await keeper.create("/member", ephemeral, "", { sessionId: session.id });
    refuseCloses(keeper, 1);
    await keeper.clock.advance(1050);
    expect(sessions.stats().refusedClosesTotal).toBe(1);
    expect(sessions.describe(session.id, keeper.reader)).toMatchObject({ state: "open", remainingMs: 0 });
    expect((await sessions.keepalive(session.id, token)).validForMs).toBe(1000);
    await keeper.clock.advance(900);
    expect(keeper.exists("/member")).toBe(true);
    await keeper.clock.advance(200);
    expect(closesOf(keeper, session.id)).toEqual(["session_expired"]);
  });

  test("a silent session is closed as soon as the store takes the close, and once [N9]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const { session } = await sessions.open({ timeoutMs: 1000 });
    refuseCloses(keeper, 3);
    await keeper.clock.advance(1050);
    await keeper.clock.advance(3000);
    expect(sessions.stats().refusedClosesTotal).toBe(3);
    expect(sessions.stats().open).toBe(1);
    await keeper.clock.advance(200);
    expect(closesOf(keeper, session.id)).toEqual(["session_expired"]);
  });

  test("who was told that a session is gone is never told otherwise [N9]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 3_600_000 });
    refuseCloses(keeper, 1);
    const close = sessions.close(session.id, token);
    expect(isExpired(sessions, token)).toBe(true);
    expect(await refusal(close)).toBe("read_only");
    expect(isExpired(sessions, token)).toBe(true);
    await keeper.clock.advance(1100);
    expect(closesOf(keeper, session.id)).toEqual(["session_expired"]);
  });

  test("a refused close leaves the session as it was", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 10_000 });
    refuseCloses(keeper, 1);
    expect(await refusal(sessions.close(session.id, token))).toBe("read_only");
    await keeper.clock.advance(9000);
    expect((await sessions.keepalive(session.id, token)).id).toBe(session.id);
    await keeper.clock.advance(10_050);
    expect(closesOf(keeper, session.id)).toEqual(["session_expired"]);
  });
});

describe("restarts and stalls", () => {
  test("an ephemeral outlives a long outage, and then its owner's full timeout [N2, N13, E2]", async () => {
    const entries = new MemoryEntries();
    const before = new Keeper(new FakeClock(), new MemoryLog("before", entries));
    await before.store.start();
    const { session, token } = await new Sessions(before.store).open({ timeoutMs: 5000 });
    await before.create("/member", ephemeral, "", { sessionId: session.id });
    await before.store.close();

    const after = new Keeper(new FakeClock(), new MemoryLog("after", entries));
    await after.clock.advance(86_400_000);
    await after.store.start();
    const sessions = startSessions(after);
    expect(sessions.stats()).toMatchObject({ open: 1, restored: 1 });
    expect(sessions.describe(session.id, after.reader).remainingMs).toBe(5000);
    await after.clock.advance(5000);
    expect(after.exists("/member")).toBe(true);
    await after.clock.advance(50);
    expect(after.exists("/member")).toBe(false);
    expect(isExpired(sessions, token)).toBe(true);
    await after.store.close();
  });

  test("every session found at the start has its full timeout again, and is counted [N13]", async ({
    keeper,
  }) => {
    const before = new Sessions(keeper.store);
    const opened = await Promise.all([5000, 1000, 9000].map((timeoutMs) => before.open({ timeoutMs })));
    await keeper.clock.advance(600_000);
    const sessions = new Sessions(keeper.store, { yieldToIo: noWait });
    await keeper.clock.advance(600_000);
    sessions.start();
    onTestFinished(() => sessions.stop());
    expect(sessions.stats()).toMatchObject({ open: 3, restored: 3, openedTotal: 0 });
    for (const { session, token } of opened) expect(sessions.authenticate(token)).toEqual(session);
    await keeper.clock.advance(1050);
    expect(sessions.stats().open).toBe(2);
    await keeper.clock.advance(4000);
    expect(sessions.stats().open).toBe(1);
    await keeper.clock.advance(4000);
    expect(sessions.stats().open).toBe(0);
  });

  test("a session opened or closed through the log alone is followed like any other [N13]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const closed = await keeper.openSession(1000);
    const silent = await keeper.openSession(1000);
    expect(sessions.stats().open).toBe(2);
    await keeper.closeSession(closed);
    expect(sessions.stats()).toMatchObject({ open: 1, closedTotal: 1 });
    await keeper.clock.advance(1050);
    expect(closesOf(keeper, silent)).toEqual(["session_expired"]);
    expect(closesOf(keeper, closed)).toEqual(["session_closed"]);
  });

  test("a stall of the process expires nobody, and is given back [N8]", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 5000 });
    await keeper.clock.advance(1000);
    await keeper.clock.stall(60_000);
    expect(sessions.stats()).toMatchObject({ open: 1, stallsTotal: 1, stalledMsTotal: 59_800 });
    expect(sessions.describe(session.id, keeper.reader).remainingMs).toBe(3800);
    await keeper.clock.advance(3800);
    expect(isExpired(sessions, token)).toBe(false);
    await keeper.clock.advance(5050);
    expect(isExpired(sessions, token)).toBe(true);
  });

  test("a request that waited out a stall in its socket is served before anything expires [N8]", async ({
    keeper,
  }) => {
    const waiting: (() => void)[] = [];
    const yieldToIo = async () => {
      for (const request of waiting.splice(0)) request();
    };
    const sessions = startSessions(keeper, { yieldToIo });
    const heard = await sessions.open({ timeoutMs: 1000 });
    const silent = await sessions.open({ timeoutMs: 1000 });
    await keeper.clock.advance(950);
    waiting.push(() => sessions.authenticate(heard.token));
    await keeper.clock.stall(60_000);
    await keeper.clock.advance(50);
    expect(closesOf(keeper, heard.session.id)).toEqual([]);
    expect(closesOf(keeper, silent.session.id)).toEqual(["session_expired"]);
  });

  test("a request seen before the late timer keeps its session no longer than others [N8]", async ({
    keeper,
  }) => {
    const sessions = startSessions(keeper);
    const { session, token } = await sessions.open({ timeoutMs: 1000 });
    keeper.clock.setTimer(0, () => sessions.authenticate(token));
    await keeper.clock.stall(60_000);
    expect(sessions.describe(session.id, keeper.reader).remainingMs).toBe(1000);
    await keeper.clock.advance(1050);
    expect(closesOf(keeper, session.id)).toEqual(["session_expired"]);
  });
});

describe("looking at sessions", () => {
  test("a description tells what the session has and for how long", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const { session, zxid } = await sessions.open({ timeoutMs: 5000, name: "worker" });
    for (const path of ["/b", "/a", "/B"]) {
      await keeper.create(path, ephemeral, "", { sessionId: session.id });
    }
    await keeper.clock.advance(1200);
    expect(sessions.describe(session.id, keeper.reader)).toEqual({
      id: session.id,
      name: "worker",
      state: "open",
      timeoutMs: 5000,
      remainingMs: 3800,
      openedAtMs: session.openedAtMs,
      openedZxid: zxid,
      ephemeralCount: 3,
      ephemerals: ["/B", "/a", "/b"],
      claims: [],
      instances: [],
      next: null,
    });
  });

  test("the list is in order of ids, in pages that miss nothing and repeat nothing", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const opened = await Promise.all(Array.from({ length: 25 }, () => sessions.open()));
    const listed: string[] = [];
    let after: string | null = "";
    while (after !== null) {
      const page: ReturnType<Sessions["list"]> = sessions.list(keeper.reader, { after, limit: 10 });
      listed.push(...page.sessions.map(({ id }) => id));
      after = page.next;
    }
    expect(listed).toEqual(opened.map(({ session }) => session.id).sort());
    expect(sessions.list(keeper.reader, { limit: 25 }).next).toBeNull();
  });

  test("a page goes on where a session was that has closed since", async ({ keeper }) => {
    const sessions = startSessions(keeper);
    const opened = await Promise.all(Array.from({ length: 3 }, () => sessions.open()));
    opened.sort((a, b) => (a.session.id < b.session.id ? -1 : 1));
    const [first, second, third] = opened;
    const page = sessions.list(keeper.reader, { limit: 2 });
    expect(page.next).toBe(second?.session.id);
    await sessions.close(second?.session.id ?? "", second?.token ?? "");
    const rest = sessions.list(keeper.reader, { after: page.next ?? "", limit: 2 });
    expect(rest).toMatchObject({ sessions: [{ id: third?.session.id }], next: null });
    expect(sessions.describe(first?.session.id ?? "", keeper.reader).state).toBe("open");
  });
});
