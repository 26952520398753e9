import { expect } from "vitest";
import { restoreOf } from "../../src/core/restore-commands.ts";
import { defaultWatchLimits } from "../../src/watches/limits.ts";
import { bytes, type Keeper, plain } from "../support/keeper.ts";
import { open, test, watchesOf } from "./fixture.ts";
import type { RecordingSink } from "./recording-sink.ts";

const subtree = { paths: ["/a"], scope: "subtree" } as const;

async function writeSome(keeper: Keeper): Promise<void> {
  await keeper.create("/a", plain, "é\n");
  await keeper.create("/b");
  await keeper.openSession();
  await keeper.set("/a", "1");
  await keeper.multi([
    { type: "create", path: "/a/b", data: bytes("x"), mode: plain },
    { type: "setData", path: "/b", data: bytes("elsewhere") },
    { type: "delete", path: "/a/b" },
  ]);
  await keeper.delete("/a");
}

/** The text of each change, id and all. */
function changeTexts(sink: RecordingSink): string[] {
  return sink.text.split("\n\n").filter((block) => block.includes("event: change\n"));
}

test("resuming after any zxid gives exactly the rest, byte for byte as it was sent live [W28]", async ({
  keeper,
  watches,
}) => {
  const live = open(watches, subtree);
  await writeSome(keeper);
  const sent = changeTexts(live.sink);
  expect(live.sink.changeZxids).toEqual([1, 4, 5, 6]);
  for (let zxid = 0; zxid <= keeper.store.zxid; zxid += 1) {
    const { sink } = open(watches, { ...subtree, start: { kind: "after", zxid } });
    const count = live.sink.changeZxids.filter((later) => later > zxid).length;
    expect(changeTexts(sink)).toEqual(count === 0 ? [] : sent.slice(-count));
    expect(sink.events.at(-1)).toEqual({ id: "6", event: "synced", data: { zxid: 6 } });
    expect(sink.named("snapshot")).toEqual([]);
  }
});

test("what happens while a stream resumes is told once, after what it missed [W20, W28]", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a");
  for (let value = 2; value <= 2600; value += 1) void keeper.set("/a", String(value));
  await keeper.set("/a", "last before");
  const { sink } = open(watches, { start: { kind: "after", zxid: 1 } });
  expect(sink.changeZxids.length).toBeLessThan(2600);
  await keeper.set("/a", "during");
  await keeper.clock.advance(0);
  await keeper.set("/a", "after");
  expect(sink.changeZxids).toEqual(Array.from({ length: 2602 }, (_, index) => index + 2));
});

test("a clock that is set forward takes nothing from the history: its age is the time that ran [W28]", async ({
  keeper,
}) => {
  const watches = watchesOf(keeper, { history: { ...defaultWatchLimits.history, ageMsMax: 600_000 } });
  await keeper.create("/a");
  await keeper.clock.advance(599_000);
  keeper.clock.jumpWallClock(5 * 3_600_000);
  await keeper.set("/a", "1");
  expect(watches.history.floorZxid).toBe(0);
  await keeper.clock.advance(2000);
  await keeper.set("/a", "2");
  expect(watches.history.floorZxid).toBe(1);
});

test("a resume point before the history is answered with reset, snapshot and synced [W28]", async ({
  keeper,
}) => {
  const watches = watchesOf(keeper, { history: { ...defaultWatchLimits.history, messagesMax: 2 } });
  await writeSome(keeper);
  await keeper.create("/a", plain, "again");
  const { sink } = open(watches, { start: { kind: "after", zxid: 1 } });
  expect(sink.events.map(({ event }) => event)).toEqual(["reset", "snapshot", "synced"]);
  expect(sink.events[0]).toEqual({
    id: undefined,
    event: "reset",
    data: { reason: "history_trimmed", zxid: 7 },
  });
  expect(sink.events[1]?.data).toEqual({
    zxid: 7,
    znodes: [{ path: "/a", data: "again", stat: keeper.stat("/a") }],
  });
  await keeper.set("/a", "on");
  expect(sink.changeZxids).toEqual([8]);
  watches.close("shutdown");
});

test("a resume point that has not happened, or is none, is answered with reset [W28]", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a");
  for (const start of [{ kind: "after", zxid: 2 }, { kind: "unknown" }] as const) {
    const { sink } = open(watches, { start });
    expect(sink.events.map(({ event }) => event)).toEqual(["reset", "snapshot", "synced"]);
    expect(sink.events[0]?.data).toEqual({ reason: "unknown_zxid", zxid: 1 });
  }
});

test("only what moves the resume point has an id", async ({ keeper, watches }) => {
  await keeper.create("/a");
  const { sink } = open(watches, { start: { kind: "unknown" } });
  await keeper.set("/a", "1");
  watches.close("shutdown");
  expect(sink.events.map(({ id, event }) => [event, id])).toEqual([
    ["reset", undefined],
    ["snapshot", undefined],
    ["synced", "1"],
    ["change", "2"],
    ["bye", undefined],
  ]);
});

test("a once stream that resumes closes after the first change it missed [W21]", async ({
  keeper,
  watches,
}) => {
  await writeSome(keeper);
  const { sink } = open(watches, { once: true, start: { kind: "after", zxid: 1 } });
  expect(sink.changeZxids).toEqual([4]);
  expect(sink.isEnded).toBe(true);
  expect(watches.streamCount).toBe(0);
});

test("a stream that is open when the store is restored begins anew, and a cursor of before does not resume [G11]", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a", plain, "1");
  const { zxid } = keeper.store;
  const { sink } = open(watches);
  await keeper.store.submit(restoreOf({ id: "ab", zxidsAhead: 1000, sequencesAhead: 10 }));
  await keeper.clock.advance(0);
  expect(sink.events.map(({ event }) => event)).toEqual(["synced", "reset", "snapshot", "synced"]);
  expect(sink.events.at(-1)).toMatchObject({ data: { zxid: zxid + 1000 } });
  await keeper.set("/a", "2");
  expect(sink.changeZxids).toEqual([zxid + 1001]);
  expect([zxid, zxid + 999, zxid + 1000].map((one) => watches.gapAfter({ zxid: one }))).toEqual([
    ...["history_trimmed", "history_trimmed", null],
  ]);
});
