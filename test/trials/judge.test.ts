// That the judge of the trials can find fault: each promise accepts a record in which all went well, and refuses that
// record with one thing in it gone wrong.

import { expect, test } from "vitest";
import type { Evidence } from "./evidence.ts";
import { beliefsIn, faultsIn, promises, type TrialRecord } from "./judge.ts";

/** Two holders: the first is cut off until its session expires, the second lets go. */
const evidence: readonly Evidence[] = [
  { kind: "held", ...by("a", 2), path: "/locks/t/x-0000000000", atMs: 100 },
  { kind: "believed", ...by("a", 2), atMs: 101, untilMs: 500 },
  { kind: "asked", ...by("a", 2), number: 1, isLate: false, atMs: 102 },
  { kind: "answered", ...by("a", 2), number: 1, outcome: 4, atMs: 103 },
  { kind: "believed", ...by("a", 2), atMs: 499, untilMs: 500 },
  { kind: "ended", ...by("a", 2), why: "lost", atMs: 520 },
  { kind: "held", ...by("b", 3), path: "/locks/t/x-0000000001", session: "session of 3", atMs: 660 },
  { kind: "asked", ...by("a", 2), number: 2, isLate: true, atMs: 665 },
  { kind: "answered", ...by("a", 2), number: 2, outcome: "fence_stale", atMs: 670 },
  { kind: "believed", ...by("b", 3), atMs: 680, untilMs: 1100 },
  { kind: "asked", ...by("b", 3), number: 1, isLate: false, atMs: 685 },
  { kind: "answered", ...by("b", 3), number: 1, outcome: "unknown", atMs: 690 },
  { kind: "ended", ...by("b", 3), why: "let go", atMs: 700 },
];
const [first, second] = [
  claim(0, 2, { zxid: 5, atMs: 550, cause: "session_expired" }),
  claim(1, 3, { zxid: 8, atMs: 710, cause: "request" }),
];
const sound: TrialRecord = {
  ...{ trial: "t", lockDelayMs: 100, evidence, claims: [first, second] },
  writes: [
    { zxid: 4, fence: 2, number: 1 },
    { zxid: 7, fence: 3, number: 1 },
  ],
};

const broken: readonly (readonly [keyof typeof promises, string, Partial<TrialRecord>])[] = [
  ["exclusive", "two believed at once", told("held", 3, { atMs: 498 })],
  ["exclusive", "one believed for long beside another", told("believed", 2, { atMs: 690 })],
  ["believedInTime", "one believed after its claim had ended", told("believed", 2, { atMs: 553 })],
  [
    "believedInTime",
    "one would have believed after its session had expired",
    told("believed", 2, { untilMs: 553 }),
  ],
  ["fencesGrow", "a fence came twice", { evidence: [...evidence, held("c", 3)] }],
  ["fencesGrow", "a smaller fence came later", { evidence: [...evidence, held("c", 1)] }],
  ["firstComeFirstServed", "places were given out of order", { claims: [claim(3, 2, first.end), second] }],
  ["firstComeFirstServed", "one held before the one ahead was gone", told("held", 3, { atMs: 547 })],
  [
    "firstComeFirstServed",
    "one that never held was passed over",
    {
      claims: [first, second, claim(2, 9, null), claim(3, 10, null)],
      evidence: [...evidence, held("d", 10)],
    },
  ],
  ["firstComeFirstServed", "nobody claimed what was held", { claims: [first] }],
  ["delayed", "the delay was cut short", { lockDelayMs: 120 }],
  ["fenced", "a stale write was done", { writes: [{ zxid: 6, fence: 2, number: 2 }] }],
  ["fenced", "one who waits wrote", { writes: [{ zxid: 4, fence: 3, number: 1 }] }],
  ["fenced", "somebody without a claim wrote", { writes: [{ zxid: 4, fence: 1, number: 1 }] }],
  ["doneOnce", "a write was done twice", { writes: [sound.writes[0], sound.writes[0]].flatMap(given) }],
  ["doneOnce", "a refused write was done", { writes: [{ zxid: 4, fence: 2, number: 2 }] }],
  [
    "refusedForCause",
    "a fence was refused too early",
    told("answered", 2, { number: 2, outcome: "fence_stale", atMs: 540 }),
  ],
  ["refusedForCause", "the fence of a living claim was refused", { claims: [claim(0, 2, null), second] }],
  [
    "oneClaimEach",
    "a session stood in line twice",
    { claims: [first, { ...second, session: first.session }] },
  ],
  ["ownClaim", "one acted on the claim of another session", told("held", 3, { session: "session of 2" })],
  ["nothingLeft", "a claim was left behind", { claims: [first, claim(1, 3, null)] }],
  ["whole", "the log lacks an answered write", { writes: [] }],
];

test("a record in which all went well has no fault", () => {
  expect(faultsIn(sound)).toEqual([]);
});

test.for(broken)("%s: it is found out that %s", ([name, , spoilt]) => {
  const promise = promises[name];
  expect(promise?.(sound)).toEqual([]);
  expect(promise?.({ ...sound, ...spoilt })).not.toEqual([]);
  expect(faultsIn({ ...sound, ...spoilt }).join()).toContain(`t, ${name}: `);
});

test("every promise is broken by some record here", () => {
  expect(Object.keys(promises).filter((name) => broken.every(([other]) => other !== name))).toEqual([]);
});

test("belief lasts as long as it was asked for and affirmed, and the time that was left counts unless it let go", () => {
  const [a, b] = beliefsIn(sound);
  expect(a).toEqual({ who: "a", fence: 2, beganMs: 100, lastMs: 499, untilMs: 500 });
  expect(b).toEqual({ who: "b", fence: 3, beganMs: 660, lastMs: 700, untilMs: 700 });
});

function by(who: string, fence: number) {
  return { trial: "t", who, fence };
}

function claim<End>(number: number, fence: number, end: End) {
  return { path: `/locks/t/x-000000000${number}`, number, fence, session: `session of ${fence}`, end };
}

function held(who: string, fence: number): Evidence {
  return { kind: "held", ...by(who, fence), path: "/locks/t/x-0000000009", atMs: 2000 };
}

/** The record with the last evidence of this kind changed. */
function told(kind: Evidence["kind"], fence: number, change: Partial<Evidence>): Partial<TrialRecord> {
  const index = evidence.findLastIndex((one) => one.kind === kind && one.fence === fence);
  const changed = evidence.with(index, { ...(evidence[index] as Evidence), ...change } as Evidence);
  return { evidence: changed.toSorted((one, other) => one.atMs - other.atMs) };
}

function given<T>(item: T | undefined): T[] {
  return item === undefined ? [] : [item];
}
