import { expect, test } from "vitest";
import { elapsedMs, type Instant, systemClock } from "../../src/client/calls/clock.ts";
import { SessionLife } from "../../src/client/sessions/session-life.ts";

const zero: Instant = { monotonicMs: 0, wallMs: 1_700_000_000_000, bootMs: 50_000 };

/** So many milliseconds after `zero`, on every clock. */
function at(ms: number): Instant {
  return { monotonicMs: ms, wallMs: zero.wallMs + ms, bootMs: zero.bootMs + ms };
}

function life(validForMs = 12_000): SessionLife {
  return new SessionLife({ sentAt: zero, validForMs, expiringShare: 1 / 3 }, zero);
}

/** Looks each second, as the timer of a healthy process does. */
function lookUntil(session: SessionLife, fromMs: number, untilMs: number): string[] {
  const states: string[] = [];
  for (let ms = fromMs; ms <= untilMs; ms += 1000) {
    const state = session.look(at(ms));
    if (state !== states.at(-1)) states.push(state);
  }
  return states;
}

test("what has passed is what the clock says that says most", () => {
  expect(elapsedMs(zero, at(5))).toBe(5);
  expect(elapsedMs(zero, { ...at(5), wallMs: zero.wallMs + 9000 })).toBe(9000);
  expect(elapsedMs(zero, { ...at(5), bootMs: zero.bootMs + 8000 })).toBe(8000);
  expect(elapsedMs(zero, { ...at(5), wallMs: 0 })).toBe(5);
  expect(elapsedMs(zero, { monotonicMs: -1, wallMs: 0, bootMs: 0 })).toBe(0);
});

test("the platform's clocks go on together", () => {
  const before = systemClock.now();
  const after = systemClock.now();
  expect(elapsedMs(before, after)).toBeLessThan(5000);
  expect(after.bootMs).toBeGreaterThan(0);
});

test("without another confirmation a session expires and is lost when its time is up, counted from the sending [N14]", () => {
  const session = life();
  expect(lookUntil(session, 0, 7000)).toEqual(["connected"]);
  expect(lookUntil(session, 8000, 11_000)).toEqual(["expiring"]);
  expect(session.look(at(11_999))).toBe("expiring");
  expect(session.look(at(12_000))).toBe("lost");
  expect(session.end).toBe("unconfirmed");
});

test("the time an answer was on its way counts against the session [N14]", () => {
  const session = new SessionLife({ sentAt: zero, validForMs: 12_000, expiringShare: 1 / 3 }, at(5000));
  expect(session.look(at(5000))).toBe("connected");
  expect(session.remainingMs(at(5000))).toBe(7000);
  session.confirm(session.ask(at(6000)), 12_000, at(7000));
  expect(session.remainingMs(at(7000))).toBe(11_000);
});

test("a missing answer makes doubt, and an answer clears it [N15]", () => {
  const session = life();
  const asked = session.ask(at(1000));
  session.doubt();
  expect(session.look(at(1500))).toBe("suspended");
  session.confirm(asked, 12_000, at(2000));
  expect(session.look(at(2000))).toBe("connected");
});

test("after a gap only an answer to a later question counts, whatever else arrives", () => {
  const session = life();
  const before = session.ask(at(1000));
  expect(session.look(at(4000))).toBe("suspended");
  expect(session.gapCount).toBe(1);
  session.confirm(before, 12_000, at(4100));
  expect(session.look(at(4100))).toBe("suspended");
  expect(session.remainingMs(at(4100))).toBe(8900);
  session.confirm(session.ask(at(4200)), 12_000, at(4300));
  expect(session.look(at(4300))).toBe("connected");
});

test("an answer is the first to look after a gap, and does not hide it", () => {
  const session = life();
  const asked = session.ask(at(0));
  session.confirm(asked, 12_000, at(5000));
  expect(session.look(at(5000))).toBe("suspended");
});

test("time that passed on one clock alone is a gap, and can be the end", () => {
  for (const clock of ["wallMs", "bootMs"] as const) {
    const session = life();
    const slept = (ms: number): Instant => ({ ...at(10), [clock]: zero[clock] + ms });
    expect(session.look(slept(2001))).toBe("suspended");
    expect(session.look(slept(12_000))).toBe("lost");
  }
});

test("a wall clock that is set back gives no time", () => {
  const session = life();
  const back = (ms: number): Instant => ({ ...at(ms), wallMs: 0 });
  session.look(at(1000));
  for (let ms = 1000; ms < 12_000; ms += 1000) session.look(back(ms));
  expect(session.look(back(12_000))).toBe("lost");
});

test("what was lost stays lost, and the first reason counts", () => {
  const session = life();
  const asked = session.ask(at(0));
  session.look(at(12_000));
  session.confirm(asked, 60_000, at(12_001));
  session.finish("closed");
  expect([session.look(at(12_002)), session.end]).toEqual(["lost", "unconfirmed"]);

  const closed = life();
  closed.finish("closed");
  expect(closed.look(at(50_000))).toBe("closed");
});

test("an answer that comes late does not shorten what a later one gave", () => {
  const session = life();
  const [first, second] = [session.ask(at(1000)), session.ask(at(1500))];
  session.confirm(second, 12_000, at(1600));
  session.confirm(first, 12_000, at(1700));
  expect(session.remainingMs(at(1700))).toBe(11_800);
});
