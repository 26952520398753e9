// The queue alone: times are numbers here, nothing waits.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Deadlines } from "../../src/sessions/deadlines.ts";

const holdersOf = (due: readonly { holder: string }[]) => due.map(({ holder }) => holder);

describe("Deadlines", () => {
  test("silence of exactly the timeout is tolerated, and it is over at the next tick [N8]", () => {
    const deadlines = new Deadlines<string>(50, 0);
    deadlines.add("a", 1000, 0);
    expect(deadlines.takeDue(1000)).toEqual([]);
    expect(deadlines.takeDue(1049.9)).toEqual([]);
    expect(holdersOf(deadlines.takeDue(1050))).toEqual(["a"]);
  });

  test("the expiry instant is rounded up to the next tick from times between ticks too [N8]", () => {
    const deadlines = new Deadlines<string>(50, 12.5);
    deadlines.add("a", 1000, 12.5);
    expect(deadlines.takeDue(1049)).toEqual([]);
    expect(holdersOf(deadlines.takeDue(1050))).toEqual(["a"]);
  });

  test("a touch starts the timeout again, however often it comes [N7]", () => {
    const deadlines = new Deadlines<string>(50, 0);
    const deadline = deadlines.add("a", 1000, 0);
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 10) {
      deadlines.touch(deadline, nowMs);
      expect(deadlines.takeDue(nowMs)).toEqual([]);
    }
    expect(deadlines.takeDue(11_000)).toEqual([]);
    expect(holdersOf(deadlines.takeDue(11_050))).toEqual(["a"]);
  });

  test("what was taken or removed never comes due again", () => {
    const deadlines = new Deadlines<string>(50, 0);
    deadlines.add("taken", 1000, 0);
    deadlines.remove(deadlines.add("removed", 1000, 0));
    expect(holdersOf(deadlines.takeDue(2000))).toEqual(["taken"]);
    expect(deadlines.takeDue(100_000)).toEqual([]);
  });

  test("what is put back comes due again at the asked time, unless it was touched", () => {
    const deadlines = new Deadlines<string>(50, 0);
    const silent = deadlines.add("silent", 1000, 0);
    const revived = deadlines.add("revived", 1000, 0);
    deadlines.takeDue(1050);
    deadlines.putBack(silent, 2050);
    deadlines.putBack(revived, 2050);
    deadlines.touch(revived, 1500);
    expect(deadlines.takeDue(2050)).toEqual([]);
    expect(holdersOf(deadlines.takeDue(2100))).toEqual(["silent"]);
    expect(holdersOf(deadlines.takeDue(2550))).toEqual(["revived"]);
  });

  test("what is cut short is due as soon as it is looked at", () => {
    const deadlines = new Deadlines<string>(50, 0);
    const deadline = deadlines.add("a", 3_600_000, 0);
    deadlines.remove(deadline);
    deadlines.cutShort(deadline, 100);
    deadlines.putBack(deadline, 1100);
    expect(holdersOf(deadlines.takeDue(1150))).toEqual(["a"]);
  });

  test("whatever the order of touches, each expires once: never early, at most a tick late [N8]", () => {
    const step = fc.record({
      passMs: fc.integer({ min: 0, max: 400 }),
      touched: fc.integer({ min: 0, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const deadlines = new Deadlines<number>(50, 0);
        const timeoutsMs = [100, 149, 150, 1000, 20_000];
        const entries = timeoutsMs.map((timeoutMs, index) => deadlines.add(index, timeoutMs, 0));
        const expired = new Set<number>();
        const take = (nowMs: number) => {
          for (const { holder, touchedMs, timeoutMs } of deadlines.takeDue(nowMs)) {
            expect(expired.has(holder)).toBe(false);
            expect(nowMs).toBeGreaterThan(touchedMs + timeoutMs);
            expect(nowMs).toBeLessThanOrEqual(touchedMs + timeoutMs + 50);
            expired.add(holder);
          }
        };
        let nowMs = 0;
        for (const { passMs, touched } of steps) {
          for (const endMs = nowMs + passMs; nowMs < endMs; nowMs += 1) take(nowMs);
          const entry = entries[touched];
          if (entry !== undefined && !expired.has(touched)) deadlines.touch(entry, nowMs);
        }
        for (const endMs = nowMs + 20_100; nowMs < endMs; nowMs += 1) take(nowMs);
        expect(expired.size).toBe(entries.length);
      }),
      { numRuns: 30 },
    );
  });
});
