// Sessions and duties where several servers write to one log: what one has heard counts for all, one does what is due, and
// whoever takes that over gives everything its full time.

import { expect, onTestFinished, test } from "vitest";
import { defaultLimits } from "../../src/core/limits.ts";
import { systemContext } from "../../src/core/reader.ts";
import { State } from "../../src/core/state.ts";
import { Housekeeper } from "../../src/duties/housekeeper.ts";
import { LockDelays } from "../../src/duties/lock-delays.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import { SharedEntries } from "../../src/store/memory/shared-entries.ts";
import { freePassage, SharedLog } from "../../src/store/memory/shared-log.ts";
import { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, refusal } from "../support/keeper.ts";

class Member {
  readonly log: SharedLog;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly housekeeper: Housekeeper;

  constructor(writer: string, entries: SharedEntries, clock: FakeClock) {
    this.log = new SharedLog({ writer, entries, clock });
    this.store = new Store({
      state: State.fresh(),
      position: { appliedLsn: 0, historyFloorZxid: 0 },
      log: this.log,
      clock,
      limits: { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 64 * 1024 * 1024 },
    });
    this.sessions = new Sessions(this.store, { timeoutMsMin: 1000, yieldToIo: async () => {} });
    this.housekeeper = new Housekeeper(this.store, [this.sessions, new LockDelays(this.store)]);
  }

  async start(): Promise<void> {
    await this.store.start();
    this.housekeeper.start();
  }

  stop(): void {
    this.housekeeper.stop();
    this.sessions.dispose();
  }

  hasSession(id: string): boolean {
    return this.store.reader(systemContext).session(id) !== undefined;
  }
}

/** The first of them is on duty. */
async function servers(count: number) {
  const [entries, clock] = [new SharedEntries(), new FakeClock()];
  const members = Array.from({ length: count }, (_, index) => new Member(`server-${index}`, entries, clock));
  for (const member of members) {
    await member.start();
    await clock.advance(1);
  }
  onTestFinished(() => {
    for (const member of members) member.stop();
  });
  return { entries, clock, members: members as [Member, Member, ...Member[]] };
}

test("a session that one server keeps alive lives at all of them, and ends when that stops", async () => {
  const { clock, members } = await servers(3);
  const [, elsewhere] = members;
  const { session, token } = await elsewhere.sessions.open({ timeoutMs: 1000 });
  for (let round = 0; round < 20; round += 1) {
    await clock.advance(400);
    elsewhere.sessions.authenticate(token);
  }
  await clock.advance(300);
  expect(members.map((member) => member.hasSession(session.id))).toEqual([true, true, true]);
  await clock.advance(1300);
  expect(members.map((member) => member.hasSession(session.id))).toEqual([false, false, false]);
  expect(members.map(({ sessions }) => sessions.stats().expiredTotal)).toEqual([1, 1, 1]);
});

test("how long a session lasts is promised only when the log knows that it was heard of", async () => {
  const { clock, members } = await servers(2);
  const [, elsewhere] = members;
  const { session, token } = await elsewhere.sessions.open({ timeoutMs: 5000 });
  elsewhere.log.hold();
  const promised: number[] = [];
  const kept = Promise.resolve(elsewhere.sessions.keepalive(session.id, token)).then(({ validForMs }) =>
    promised.push(validForMs),
  );
  await clock.advance(2000);
  expect(promised).toEqual([]);
  elsewhere.log.release();
  await clock.advance(1);
  await kept;
  expect(promised).toEqual([5000]);
});

test("who comes due while the log answers nobody is not ended for it, and has its whole timeout again", async () => {
  const { clock, members } = await servers(2);
  const [onDuty, elsewhere] = members;
  const { session, token } = await elsewhere.sessions.open({ timeoutMs: 1000 });
  const silent = await elsewhere.sessions.open({ timeoutMs: 1000 });
  await clock.advance(500);
  for (const { log } of members) log.hold();
  await clock.advance(1500);
  // The one who would end it is heard first again.
  onDuty.log.release();
  await clock.advance(1);
  elsewhere.log.release();
  elsewhere.sessions.authenticate(token);
  await clock.advance(300);
  expect(members.map((member) => member.hasSession(session.id))).toEqual([true, true]);
  for (let round = 0; round < 3; round += 1) {
    elsewhere.sessions.authenticate(token);
    await clock.advance(500);
  }
  expect(members.map((member) => member.hasSession(session.id))).toEqual([true, true]);
  expect(members.map((member) => member.hasSession(silent.session.id))).toEqual([false, false]);
});

test("a log that is always slow keeps nobody alive for ever", async () => {
  const { clock, members } = await servers(2);
  const [onDuty, elsewhere] = members;
  const { session } = await elsewhere.sessions.open({ timeoutMs: 1000 });
  onDuty.log.passage = { ...freePassage, toLogMs: () => 600 };
  await clock.advance(6000);
  expect(members.map((member) => member.hasSession(session.id))).toEqual([false, false]);
});

test("a keepalive that the log does not answer is refused when that is known, and so is the next", async () => {
  const { clock, members } = await servers(2);
  const [, elsewhere] = members;
  const { session, token } = await elsewhere.sessions.open({ timeoutMs: 60_000 });
  const keepalive = () => refusal(Promise.resolve(elsewhere.sessions.keepalive(session.id, token)));
  elsewhere.log.hold();
  const underWay = keepalive();
  await clock.advance(1);
  elsewhere.log.cutOff("nobody answers");
  expect([await underWay, await keepalive()]).toEqual(["suspended", "suspended"]);
  elsewhere.log.connect();
  await clock.advance(500);
  expect((await elsewhere.sessions.keepalive(session.id, token)).validForMs).toBe(60_000);
});

test("a keepalive that comes after the end of its session in the log is refused", async () => {
  const { clock, members } = await servers(2);
  const [onDuty, elsewhere] = members;
  const { session, token } = await elsewhere.sessions.open({ timeoutMs: 1000 });
  await clock.advance(1);
  elsewhere.log.hold();
  await clock.advance(1300);
  expect(onDuty.hasSession(session.id)).toBe(false);
  const late = refusal(Promise.resolve(elsewhere.sessions.keepalive(session.id, token)));
  elsewhere.log.release();
  await clock.advance(1);
  expect(await late).toBe("session_expired");
});

test("keepalives that come together go to the log together", async () => {
  const { clock, members, entries } = await servers(2);
  const [, elsewhere] = members;
  const opened = await Promise.all(Array.from({ length: 50 }, () => elsewhere.sessions.open()));
  const before = entries.tail;
  const kept = Promise.all(
    opened.map(({ session, token }) => elsewhere.sessions.keepalive(session.id, token)),
  );
  await clock.advance(1);
  expect((await kept).map(({ validForMs }) => validForMs)).toEqual(opened.map(() => 10_000));
  expect(entries.tail).toBe(before + 1);
});

test("one server has the duties, and when it is silent another takes them and gives everybody a full timeout", async () => {
  const { clock, members } = await servers(2);
  const [first, second] = members;
  const onDuty = () => members.map(({ housekeeper }) => housekeeper.isOnDuty);
  expect(onDuty()).toEqual([true, false]);
  const { session } = await second.sessions.open({ timeoutMs: 11_500 });
  await clock.advance(1);
  first.stop();
  first.log.hold();
  await clock.advance(9000);
  expect(onDuty()).toEqual([false, false]);
  await clock.advance(4000);
  expect(onDuty()).toEqual([false, true]);
  // Silent for longer than its timeout by now, as far as anybody could tell.
  expect(second.hasSession(session.id)).toBe(true);
  await clock.advance(11_000);
  expect(second.hasSession(session.id)).toBe(false);
});

test("whoever listens takes the duties as soon as the one that had them was silent for ten seconds", async () => {
  const { clock, members } = await servers(2);
  const [first, second] = members;
  // It is heard of between two looks of the second, which come every two seconds.
  await clock.advance(700);
  first.housekeeper.stop();
  first.housekeeper.start();
  await clock.advance(4300);
  first.stop();
  const heardAgoMs = 300;
  await clock.advance(10_000 - heardAgoMs - 10);
  expect(second.housekeeper.isOnDuty).toBe(false);
  await clock.advance(20);
  expect(second.housekeeper.isOnDuty).toBe(true);
});

test("a server that is cut off lays its duties down, and takes nothing for silence that it could not hear", async () => {
  const { clock, members } = await servers(2);
  const [first] = members;
  const { session } = await first.sessions.open({ timeoutMs: 2000 });
  first.log.cutOff("nobody answers");
  expect(first.housekeeper.isOnDuty).toBe(false);
  await clock.advance(1900);
  first.log.connect();
  await clock.advance(1500);
  expect(first.housekeeper.isOnDuty).toBe(true);
  expect(first.hasSession(session.id)).toBe(true);
  await clock.advance(1000);
  expect(first.hasSession(session.id)).toBe(false);
});

test("a server that was cut off for longer than the one on duty may be silent does not take its place", async () => {
  const { clock, members } = await servers(2);
  const [first, second] = members;
  const term = () => first.housekeeper.stats().term;
  const before = term();
  // When it is back it looks whether the one on duty is silent before it has heard of that one.
  second.log.passage = { ...freePassage, lagMs: () => 18_000 };
  second.log.cutOff("nobody answers");
  await clock.advance(15_000);
  second.log.connect();
  await clock.advance(6000);
  expect(members.map(({ housekeeper }) => housekeeper.isOnDuty)).toEqual([true, false]);
  expect(term()).toBe(before);
});

test("a lock delay lasts as long as the one on duty measures it, whatever the clocks of others say", async () => {
  const { clock, members } = await servers(2);
  const [first, second] = members;
  const [holder, next] = [await first.sessions.open(), await first.sessions.open()];
  await first.store.submit({ type: "configureLock", name: "a", lockDelayMs: 5000 });
  for (const { session } of [holder, next]) {
    const claiming = { type: "claimLock", name: "a", mode: "exclusive", orElse: "wait" } as const;
    await first.store.submit({ ...claiming, metadata: bytes(""), sessionId: session.id });
  }
  await first.store.submit({
    type: "closeSession",
    sessionId: holder.session.id,
    reason: "session_expired",
  });
  const isHeld = () => {
    const queue = second.store.reader(systemContext).queue("/locks/a");
    const claim = queue?.get("x-0000000001");
    return claim !== undefined && queue?.isHeld(claim);
  };
  await clock.advance(4990);
  expect(isHeld()).toBe(false);
  await clock.advance(20);
  expect(isHeld()).toBe(true);
});
