// Places when the requests of one session come to several servers, each with its own copy of the state: what becomes of a
// place is decided in the log, and none of them has to know of the others' requests.

import { expect, test as vitestTest } from "vitest";
import { Attendance } from "../../src/coordination/attendance.ts";
import { Coordination } from "../../src/coordination/coordination.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { systemContext } from "../../src/core/reader.ts";
import type { Session } from "../../src/core/session.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, Keeper, refusal } from "../support/keeper.ts";
import { newLogPlace } from "../support/logs.ts";

interface Asked {
  readonly comesBack: boolean;
  readonly waitMs: number;
  /** How it becomes known how long the session is good for. */
  readonly confirm: () => Promise<Session>;
}

/** One server: a copy of the state, and those who wait there. */
class Server {
  readonly keeper: Keeper;
  readonly coordination: Coordination;

  constructor(keeper: Keeper) {
    this.keeper = keeper;
    this.coordination = new Coordination(keeper.store, { claimWaitersMax: 100 });
  }

  /** Hears what others have written: an append of its own makes it read on. */
  async catchUp(): Promise<void> {
    await this.keeper.store.submit({ type: "check", path: "/" });
  }

  attend(sessionId: string, asked: Partial<Asked> = {}): Attendance {
    const { clock, state } = this.keeper;
    const { comesBack = false, waitMs = 60_000 } = asked;
    const { admitWaiter } = this.coordination;
    const session = () => state.session(sessionId) as Session;
    const sessions = { authenticate: session, confirm: asked.confirm ?? session };
    const asker = { context: systemContext, token: "token", comesBack, waitMs };
    return new Attendance({ clock, sessions, admitWaiter, suspension: this.keeper.store.suspension }, asker);
  }

  claim(sessionId: string, asked = this.attend(sessionId)) {
    return this.coordination.queues.take(asked, {
      ...({ type: "claimLock", name: "a", mode: "exclusive", orElse: "wait" } as const),
      ...{ metadata: bytes(""), sessionId },
    });
  }

  find(asked: Attendance, id = "x-0000000001") {
    return this.coordination.queues.find(asked, "/locks/a", id);
  }

  enter(sessionId: string, asked = this.attend(sessionId)) {
    const enter = { type: "enterBarrier", name: "b", count: 3, sessionId } as const;
    return this.coordination.barriers.enter(asked, enter);
  }

  get queue(): string[] {
    return [...(this.keeper.state.claims.queue("/locks/a") ?? [])].map(({ id }) => id);
  }
}

interface Cluster {
  readonly near: Server;
  readonly far: Server;
  /** A session that holds the lock, and one that waits for it. */
  readonly holder: string;
  readonly waiter: string;
  /** Every server has heard of all that was written. */
  readonly settle: () => Promise<void>;
}

const test = vitestTest.extend<{ cluster: Cluster }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  cluster: async ({}, use) => {
    const place = newLogPlace();
    const servers: Server[] = [];
    for (const writer of ["near", "far"]) {
      const keeper = new Keeper(new FakeClock(), await place.open(writer));
      await keeper.store.start();
      servers.push(new Server(keeper));
    }
    const [near, far] = servers as [Server, Server];
    const settle = async () => {
      for (const server of [near, far, near]) await server.catchUp();
    };
    const [holder, waiter] = [await near.keeper.openSession(), await near.keeper.openSession()];
    await near.claim(holder);
    await settle();
    await use({ near, far, holder, waiter, settle });
    for (const { coordination, keeper } of servers) {
      coordination.stop();
      await keeper.store.close();
    }
  },
});

const gone = { isAnswered: false };

test("whoever leaves while it is found out how long its session is good for has not been told, and gives the place up", async ({
  cluster: { near, waiter },
}) => {
  await near.keeper.store.submit({ type: "deleteTree", path: "/locks/a" });
  const confirmed = Promise.withResolvers<Session>();
  const asked = near.attend(waiter, { waitMs: 0, confirm: () => confirmed.promise });
  const answer = near.claim(waiter, asked);
  await near.catchUp();
  asked.end(gone);
  confirmed.resolve(near.keeper.state.session(waiter) as Session);
  expect(await answer).toBeNull();
  expect(near.queue).toEqual([]);
});

test("a client that comes to another server keeps its place there when its first connection is cut", async ({
  cluster: { near, far, holder, waiter, settle },
}) => {
  const cut = near.attend(waiter);
  const first = near.claim(waiter, cut);
  await settle();
  const second = far.claim(waiter);
  await settle();
  cut.end(gone);
  expect(await first).toBeNull();
  await near.keeper.closeSession(holder);
  await settle();
  expect(await second).toMatchObject({ place: { isHeld: true, claim: { id: "x-0000000001" } } });
  expect([near.queue, far.queue]).toEqual([["x-0000000001"], ["x-0000000001"]]);
});

test("a place that no request was told of goes with the last of them, on whichever server", async ({
  cluster: { near, far, waiter, settle },
}) => {
  const [one, two] = [near.attend(waiter), far.attend(waiter)];
  const first = near.claim(waiter, one);
  await settle();
  const second = far.claim(waiter, two);
  await settle();
  two.end(gone);
  expect(await second).toBeNull();
  await settle();
  expect(near.queue).toHaveLength(2);
  one.end(gone);
  expect(await first).toBeNull();
  await settle();
  expect([near.queue, far.queue]).toEqual([["x-0000000000"], ["x-0000000000"]]);
});

test("a place that one server has told of is not given up by another, nor is one whose client comes back", async ({
  cluster: { near, far, waiter, settle },
}) => {
  const patient = await near.keeper.openSession();
  expect(await near.claim(waiter, near.attend(waiter, { waitMs: 0 }))).toMatchObject({
    place: { isHeld: false, position: 1 },
  });
  const coming = near.attend(patient, { comesBack: true });
  const kept = near.claim(patient, coming);
  await settle();
  coming.end(gone);
  expect(await kept).toMatchObject({ place: { position: 2 } });
  for (const sessionId of [waiter, patient]) {
    const cut = far.attend(sessionId);
    const again = far.claim(sessionId, cut);
    await far.catchUp();
    cut.end(gone);
    expect(await again).toBeNull();
  }
  await settle();
  expect(near.queue).toHaveLength(3);
});

test("a session that has looked at its place on one server keeps it when its request at another is cut", async ({
  cluster: { near, far, waiter, settle },
}) => {
  const cut = near.attend(waiter);
  const first = near.claim(waiter, cut);
  await settle();
  expect(await far.find(far.attend(waiter, { waitMs: 0 }))).toMatchObject({ isHeld: false });
  cut.end(gone);
  expect(await first).toBeNull();
  await settle();
  expect(near.queue).toHaveLength(2);
});

test("a session that looks at a place it was told of by this server writes nothing", async ({
  cluster: { near, far, waiter, settle },
}) => {
  await near.claim(waiter, near.attend(waiter, { waitMs: 0 }));
  const { zxid } = near.keeper.store;
  await near.find(near.attend(waiter, { waitMs: 0 }));
  expect(near.keeper.store.zxid).toBe(zxid);
  await settle();
  for (const written of [1, 0]) {
    const before = far.keeper.store.zxid;
    await far.find(far.attend(waiter, { waitMs: 0 }));
    expect(far.keeper.store.zxid - before).toBe(written);
  }
});

test("a stranger's look changes nothing, and writes nothing", async ({
  cluster: { near, far, holder, waiter, settle },
}) => {
  const cut = near.attend(waiter);
  const first = near.claim(waiter, cut);
  await settle();
  const { zxid } = far.keeper.store;
  await far.find(far.attend(holder, { waitMs: 0 }));
  expect(far.keeper.store.zxid).toBe(zxid);
  cut.end(gone);
  expect(await first).toBeNull();
  await settle();
  expect(near.queue).toHaveLength(1);
});

test("without room to write a session can look at its place all the same", async ({
  cluster: { near, waiter, settle },
}) => {
  void near.claim(waiter);
  await settle();
  near.keeper.log.injectFault("notAppended");
  expect(await refusal(near.keeper.create("/a"))).toBe("read_only");
  expect(await near.find(near.attend(waiter, { waitMs: 0 }))).toMatchObject({ isHeld: false });
});

test("a participant that comes to another server stays in when its first connection is cut, and goes with its last", async ({
  cluster: { near, far, waiter, settle },
}) => {
  const [one, two] = [near.attend(waiter), far.attend(waiter)];
  const first = near.enter(waiter, one);
  await settle();
  const second = far.enter(waiter, two);
  await settle();
  one.end(gone);
  expect(await first).toBeNull();
  await settle();
  expect(far.keeper.children("/barriers/b")).toEqual([waiter]);
  two.end(gone);
  expect(await second).toBeNull();
  await settle();
  expect(near.keeper.children("/barriers/b")).toEqual([]);
});

test("a place that is deleted before its own request is answered is told of as gone", async ({
  cluster: { near, waiter, settle },
}) => {
  const answer = near.claim(waiter);
  void near.keeper.store.submit({ type: "releaseClaim", name: "a", id: "x-0000000001", force: true });
  expect(await refusal(answer)).toBe("no_claim");
  await settle();
  expect(near.queue).toHaveLength(1);
});

test("a wait ends when the log is out of reach, and the place is kept", async ({
  cluster: { near, waiter, settle },
}) => {
  const waiting = near.claim(waiter);
  await settle();
  near.keeper.log.suspend("no quorum");
  expect(await waiting).toMatchObject({ place: { isHeld: false, position: 1 } });
  near.keeper.log.resume();
  await settle();
  expect(near.queue).toHaveLength(2);
});

test("a place whose client goes while the log is out of reach is given up once that is over", async ({
  cluster: { near, far, waiter, settle },
}) => {
  const asked = near.attend(waiter);
  const waiting = near.claim(waiter, asked);
  await settle();
  near.keeper.log.suspend("no quorum");
  asked.end(gone);
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(near.queue).toHaveLength(2);
  near.keeper.log.resume();
  for (let turns = 0; turns < 3; turns += 1) await near.keeper.clock.advance(100);
  expect(await waiting).toBeNull();
  await settle();
  expect([near.queue.length, far.queue.length]).toEqual([1, 1]);
});

test("whoever holds and cannot be told for how long is refused, and its place given up unless it comes back", async ({
  cluster: { near, waiter },
}) => {
  await near.keeper.store.submit({ type: "deleteTree", path: "/locks/a" });
  const confirm = () => Promise.reject(new KeeperError("suspended", "The log cannot be reached."));
  for (const comesBack of [false, true]) {
    const asked = near.attend(waiter, { waitMs: 0, comesBack, confirm });
    await near.claim(waiter, asked);
    expect(() => asked.assertMayBeTold()).toThrow("The log cannot be reached.");
    expect(near.queue).toHaveLength(comesBack ? 1 : 0);
  }
});
