// Who holds, by the order of the queue alone; and the queue kept up to date against the same told from the start.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Claim,
  type ClaimMode,
  ClaimQueue,
  claimOf,
  holdersOf,
  wasGivenOut,
} from "../../src/core/coordination/claim-queue.ts";
import { formatLockSettings, parseLockSettings } from "../../src/core/coordination/lock-settings.ts";
import { formatSequence } from "../../src/core/tree/sequence.ts";
import { rootZnode } from "../../src/core/tree/znode.ts";

/** `xss` is an exclusive claim and two shared ones, numbered from 1. */
function queueOf(modes: string): Claim[] {
  return Array.from(modes, (letter, index) => claim(index + 1, letter === "s" ? "shared" : "exclusive"));
}

function claim(sequence: number, mode: ClaimMode): Claim {
  const id = `${mode === "shared" ? "s" : "x"}-${formatSequence(sequence)}`;
  return { id, path: `/locks/a/${id}`, sequence, mode, fence: sequence, owner: null };
}

function holdersIn(modes: string, permits = 1, heldThrough: number | null = null): number[] {
  const delay = heldThrough === null ? null : { untilMs: 1, heldThrough };
  return holdersOf(queueOf(modes), { permits, delay }).map(({ sequence }) => sequence);
}

test("of exclusive claims the first holds, of none nobody does", () => {
  expect(holdersIn("")).toEqual([]);
  expect(holdersIn("xxx")).toEqual([1]);
  expect(holdersIn("xss")).toEqual([1]);
});

test("shared claims hold together, and a waiting writer keeps the readers behind it waiting", () => {
  expect(holdersIn("sss")).toEqual([1, 2, 3]);
  expect(holdersIn("ssxss")).toEqual([1, 2]);
});

test("of a lock with permits so many hold, whatever their mode", () => {
  expect(holdersIn("xxxx", 3)).toEqual([1, 2, 3]);
  expect(holdersIn("xs", 3)).toEqual([1, 2]);
});

test("while a lock is delayed those hold on who held, and nobody else holds", () => {
  expect(holdersIn("xx", 1, 0)).toEqual([]);
  expect(holdersIn("ssss", 1, 2)).toEqual([1, 2]);
  expect(holdersIn("xxx", 3, 1)).toEqual([1]);
});

test("a child with a number is a claim whatever it is called, and shared only by the server's own name", () => {
  const znode = (path: string, sequence: number | null) => ({ ...rootZnode(), path, sequence, czxid: 9 });
  expect(claimOf(znode("/locks/a/plain", null))).toBeNull();
  expect(claimOf(znode("/locks/a/lock-0000000003", 3))).toMatchObject({ mode: "exclusive", fence: 9 });
  expect(claimOf(znode("/locks/a/s-0000000003", 3))).toMatchObject({ mode: "shared" });
  expect(claimOf(znode("/locks/a/s-mine-0000000003", 3))).toMatchObject({ mode: "exclusive" });
});

test("a number was given out when it is below the next one, however many digits stand before it", () => {
  expect(wasGivenOut("x-0000000003", 4)).toBe(true);
  expect(wasGivenOut("x-0000000004", 4)).toBe(false);
  expect(wasGivenOut("lock20000000003", 4)).toBe(true);
  expect(wasGivenOut("x-3", 4)).toBe(false);
  expect(wasGivenOut("x-10000000003", 10_000_000_004)).toBe(true);
  expect(wasGivenOut("reports", 4)).toBe(false);
});

test("the queue says at each moment what the list of its claims says", () => {
  const step = fc.record({
    add: fc.boolean(),
    mode: fc.constantFrom<ClaimMode>("exclusive", "shared", "shared"),
    pick: fc.nat(1000),
    permits: fc.constantFrom(1, 1, 1, 2, 5),
    heldThrough: fc.option(fc.nat(40), { freq: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ClaimQueue("/locks/a", "lock");
      const claims: Claim[] = [];
      for (const [index, { add, mode, pick, permits, heldThrough }] of steps.entries()) {
        if (add || claims.length === 0) {
          claims.push(claim(index, mode));
          queue.add(claim(index, mode));
        } else queue.remove(claims.splice(pick % claims.length, 1)[0] as Claim);
        const delay = heldThrough === null ? null : { untilMs: 1, heldThrough };
        queue.settings = { permits, lockDelayMs: 0, delay };
        expectAsListed(queue, claims);
      }
    }),
  );
});

function expectAsListed(queue: ClaimQueue, claims: readonly Claim[]): void {
  const holders = holdersOf(claims, queue.settings);
  expect([...queue]).toEqual(claims);
  expect(queue.holders()).toEqual(holders);
  expect(queue.waitingCount).toBe(claims.length - holders.length);
  for (const [index, one] of claims.entries()) {
    expect(queue.get(one.id)).toEqual(one);
    expect(queue.isHeld(one)).toBe(holders.includes(one));
    expect(queue.positionOf(one)).toBe(index - holders.length + 1);
  }
  for (const mode of ["exclusive", "shared"] as const) {
    const next = claim(1000, mode);
    expect(queue.wouldHold(mode)).toBe(holdersOf([...claims, next], queue.settings).includes(next));
  }
}

test("settings are read back as they were written, and what cannot be read counts as not said", () => {
  const settings = { permits: 3, lockDelayMs: 500, delay: { untilMs: 1_700_000_000_000, heldThrough: -1 } };
  expect(parseLockSettings(formatLockSettings(settings))).toEqual(settings);
  const initial = { permits: 1, lockDelayMs: 0, delay: null };
  for (const text of [
    "",
    "host-1",
    "3",
    "null",
    "[]",
    "{",
    '{"permits":0,"lockDelayMs":-1}',
    '{"permits":"2"}',
  ]) {
    expect(parseLockSettings(new TextEncoder().encode(text))).toEqual(initial);
  }
  expect(parseLockSettings(Uint8Array.of(0xff, 0xfe))).toEqual(initial);
  expect(parseLockSettings(new Uint8Array(1_000_000))).toEqual(initial);
});
