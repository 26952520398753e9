// The judge of a restored etcd finds each kind of fault that it is there to find, in what was right before it was changed.

import { expect, test } from "vitest";
import { Journal } from "./nemesis/journal.ts";
import type { Message, MessageEvent, NemesisRecord, Write } from "./nemesis/record.ts";
import { faultsOfRestore, promises, type Restore } from "./nemesis/restore-judge.ts";

type Owned = { readonly owner?: string; readonly version?: number };

function event(type: MessageEvent["type"], path: string, data: string, owned: Owned = {}): MessageEvent {
  const { owner = null, version = 0 } = owned;
  return { type, path, data, stat: { version, mzxid: 0, ephemeralOwner: owner } };
}

function message(zxid: number, events: readonly MessageEvent[], more: Partial<Message> = {}): Message {
  return { zxid, timeMs: 10 * zxid, cause: "request", events, ...more };
}

function endOf(zxid: number, session: string): Message {
  return message(zxid, [], { cause: "session_expired", session });
}

/** Copied behind zxid 5; 6 and later are lost. */
const past = [
  message(1, [event("created", "/n/r/0", "")]),
  message(2, [event("changed", "/n/r/0", "a.1", { version: 1 })]),
  message(3, [event("created", "/n/e/k.1", "k.1", { owner: "kept" })]),
  endOf(4, "ended"),
  message(5, [event("created", "/n/s/x-0000000000", "a.2")]),
  message(6, [event("changed", "/n/r/0", "a.3", { version: 2 })]),
  message(7, [event("created", "/n/s/x-0000000001", "a.4")]),
];

const texts = (messages: readonly Message[]) => messages.map((each) => JSON.stringify(each));

const lost: Write = {
  ...{ value: "a.3", paths: ["/n/r/0"], isSequential: false },
  ...{ beganMs: 56, endedMs: 64, outcome: 6 },
};

const before: NemesisRecord = {
  ...{ ...new Journal(), writes: [lost], trials: [], wallOffsetMs: 0, isCutOff: true },
  histories: [texts(past)],
  answers: [{ beganMs: 48, endedMs: 51, server: 0, minZxid: 0, zxid: 5 }],
  sessions: [
    {
      ...{ id: "later", timeoutMs: 500, isLeft: false },
      keepalives: [{ beganMs: 57, endedMs: 58, outcome: "kept" }],
    },
  ],
};

const found = [
  { path: "/n/r/0", value: "a.1", version: 1, mzxid: 2 },
  { path: "/n/s/x-0000000000", value: "a.2", version: 0, mzxid: 5 },
];

const said: Restore = {
  ...{ copied: { beganMs: 52, endedMs: 55 }, isSaid: true, found },
  told: [endOf(101, "kept")],
};

const unsaid: Restore = { ...said, isSaid: false, told: [...past.slice(0, 5), endOf(6, "kept")] };

function nextOf(messages: readonly Message[]): NemesisRecord {
  return { ...before, histories: [texts(messages)], writes: [], sessions: [] };
}

const next = nextOf([message(102, [event("created", "/n/s/x-0000000009", "b.1")])]);

interface Changed {
  readonly restore?: Partial<Restore>;
  readonly unsaid?: Partial<Restore>;
  readonly next?: NemesisRecord;
}

const faults: Readonly<Record<string, Readonly<Record<string, Changed>>>> = {
  onePoint: {
    "an earlier write is not there": { restore: { found: found.slice(1) } },
    "a value is of another time": {
      restore: { found: [{ ...found[0], value: "a.0" } as never, found[1] as never] },
    },
    "there is something that never was": {
      restore: { found: [...found, { path: "/n/r/1", value: "c.1", version: 0, mzxid: 4 }] },
    },
  },
  nothingOlder: {
    "what was known when the copy was begun is not there": { restore: { found: found.slice(0, 1) } },
  },
  nothingNewer: {
    "it is of after the copy": {
      restore: { found: [{ path: "/n/r/0", value: "a.3", version: 2, mzxid: 6 }, found[1] as never] },
    },
  },
  lostIsLost: {
    "a write of the lost time is done again": {
      next: nextOf([message(102, [event("changed", "/n/r/0", "a.3", { version: 2 })])]),
    },
  },
  commonPast: {
    "something of it is not told": { unsaid: { told: unsaid.told.filter(({ zxid }) => zxid !== 3) } },
  },
  numbersGoOn: {
    "a zxid comes again": { restore: { told: [endOf(7, "kept")] } },
    "a number comes again": {
      next: nextOf([message(102, [event("created", "/n/s/x-0000000001", "b.1")])]),
    },
  },
  sessionsEndOnce: {
    "one that had ended ends again": { restore: { told: [...said.told, endOf(102, "ended")] } },
    "one ends twice": { restore: { told: [...said.told, endOf(102, "kept")] } },
    "one of the lost time ends": { unsaid: { told: [...unsaid.told, endOf(7, "later")] } },
    "one does not end": { restore: { told: [endOf(101, "another")] } },
  },
};

test("what is sound has no fault, whether or not it was said", () => {
  expect(faultsOfRestore(before, said, next)).toEqual([]);
  expect(faultsOfRestore(before, unsaid, next)).toEqual([]);
});

test("of a session that had given up all it had nobody is told that it ends", () => {
  // At 8 nothing is asked that is known to be lost: the copy may hold it or not.
  const releasing = [
    ...past.slice(0, 5),
    message(6, [event("deleted", "/n/e/k.1", "", { owner: "kept" })]),
    message(8, [event("changed", "/n/r/0", "a.3", { version: 2 })]),
  ];
  const released = { ...before, histories: [texts(releasing)], writes: [{ ...lost, outcome: 8 }] };
  expect(faultsOfRestore(released, { ...said, told: [] }, next)).toEqual([]);
});

test("there is a fault for each promise", () => {
  expect(Object.keys(faults)).toEqual(Object.keys(promises));
});

const cases = Object.entries(faults).flatMap(([promise, kinds]) =>
  Object.entries(kinds).map(([name, changed]) => [promise, name, changed] as const),
);

test.each(cases)("%s: %s", (promise, _, changed) => {
  const restore =
    changed.unsaid === undefined ? { ...said, ...changed.restore } : { ...unsaid, ...changed.unsaid };
  const broken = faultsOfRestore(before, restore, changed.next ?? next);
  expect(broken.map((fault) => fault.split(":")[0])).toContain(promise);
});
