// The judge of the nemesis finds each kind of fault that it is there to find, in what was right before it was changed.

import { expect, test } from "vitest";
import { faultsOf, promises } from "./nemesis/judge.ts";
import type { Message, MessageEvent, NemesisRecord, Read, Write } from "./nemesis/record.ts";

const session = "5e5510";
const timeoutMs = 500;

/** Its zxid follows from its place. */
function event(
  type: MessageEvent["type"],
  path: string,
  data: string,
  { version = 0, owner = null }: { readonly version?: number; readonly owner?: string | null } = {},
): MessageEvent {
  return { type, path, data, stat: { version, mzxid: 0, ephemeralOwner: owner } };
}

type Told = Partial<Message> & Pick<Message, "events">;

/** One after the other, ten milliseconds apart, the first at zxid 1. */
const told: readonly Told[] = [
  { events: [event("created", "/n/r/0", "")] },
  { events: [event("changed", "/n/r/0", "a.1", { version: 1 })] },
  { events: [event("created", "/n/s/x-0000000000", "a.2")] },
  { events: [event("changed", "/n/p/a", "a.3"), event("changed", "/n/p/b", "a.3")] },
  { events: [event("created", "/counters/nemesis", "1")] },
  { events: [event("created", "/n/e/k.1", "k.1", { owner: session })] },
  { events: [event("changed", "/n/r/0", "a.4", { version: 2 })] },
  { timeMs: 1000, ...expiryOf(session) },
];

function expiryOf(id: string): Told {
  return { cause: "session_expired", session: id, events: [event("deleted", "/n/e/k.1", "", { owner: id })] };
}

function historyOf(messages: readonly Told[]): string[] {
  return messages.map(({ events, zxid, ...message }, index) => {
    const at = zxid ?? index + 1;
    const whole = events.map((each) => ({ ...each, stat: { ...each.stat, mzxid: at } }));
    return JSON.stringify({ zxid: at, timeMs: at * 10, cause: "request", ...message, events: whole });
  });
}

const write = (value: string, outcome: Write["outcome"], more: Partial<Write>): Write => ({
  ...{ value, outcome, paths: ["/n/r/0"], isSequential: false },
  ...{ beganMs: 10 * Number(outcome) - 5, endedMs: 10 * Number(outcome) + 4 },
  ...more,
});

const writes: readonly Write[] = [
  write("a.1", 2, {}),
  write("a.2", 3, { isSequential: true, paths: ["/n/s/x-"], path: "/n/s/x-0000000000" }),
  write("a.3", 4, { paths: ["/n/p/a", "/n/p/b"] }),
  write("a.4", 7, { ifVersion: 1 }),
  write("a.5", { refused: "bad_version" }, { ifVersion: 9, beganMs: 72, endedMs: 74, refusedAt: 7 }),
  write("a.6", "unknown", { beganMs: 75, endedMs: 90 }),
];

const read: Read = {
  ...{ beganMs: 76, endedMs: 78, server: 0, minZxid: 7, zxid: 7, isLinearizable: true },
  ...{ path: "/n/r/0", value: "a.4", mzxid: 7, version: 2 },
};

const histories = [historyOf(told), historyOf(told)];

const sound: NemesisRecord = {
  answers: [
    ...writes.flatMap(({ outcome, beganMs, endedMs }) =>
      typeof outcome === "number" ? [{ beganMs, endedMs, server: 0, minZxid: 0, zxid: outcome }] : [],
    ),
    read,
  ],
  writes,
  increments: [{ beganMs: 45, endedMs: 54, outcome: 5, value: 1 }],
  reads: [read],
  sessions: [
    {
      ...{ id: session, timeoutMs, isLeft: true },
      keepalives: [
        { beganMs: 1, endedMs: 2, outcome: "kept" },
        { beganMs: 1100, endedMs: 1101, outcome: "session_expired" },
      ],
    },
  ],
  streams: [
    { name: "all", parent: null, texts: historyOf(told), faults: [], hops: 1 },
    { name: "some", parent: "/n/s", texts: historyOf(told).slice(2, 3), faults: [], hops: 1 },
  ],
  trials: [],
  wallOffsetMs: 0,
  histories,
  outages: [],
  isCutOff: false,
  seen: [],
};

/** What every server and the stream of everything would tell, had that happened. */
function happened(messages: readonly Told[]): Partial<NemesisRecord> {
  const history = historyOf(messages);
  const [, ...others] = sound.streams;
  const all = { name: "all", parent: null, texts: history, faults: [], hops: 1 };
  return { histories: [history, history], streams: [all, ...others] };
}

function without(index: number): readonly Told[] {
  return told.map((message, at) => ({ ...message, zxid: at + 1 })).filter((_, at) => at !== index);
}

function kept(beganMs: number): Partial<NemesisRecord> {
  const [record] = sound.sessions;
  const keepalive = { beganMs, endedMs: beganMs + 1, outcome: "kept" };
  return {
    sessions: [
      { id: session, timeoutMs, isLeft: true, keepalives: [...(record?.keepalives ?? []), keepalive] },
    ],
  };
}

const knownAt = (endedMs: number, zxid: number): Partial<NemesisRecord> => ({
  answers: [...sound.answers, { beganMs: endedMs - 1, endedMs, server: 1, minZxid: 0, zxid }],
});

const claim = { path: "/locks/l/x-0", number: 0, fence: 3, session, end: null };

const faults: Readonly<Record<string, Readonly<Record<string, Partial<NemesisRecord>>>>> = {
  oneHistory: {
    "a server has not all": { histories: [historyOf(told), historyOf(without(4))] },
    "a server has more": { histories: [historyOf(told.slice(0, -1)), historyOf(told)] },
  },
  oneOrder: { "a zxid comes twice": happened([...told, { ...told[0], zxid: 8 } as Told]) },
  acknowledgedIsThere: {
    "a write is not there": happened(without(1)),
    "half of a transaction is there": happened(
      told.map((message, at) => (at === 3 ? { events: message.events.slice(1) } : message)),
    ),
    "it is there under another name": { writes: [write("a.2", 3, { isSequential: true, path: "/n/s/x-1" })] },
  },
  doneOnce: {
    "a write is done again": happened([...told, told[1] as Told]),
    "what was refused is done": {
      writes: [write("a.1", { refused: "suspended" }, { beganMs: 15, endedMs: 24 })],
    },
    "what was never answered is done twice": {
      ...happened([...told, told[1] as Told]),
      writes: [write("a.1", "unknown", { beganMs: 15, endedMs: 24 })],
    },
  },
  writesInRealTime: { "a later zxid was known": knownAt(14, 3) },
  conditionsHold: {
    "another version was overwritten": { writes: [write("a.4", 7, { ifVersion: 0 })] },
    "a refusal was never true": {
      writes: [
        write("a.5", { refused: "bad_version" }, { ifVersion: 2, beganMs: 80, endedMs: 90, refusedAt: 7 }),
      ],
    },
  },
  neverBack: {
    "an answer is older than what was seen": {
      answers: [...sound.answers, { beganMs: 80, endedMs: 81, server: 1, minZxid: 7, zxid: 6 }],
    },
  },
  readsAreTrue: {
    "a value is of another time": { reads: [{ ...read, value: "a.1" }] },
    "a state is not the one that it is said to be": { reads: [{ ...read, zxid: 6 }] },
  },
  readsAreNew: { "a later zxid was known": knownAt(75.5, 8) },
  countedOnce: {
    "an addition is done twice": happened([
      ...told,
      { events: [event("changed", "/counters/nemesis", "2")] },
    ]),
    "two are told the same": { increments: [...sound.increments, ...sound.increments] },
    "it came to something else": { increments: [{ beganMs: 45, endedMs: 54, outcome: 5, value: 2 }] },
  },
  numbersGrow: {
    "a number is given twice": {
      ...happened([...told, { events: [event("created", "/n/s/x-0000000000", "a.6")] }]),
      writes: [...writes.slice(0, -1), write("a.6", "unknown", { isSequential: true, paths: ["/n/s/x-"] })],
    },
  },
  streamsAreWhole: {
    "a change is left out": {
      streams: [{ name: "all", parent: null, texts: historyOf(without(4)), faults: [], hops: 1 }],
    },
    "a change is told twice": {
      streams: [
        {
          name: "some",
          parent: "/n/s",
          texts: [2, 2].flatMap((at) => histories[0]?.[at] ?? []),
          faults: [],
          hops: 1,
        },
      ],
    },
    "it was reset": {
      streams: [{ name: "all", parent: null, texts: historyOf(told), faults: ["reset"], hops: 1 }],
    },
  },
  endsOnce: {
    "a session ends again": happened([...told, expiryOf(session)]),
    "something of it stays": happened([
      ...told.slice(0, 6),
      { events: [event("created", "/n/e/k.2", "k.2", { owner: session })] },
      ...told.slice(6),
    ]),
    "something of it is made later": happened([
      ...told,
      { events: [event("created", "/n/e/k.2", "k.2", { owner: session })] },
    ]),
  },
  keptIsAlive: {
    "it ends before its time": kept(600),
    "it is kept after its end": { ...knownAt(1050, 8), ...kept(1060) },
  },
  unheardIsNotSilent: {
    "it ends in an outage": { ...kept(450), outages: [{ beganMs: 900, endedMs: 1050, isReadable: false }] },
    "it has only what was left of its time": {
      ...kept(450),
      outages: [{ beganMs: 900, endedMs: 950, isReadable: true }],
    },
  },
  leftIsGone: { "it never ends": happened(told.slice(0, -1)) },
  nothingUnordered: {
    "a write is acknowledged": { outages: [{ beganMs: 14, endedMs: 26, isReadable: true }] },
    "the newest is read": { outages: [{ beganMs: 75, endedMs: 79, isReadable: false }] },
    "a session is kept": { ...kept(2000), outages: [{ beganMs: 1999, endedMs: 2010, isReadable: true }] },
  },
  locks: {
    "a claim is left behind": {
      trials: [{ trial: "l", lockDelayMs: 0, evidence: [], writes: [], claims: [claim] }],
    },
  },
  seen: { "a server has failed": { seen: ["500"] } },
};

test("what is sound has no fault", () => {
  expect(faultsOf(sound)).toEqual([]);
});

const cutOff = { ...sound, isCutOff: true };

test("where the service was cut off, what it told last need not have come everywhere, nor anything be tidied up", () => {
  const [, ...some] = sound.streams;
  const all = { name: "all", parent: null, texts: historyOf(told.slice(0, -2)), faults: [], hops: 1 };
  const behind = { histories: [historyOf(told), historyOf(told.slice(0, -1))], streams: [all, ...some] };
  expect(faultsOf({ ...cutOff, ...behind })).toEqual([]);
  expect(faultsOf({ ...sound, ...behind })).toHaveLength(2);
  const trials = [{ trial: "l", lockDelayMs: 0, evidence: [], writes: [], claims: [claim] }];
  expect(faultsOf({ ...cutOff, ...happened(told.slice(0, -1)), trials })).toEqual([]);
});

test.each([
  ["oneHistory", { histories: [historyOf(told), historyOf(without(4))] }],
  [
    "streamsAreWhole",
    { streams: [{ name: "all", parent: null, texts: historyOf(without(4)), faults: [], hops: 1 }] },
  ],
])("what is missing in between is missing there, too: %s", (promise, change) => {
  const found = faultsOf({ ...cutOff, ...change });
  expect(found.map((fault) => fault.split(":")[0])).toEqual([promise]);
});

test("there is a fault for each promise", () => {
  expect(Object.keys(faults)).toEqual(Object.keys(promises));
});

const cases = Object.entries(faults).flatMap(([promise, kinds]) =>
  Object.entries(kinds).map(([name, change]) => [promise, name, change] as const),
);

test.each(cases)("%s: %s", (promise, _, change) => {
  const found = faultsOf({ ...sound, ...change });
  expect(found.map((fault) => fault.split(":")[0])).toContain(promise);
});
