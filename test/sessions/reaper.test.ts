// The timer and the clock of sessions: what they do when the process does not run.

import { describe, expect, test } from "vitest";
import { Reaper } from "../../src/sessions/reaper.ts";
import { SessionClock } from "../../src/sessions/session-clock.ts";
import { FakeClock } from "../support/fake-clock.ts";

describe("SessionClock", () => {
  test("goes with the monotonic clock as long as it beats", async () => {
    const clock = new FakeClock();
    const sessionClock = new SessionClock(clock, 200);
    for (let beat = 1; beat <= 10; beat += 1) {
      await clock.advance(150);
      expect(sessionClock.beat()).toBe(0);
      expect(sessionClock.nowMs()).toBe(beat * 150);
    }
  });

  test("stands still in a stall, and says so to the first who reads it and to the last alike", async () => {
    const clock = new FakeClock();
    const sessionClock = new SessionClock(clock, 200);
    await clock.advance(60_000);
    expect(sessionClock.nowMs()).toBe(200);
    expect(sessionClock.beat()).toBe(59_800);
    expect(sessionClock.nowMs()).toBe(200);
    await clock.advance(30);
    expect(sessionClock.nowMs()).toBe(230);
  });

  test("does not follow the wall clock [N8]", async () => {
    const clock = new FakeClock();
    const sessionClock = new SessionClock(clock, 200);
    clock.jumpWallClock(86_400_000);
    expect(sessionClock.nowMs()).toBe(0);
    clock.jumpWallClock(-172_800_000);
    await clock.advance(10);
    expect(sessionClock.nowMs()).toBe(10);
  });
});

/** A reaper that notes what it did in one list, and whose turns of I/O end when the test says so. */
function observedReaper(clock: FakeClock) {
  const log: string[] = [];
  const turns: (() => void)[] = [];
  const yieldToIo = () => new Promise<void>((resolve) => turns.push(resolve));
  const reaper = new Reaper(clock, { tickMs: 50, latenessMsMax: 150, yieldToIo }, (nowMs) => {
    log.push(`expire ${nowMs}`);
  });
  const letIoThrough = async () => {
    for (const turn of turns.splice(0)) turn();
    await clock.advance(0);
  };
  return { reaper, log, turns, letIoThrough };
}

describe("Reaper", () => {
  test("does not count the time before it starts: a slow boot is nobody's silence [N13]", async () => {
    const clock = new FakeClock();
    const { reaper } = observedReaper(clock);
    await clock.advance(600_000);
    reaper.start();
    const startedAtMs = reaper.nowMs();
    expect(startedAtMs).toBeLessThanOrEqual(200);
    await clock.advance(20);
    expect(reaper.nowMs()).toBe(startedAtMs + 20);
    expect(reaper.stalls).toEqual({ count: 0, totalMs: 0 });
    reaper.stop();
  });

  test("lets waiting requests through before anything expires, and expires as of before them", async () => {
    const clock = new FakeClock();
    const { reaper, log, turns, letIoThrough } = observedReaper(clock);
    reaper.start();
    await clock.advance(50);
    expect(turns.length).toBe(1);
    expect(log).toEqual([]);
    await clock.advance(20);
    await letIoThrough();
    expect(log).toEqual(["expire 50"]);
    reaper.stop();
  });

  test("a stall is counted, given back, and followed by a tick in which nothing expires", async () => {
    const clock = new FakeClock();
    const { reaper, log, turns, letIoThrough } = observedReaper(clock);
    reaper.start();
    await clock.stall(60_000);
    expect(reaper.stalls).toEqual({ count: 1, totalMs: 59_800 });
    expect(reaper.nowMs()).toBe(200);
    expect(turns.length).toBe(0);
    await clock.advance(50);
    await letIoThrough();
    expect(log).toEqual(["expire 250"]);
    reaper.stop();
  });

  test("a tick that is late within bounds is no stall", async () => {
    const clock = new FakeClock();
    const { reaper, log, letIoThrough } = observedReaper(clock);
    reaper.start();
    await clock.stall(200);
    await letIoThrough();
    expect(reaper.stalls.count).toBe(0);
    expect(log).toEqual(["expire 200"]);
    reaper.stop();
  });

  test("a process that is always late expires at every second tick, not never", async () => {
    const clock = new FakeClock();
    const { reaper, log, letIoThrough } = observedReaper(clock);
    reaper.start();
    for (let tick = 0; tick < 6; tick += 1) {
      await clock.stall(1000);
      await letIoThrough();
    }
    expect(reaper.stalls.count).toBe(6);
    expect(log).toEqual(["expire 400", "expire 800", "expire 1200"]);
    reaper.stop();
  });

  test("expires nothing once it is stopped, even when a tick was under way", async () => {
    const clock = new FakeClock();
    const { reaper, log, letIoThrough } = observedReaper(clock);
    reaper.start();
    await clock.advance(50);
    reaper.stop();
    await letIoThrough();
    await clock.advance(1000);
    expect(log).toEqual([]);
  });
});
