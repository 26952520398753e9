// When a command is told to stop and when it must be dead, as a function of the time that is left.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stepAt, stopTimesFor } from "../../src/cli/supervisor/stop-plan.ts";

describe("the plan of a stop", () => {
  test("a command runs, is asked to end, and is ended, all before the session could end", () => {
    const times = stopTimesFor(10_000);
    expect(times).toEqual({ graceMs: 2500, marginMs: 500 });
    expect([10_000, 3001, 3000, 501, 500, 0].map((remainingMs) => stepAt(remainingMs, times))).toEqual([
      ...["run", "run", "terminate", "terminate", "kill", "kill"],
    ]);
  });

  test("a session that waits for its next keepalive, or one more, is no reason to stop", () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 3_600_000 }), (timeoutMs) => {
        const times = stopTimesFor(timeoutMs);
        expect(times.marginMs).toBeGreaterThan(0);
        expect(stepAt(timeoutMs / 2 + 1, times)).toBe("run");
      }),
    );
  });

  test("less time never makes for a milder step", () => {
    const steps = ["kill", "terminate", "run"];
    const ms = fc.double({ min: 0, max: 100_000, noNaN: true });
    fc.assert(
      fc.property(ms, ms, fc.integer({ min: 100, max: 100_000 }), (one, other, timeoutMs) => {
        const times = stopTimesFor(timeoutMs);
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        expect(steps.indexOf(stepAt(less, times))).toBeLessThanOrEqual(steps.indexOf(stepAt(more, times)));
      }),
    );
  });

  test("a grace that does not fit says which session it needs, and fits that", () => {
    expect(() => stopTimesFor(10_000, 9000)).toThrow(
      "A grace of 9000 ms needs a session of 20000 ms or more",
    );
    expect(stopTimesFor(20_000, 9000)).toEqual({ graceMs: 9000, marginMs: 1000 });
    expect(stopTimesFor(10_000, 0).graceMs).toBe(0);
  });
});
