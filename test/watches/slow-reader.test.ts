import { expect } from "vitest";
import { defaultWatchLimits } from "../../src/watches/limits.ts";
import { plain } from "../support/keeper.ts";
import { open, test, watchesOf } from "./fixture.ts";
import { RecordingSink } from "./recording-sink.ts";

const bufferBytesMax = 2000;

test("a reader that stopped costs its buffer and no more, and then hears everything once, in order", async ({
  keeper,
}) => {
  const watches = watchesOf(keeper, { bufferBytesMax });
  const fast = open(watches, { paths: ["/"], scope: "subtree" });
  const slow = open(watches, { paths: ["/"], scope: "subtree" });
  await keeper.create("/a");
  slow.sink.hold();
  for (let value = 0; value < 100; value += 1) await keeper.set("/a", String(value));
  const frameBytes = slow.sink.frames.at(-1)?.byteLength ?? 0;
  expect(slow.sink.bufferedBytesMost).toBeLessThan(bufferBytesMax + frameBytes);
  slow.sink.readOnce(slow.stream);
  await keeper.set("/a", "while it catches up");
  slow.sink.release(slow.stream);
  await keeper.set("/a", "live again");
  expect(slow.sink.text).toBe(fast.sink.text);
  expect(slow.sink.changeZxids.length).toBe(103);
  watches.close("shutdown");
});

test("a reader that takes one buffer at a time still hears everything, at any pace of writes", async ({
  keeper,
}) => {
  const watches = watchesOf(keeper, { bufferBytesMax });
  await keeper.create("/a");
  const { stream, sink } = open(watches, { start: { kind: "after", zxid: 0 } });
  sink.hold();
  for (let value = 2; value <= 60; value += 1) {
    await keeper.set("/a", "x".repeat(value * 10));
    if (value % 7 === 0) sink.readOnce(stream);
  }
  sink.release(stream);
  expect(sink.changeZxids).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  watches.close("shutdown");
});

test("a reader slower than the history is told of the gap and starts over", async ({ keeper }) => {
  const history = { ...defaultWatchLimits.history, messagesMax: 5 };
  const watches = watchesOf(keeper, { bufferBytesMax: 1, history });
  const { stream, sink } = open(watches);
  sink.hold();
  await keeper.create("/a");
  for (let value = 0; value < 20; value += 1) await keeper.set("/a", String(value));
  expect(sink.changeZxids).toEqual([1]);
  sink.release(stream);
  expect(sink.events.map(({ event }) => event)).toEqual(["synced", "change", "reset", "snapshot", "synced"]);
  await keeper.set("/a", "on");
  expect(sink.changeZxids).toEqual([1, 22]);
  watches.close("shutdown");
});

test("a stream with a full buffer is sent neither heartbeats nor bookmarks", async ({ keeper, watches }) => {
  const { sink } = open(watches, { heartbeatMs: 100, bookmarkMs: 100 });
  sink.hold();
  await keeper.create("/a");
  const before = sink.text;
  await keeper.clock.advance(1000);
  expect(sink.text).toBe(before);
});

test("one who does not read does not keep others from hearing", async ({ keeper }) => {
  const watches = watchesOf(keeper, { bufferBytesMax: 1 });
  const stuck = open(watches);
  const other = open(watches);
  stuck.sink.hold();
  await keeper.create("/a");
  await keeper.set("/a", "1");
  await keeper.set("/a", "2");
  expect(other.sink.changeZxids).toEqual([1, 2, 3]);
  expect(stuck.sink.changeZxids).toEqual([1]);
  watches.close("shutdown");
});

test("a slow reader can be said goodbye to, or be gone, in the middle of a snapshot", async ({ keeper }) => {
  const watches = watchesOf(keeper, { snapshotPageZnodesMax: 1 });
  for (const path of ["/a", "/a/b", "/a/c"]) await keeper.create(path);
  const asked = { initial: true, paths: ["/a"], scope: "subtree" } as const;
  const [leaves, stays] = [new RecordingSink(), new RecordingSink()];
  leaves.hold();
  stays.hold();
  const gone = open(watches, asked, leaves);
  open(watches, asked, stays);
  gone.stream.closed();
  gone.sink.release(gone.stream);
  watches.close("shutdown");
  expect(leaves.named("bye")).toEqual([]);
  expect(stays.events.at(-1)?.event).toBe("bye");
  expect(await keeper.set("/a", "on")).toMatchObject({ version: 1 });
});

test("what is overwritten under a snapshot is held for its reader, up to a bound; beyond it he is cut off", async ({
  keeper,
}) => {
  const watches = watchesOf(keeper, { snapshotPageZnodesMax: 1, snapshotKeptBytesMax: 3000 });
  const asked = { initial: true, paths: ["/a"], scope: "subtree" } as const;
  for (const path of ["/a", "/a/b", "/a/c"]) await keeper.create(path, plain, "x".repeat(1000));
  const first = open(watches, asked, heldSink());
  await keeper.set("/a/b", "new");
  await keeper.set("/a/b", "newer");
  first.sink.release(first.stream);
  expect(first.sink.isAborted).toBe(false);
  const znodes = first.sink.named("snapshot").flatMap(({ data }) => data.znodes as { data: string }[]);
  expect(znodes.map(({ data }) => data)).toEqual(Array(3).fill("x".repeat(1000)));

  for (const name of ["d", "e"]) await keeper.create(`/a/${name}`, plain, "x".repeat(5000));
  const second = open(watches, asked, heldSink());
  for (const name of ["d", "e"]) await keeper.set(`/a/${name}`, "new");
  second.sink.release(second.stream);
  expect(second.sink.isAborted).toBe(true);
  expect(watches.list({ limit: 10 }).streams.map(({ id }) => id)).toEqual([first.stream.id]);
  watches.close("shutdown");
});

test("what is held under many snapshots is held once, and has the same bound", async ({ keeper }) => {
  const watches = watchesOf(keeper, { snapshotPageZnodesMax: 1, snapshotKeptBytesMax: 3000 });
  const asked = { initial: true, paths: ["/a"], scope: "subtree" } as const;
  for (const path of ["/a", "/a/b", "/a/c"]) await keeper.create(path, plain, "x".repeat(1000));
  const readers = Array.from({ length: 50 }, () => open(watches, asked, heldSink()));
  await keeper.set("/a/b", "new");
  await keeper.set("/a/c", "new");
  expect(keeper.state.past.keptBytes).toBeLessThanOrEqual(3000);
  for (const { sink, stream } of readers) {
    sink.release(stream);
    const znodes = sink.named("snapshot").flatMap(({ data }) => data.znodes as { data: string }[]);
    expect(znodes.map(({ data }) => data)).toEqual(Array(3).fill("x".repeat(1000)));
  }
  expect(keeper.state.past.keptBytes).toBe(0);
  watches.close("shutdown");
});

function heldSink(): RecordingSink {
  const sink = new RecordingSink();
  sink.hold();
  return sink;
}

test("a slow reader hears that the log was out of reach when it reads on, and nothing of what was over by then", async ({
  keeper,
}) => {
  const watches = watchesOf(keeper, { bufferBytesMax: 1 });
  const { stream, sink } = open(watches);
  await keeper.create("/a");
  sink.hold();
  await keeper.set("/a", "1");
  keeper.log.suspend("no quorum");
  sink.readOnce(stream);
  keeper.log.resume();
  keeper.log.suspend("no quorum again");
  keeper.log.resume();
  sink.release(stream);
  const names = sink.events.map(({ event }) => event);
  expect(names).toEqual(["synced", "change", "change", "suspended", "connected"]);
  watches.close("shutdown");
});
