// The promises of a watch over the wire of a real server, which is killed while it is written to and remembers only
// a little of what happened: streams begin around the present and at the edge of the history, are cut off and come
// back, in time or too late. A round is one server; WATCH_FAULT_ROUNDS asks for more, WATCH_SEED repeats one.

import { expect, test as plainTest } from "vitest";
import { Http } from "../support/http.ts";
import { type ServerProcess, test } from "../support/process.ts";
import { random } from "../support/random.ts";
import { type Message, promises } from "../watches/promises.ts";
import type { ZnodeRecord } from "../watches/reference.ts";
import { Follower } from "./follower.ts";
import { type Answered, disagreements, ToldLog } from "./told-log.ts";
import { sessionTimeoutMsMin, TreeLoad } from "./tree-load.ts";
import { Watchers } from "./watchers.ts";
import { type Judge, type WireRecording, wirePromises } from "./wire-promises.ts";

const killedRounds = Number(process.env.WATCH_FAULT_ROUNDS ?? 3);
const seed = Number(process.env.WATCH_SEED ?? Date.now() % 1_000_000);

const zxidsPerRound = 350;
const historyMessagesMax = 60;
const settings = [
  ...["--history-messages-max", String(historyMessagesMax)],
  ...["--snapshot-page-znodes-max", "3", "--session-timeout-ms-min", String(sessionTimeoutMsMin)],
];

test(`every stream of a server keeps every promise over ${killedRounds} kills, seed ${seed} [M9, M10, W11, W18, W20, W21, W23, W28, W31]`, {
  timeout: 180_000 + killedRounds * 20_000,
}, async ({ start }) => {
  const chance = random(seed);
  const load = new TreeLoad(seed);
  const watchers = new Watchers(seed, load);
  const follower = new Follower();
  for (let round = 0; round < killedRounds; round += 1) {
    const server = await start(...settings);
    await follower.follow(server.url);
    await verifyTree(server, follower, Math.max(load.zxid, watchers.lastId));
    const untilZxid = load.zxid + zxidsPerRound;
    const writing = load.run(server.url, untilZxid);
    const watching = watchers.run(server.url, untilZxid);
    await load.untilZxid(load.zxid + Math.ceil((0.4 + chance() * 0.5) * zxidsPerRound));
    await server.kill();
    await Promise.all([writing, watching, follower.collect()]);
    await watchers.collectCutOff();
  }

  const server = await start(...settings);
  await follower.follow(server.url);
  await verifyTree(server, follower, Math.max(load.zxid, watchers.lastId));
  const untilZxid = load.zxid + zxidsPerRound;
  await Promise.all([load.run(server.url, untilZxid), watchers.run(server.url, untilZxid)]);
  await watchers.collectComplete(await verifyTree(server, follower, load.zxid));
  await verifyTree(server, follower, watchers.lastId);
  follower.close();

  const { log } = follower;
  expect(follower.messages.filter(({ event }) => event === "reset")).toEqual([]);
  expect(disagreements(log, load)).toEqual([]);
  verifyPromises(watchers.recordings, { log, historyMessagesMax });
  verifyVariety(watchers.recordings, follower.messages);
});

/** What was told is what is there, once the server has told all it has done: all that was seen before it was killed. */
async function verifyTree(server: ServerProcess, follower: Follower, seenZxid: number): Promise<number> {
  const { zxid, znodes } = await readTree(new Http(server.url));
  expect(zxid).toBeGreaterThanOrEqual(seenZxid);
  await follower.until(zxid);
  expect(byPath(znodes)).toEqual(byPath(follower.log.treeAt(zxid)));
  return zxid;
}

function byPath(znodes: readonly ZnodeRecord[]): Record<string, ZnodeRecord> {
  return Object.fromEntries(znodes.map((znode) => [znode.path, znode]));
}

/** The tree as of one zxid, read with one request for each znode: again when a session expired meanwhile. */
async function readTree(http: Http): Promise<{ zxid: number; znodes: ZnodeRecord[] }> {
  for (;;) {
    const root = await http.get("/v1/znodes/");
    const znodes = [root.json<ZnodeRecord>()];
    const zxids = new Set([root.zxid]);
    for (const { path } of znodes) {
      const page = await http.get(`/v1/children${path}`, { query: "include=stat,data" });
      zxids.add(page.zxid);
      if (page.status === 200) znodes.push(...page.json<{ znodes: ZnodeRecord[] }>().znodes);
    }
    if (zxids.size === 1) return { zxid: root.zxid, znodes };
  }
}

function verifyPromises(recordings: readonly WireRecording[], judge: Judge): void {
  for (const recording of recordings) {
    const { messages, ...asked } = recording;
    const faults = [
      ...Object.entries(promises).map(([name, faultsIn]) => [name, faultsIn(recording, judge.log)] as const),
      ...Object.entries(wirePromises).map(([name, faultsIn]) => [name, faultsIn(recording, judge)] as const),
    ].filter(([, found]) => found.length > 0);
    if (faults.length > 0) expect({ asked, faults, messages }).toEqual({ asked, faults: [], messages });
  }
}

/** A run in which nothing happened would keep every promise. */
function verifyVariety(recordings: readonly WireRecording[], told: readonly Message[]): void {
  const count = (matches: (recording: WireRecording) => boolean) => recordings.filter(matches).length;
  const countOf = (reason: string) => count(({ messages }) => messages[0]?.data.reason === reason);
  const causes = new Set(told.map(({ data }) => data.cause));
  expect(recordings.length).toBeGreaterThan(killedRounds * 20);
  expect(countOf("history_trimmed")).toBeGreaterThan(0);
  expect(countOf("unknown_zxid")).toBeGreaterThan(0);
  expect(
    count(({ messages }) => messages.filter(({ event }) => event === "snapshot").length > 1),
  ).toBeGreaterThan(0);
  expect(
    count(({ sinceZxid, messages }) => sinceZxid !== null && messages[0]?.event === "change"),
  ).toBeGreaterThan(0);
  expect(count(({ isComplete }) => isComplete)).toBeGreaterThan(0);
  expect(causes).toContain("session_closed");
  expect(told.some(({ data }) => Array.isArray(data.events) && data.events.length > 1)).toBe(true);
}

const log = new ToldLog([
  change(1, [{ type: "created", path: "/a", data: "0 x", stat: { ephemeralOwner: "s" } }]),
  change(2, [
    { type: "changed", path: "/a", data: "1 x", stat: { ephemeralOwner: "s" } },
    { type: "created", path: "/b", data: "1 x", stat: { ephemeralOwner: null } },
  ]),
]);

const whole: WireRecording = {
  ...{
    paths: ["/"],
    scope: "subtree",
    types: ["created", "changed", "deleted"],
    withData: true,
    once: false,
  },
  ...{ sinceZxid: 0, openedAtZxid: 2, isComplete: true, closedAtZxid: 2 },
  messages: [told(1), told(2), { event: "synced", id: 2, data: { zxid: 2 } }],
};
const [first, second, synced] = whole.messages as [Message, Message, Message];
const bookmark: Message = { event: "bookmark", id: 2, data: { zxid: 2 } };
const reset: Message = { event: "reset", id: null, data: { reason: "history_trimmed", zxid: 2 } };
const otherData = change(2, [{ type: "changed", path: "/a", data: "2 x", stat: { ephemeralOwner: "s" } }]);

/** Each is refused by the promise it is named after. */
const broken: readonly (readonly [keyof typeof wirePromises, string, Partial<WireRecording>])[] = [
  ["fenced", "tells of what was lost", { messages: [first, second, synced, change(3, [])] }],
  ["fenced", "tells other data", { messages: [first, otherData, synced] }],
  ["resetExactly", "goes on from what is to come", { sinceZxid: 3, messages: [synced] }],
  ["resetExactly", "begins anew without need", { sinceZxid: 1, messages: [reset] }],
  ["wellFormed", "bookmarks what is not synced", { messages: [first, bookmark, second, synced] }],
  ["wellFormed", "is reset without a snapshot", { messages: [reset, synced] }],
  ["onceOnly", "goes on", { once: true }],
];

plainTest.for(broken)("%s: a stream that %s is found out", ([name, , spoilt]) => {
  const judge = { log, historyMessagesMax: 2 };
  const faultsIn = wirePromises[name] as (typeof wirePromises)[string];
  expect(faultsIn(whole, judge)).toEqual([]);
  expect(faultsIn({ ...whole, ...spoilt }, judge)).not.toEqual([]);
});

plainTest("a split message is refused by what streams inside the process promise, too", () => {
  const spoilt = { ...whole, messages: [first, ...split(2), synced] };
  expect(promises.atomic?.(spoilt, log)).not.toEqual([]);
  expect(promises.unique?.(spoilt, log)).not.toEqual([]);
});

plainTest("a resume point the history has forgotten must be answered with reset", () => {
  expect(wirePromises.resetExactly?.(whole, { log, historyMessagesMax: 1 })).not.toEqual([]);
});

const answered: Answered = {
  acknowledged: [{ afterZxid: 1, untilZxid: 2, events: [{ type: "changed", path: "/a", data: "1 x" }] }],
  outcomes: ["unknown", "done"],
  closed: [],
};

const disagreeing: readonly (readonly [string, Partial<Answered>])[] = [
  [
    "lost an acknowledged write",
    { acknowledged: [{ afterZxid: 0, untilZxid: 1, events: [{ type: "deleted", path: "/a" }] }] },
  ],
  ["has a write that was refused", { outcomes: ["refused", "done"] }],
  ["has a write nobody asked for", { outcomes: ["unknown"] }],
  ["kept an ephemeral of a closed session", { closed: [{ id: "s", zxid: 2 }] }],
];

plainTest.for(disagreeing)("a log that %s is found out", ([, wrong]) => {
  expect(disagreements(log, answered)).toEqual([]);
  expect(disagreements(log, { ...answered, ...wrong })).not.toEqual([]);
});

function change(zxid: number, events: readonly object[]): Message {
  return { event: "change", id: zxid, data: { zxid, events } };
}

function told(zxid: number): Message {
  return { event: "change", id: zxid, data: { ...log.changeAt(zxid) } };
}

function split(zxid: number): Message[] {
  return log.eventsAt(zxid).map((event) => change(zxid, [event]));
}
