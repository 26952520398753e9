import { expect } from "vitest";
import type { Operation } from "../../src/core/command.ts";
import { retryLine } from "../../src/told/frames.ts";
import { bytes, ephemeral, plain, refusal } from "../support/keeper.ts";
import { open, test, watchesOf } from "./fixture.ts";
import { changeEventsOf, RecordingSink } from "./recording-sink.ts";

function create(path: string): Operation {
  return { type: "create", path, data: bytes(""), mode: plain };
}

test("a change carries type, path, data, stat, and its transaction's zxid and cause [W5, Z9]", async ({
  keeper,
  watches,
}) => {
  const { sink } = open(watches);
  await keeper.create("/a", plain, "x");
  const [message] = sink.named("change");
  expect(message?.id).toBe("1");
  expect(message?.data).toEqual({
    zxid: 1,
    timeMs: keeper.clock.wallMs(),
    cause: "request",
    events: [{ type: "created", path: "/a", data: "x", stat: keeper.stat("/a") }],
  });
  expect(keeper.stat("/a").mzxid).toBe(1);
});

test("the fields of a message come in the order of the contract", async ({ keeper, watches }) => {
  const { sink } = open(watches);
  await keeper.create("/a");
  const lines = sink.text.split("\n");
  expect(lines.slice(0, 4)).toEqual(["id: 0", "event: synced", 'data: {"zxid":0}', ""]);
  expect(lines.slice(4, 6)).toEqual(["id: 1", "event: change"]);
  expect(lines[6]).toMatch(
    /^data: \{"zxid":1,"timeMs":\d+,"cause":"request","events":\[\{"type":"created","path":"\/a"/,
  );
});

test("setData with equal bytes is a change [W6]", async ({ keeper, watches }) => {
  await keeper.create("/a", plain, "same");
  const { sink } = open(watches);
  await keeper.set("/a", "same");
  await keeper.set("/a", "same");
  expect(sink.changes).toEqual(["changed /a", "changed /a"]);
});

test("with scope children and no `changed`, data changes and grandchildren are not told [W8]", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a");
  await keeper.create("/a/b");
  const { sink } = open(watches, { scope: "children", types: ["created", "deleted"] });
  await keeper.set("/a", "1");
  await keeper.set("/a/b", "1");
  await keeper.create("/a/b/c");
  expect(sink.changes).toEqual([]);
  await keeper.create("/a/d");
  expect(sink.changes).toEqual(["created /a/d"]);
});

test("with scope node, children that come and go are not told [W9]", async ({ keeper, watches }) => {
  await keeper.create("/a");
  const { sink } = open(watches);
  await keeper.create("/a/b");
  await keeper.delete("/a/b");
  expect(sink.changes).toEqual([]);
});

test("a deletion is told once to a stream that watches the znode in several ways [W10]", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a");
  await keeper.create("/a/b");
  const { sink } = open(watches, { paths: ["/a", "/a/b"], scope: "children" });
  await keeper.delete("/a/b");
  expect(sink.changes).toEqual(["deleted /a/b"]);
});

test("a subtree is matched by whole segments, and overlapping paths are told once [W11]", async ({
  keeper,
  watches,
}) => {
  const overlapping = open(watches, { paths: ["/", "/a"], scope: "subtree" });
  const below = open(watches, { scope: "subtree" });
  for (const path of ["/a", "/ab", "/a/b", "/a/b/c"]) await keeper.create(path);
  expect(overlapping.sink.changes).toEqual(["created /a", "created /ab", "created /a/b", "created /a/b/c"]);
  expect(below.sink.changes).toEqual(["created /a", "created /a/b", "created /a/b/c"]);
});

test("a watch outlives the deletion and return of its znode [W13]", async ({ keeper, watches }) => {
  const { sink } = open(watches, { scope: "children" });
  await keeper.create("/a");
  await keeper.create("/a/b");
  await keeper.set("/a", "1");
  await keeper.delete("/a/b");
  await keeper.delete("/a");
  await keeper.create("/a");
  const expected = ["created /a", "created /a/b", "changed /a", "deleted /a/b", "deleted /a", "created /a"];
  expect(sink.changes).toEqual(expected);
});

test("watching changes no stat, and changes elsewhere are silent [W14]", async ({ keeper, watches }) => {
  await keeper.create("/a");
  await keeper.create("/b");
  const before = keeper.stat("/a");
  const streams = (["node", "children", "subtree"] as const).map((scope) => open(watches, { scope }));
  await keeper.set("/b", "1");
  await keeper.create("/b/c");
  for (const { sink } of streams) expect(sink.changes).toEqual([]);
  expect(keeper.stat("/a")).toEqual(before);
});

test("the writer's own stream is told, and before the write is answered [W17, W18]", async ({
  keeper,
  watches,
}) => {
  const { sink } = open(watches);
  let toldAtAnswer: string[] = [];
  const answered = keeper.create("/a").then(() => {
    toldAtAnswer = sink.changes;
  });
  await answered;
  expect(toldAtAnswer).toEqual(["created /a"]);
});

test("one transaction is one message, with its events in op order and none collapsed [M9, M10, W19]", async ({
  keeper,
  watches,
}) => {
  const { sink } = open(watches, { paths: ["/"], scope: "subtree" });
  await keeper.multi([create("/a"), create("/a/b"), { type: "delete", path: "/a/b" }, create("/c")]);
  expect(sink.changeZxids).toEqual([1]);
  expect(sink.changes).toEqual(["created /a", "created /a/b", "deleted /a/b", "created /c"]);
});

test("a stream that selects part of a transaction is told that part, in order [M10]", async ({
  keeper,
  watches,
}) => {
  const { sink } = open(watches, { paths: ["/a"], scope: "subtree", withData: false });
  await keeper.multi([create("/x"), create("/a"), create("/y"), create("/a/b")]);
  expect(sink.changes).toEqual(["created /a", "created /a/b"]);
  expect(sink.changeZxids).toEqual([1]);
});

test("without data only the stat is sent, and types that were not asked for are not told", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a", plain, "secret");
  const { sink } = open(watches, { withData: false, types: ["changed"], initial: true });
  await keeper.set("/a", "secret");
  await keeper.delete("/a");
  expect(sink.changes).toEqual(["changed /a"]);
  expect(sink.text).not.toContain("secret");
  expect(sink.text).toContain('"dataLength":6');
});

test("the ephemerals of an ended session go in one message, with one zxid [W31]", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/g");
  const sessionId = await keeper.openSession();
  for (const name of ["1", "2", "3"]) await keeper.create(`/g/${name}`, ephemeral, "", { sessionId });
  const { sink } = open(watches, { paths: ["/g"], scope: "children" });
  await keeper.closeSession(sessionId, "session_expired");
  const [message, ...more] = sink.named("change");
  expect(more).toEqual([]);
  expect(message?.data).toMatchObject({ cause: "session_expired", session: sessionId });
  expect(sink.changes).toEqual(["deleted /g/1", "deleted /g/2", "deleted /g/3"]);
});

test("nothing is told before it is durable [W23]", async ({ keeper, watches }) => {
  const { sink } = open(watches);
  keeper.log.hold();
  const written = keeper.create("/a");
  await keeper.clock.advance(1000);
  expect(sink.changes).toEqual([]);
  keeper.log.release();
  await written;
  expect(sink.changes).toEqual(["created /a"]);
});

test("a refused transaction tells nothing [W23]", async ({ keeper, watches }) => {
  const { sink } = open(watches, { paths: ["/"], scope: "subtree" });
  expect(await refusal(keeper.multi([create("/a"), create("/a")]))).toBe("node_exists");
  expect(sink.changes).toEqual([]);
});

test("when a change is told, the whole transaction can be read [Z8]", async ({ keeper, watches }) => {
  class ReadingSink extends RecordingSink {
    readonly seen: boolean[] = [];
    override write(frame: Uint8Array): boolean {
      this.seen.push(keeper.exists("/a") && keeper.exists("/b"));
      return super.write(frame);
    }
  }
  const sink = new ReadingSink();
  open(watches, {}, sink);
  await keeper.multi([create("/a"), create("/b")]);
  expect(sink.changes).toEqual(["created /a"]);
  expect(sink.seen.at(-1)).toBe(true);
});

test("all who select the same are sent the very same bytes, made once", async ({ keeper, watches }) => {
  const onNode = [open(watches), open(watches)];
  const onTree = open(watches, { paths: ["/"], scope: "subtree" });
  await keeper.create("/a", plain, "x");
  const [frame, other] = onNode.map(({ sink }) => sink.frames.at(-1));
  expect(frame).toBe(other);
  expect(onTree.sink.frames.at(-1)).toBe(frame);
});

test("a once stream closes after its first change and sends nothing more [W21]", async ({
  keeper,
  watches,
}) => {
  await keeper.create("/a", plain, "0");
  const { sink } = open(watches, { once: true });
  await Promise.all(["1", "2", "3"].map((data) => keeper.set("/a", data)));
  expect(sink.isEnded).toBe(true);
  expect(sink.changes).toEqual(["changed /a"]);
  expect(sink.events.at(-1)?.event).toBe("change");
  expect(watches.streamCount).toBe(0);
  expect(keeper.data("/a")).toBe("3");
});

test("a stream whose reader is gone is forgotten, and told nothing [W24]", async ({ keeper, watches }) => {
  const gone = open(watches);
  const stays = open(watches);
  gone.stream.closed();
  gone.stream.closed();
  expect(watches.streamCount).toBe(1);
  await keeper.create("/a");
  expect(gone.sink.changes).toEqual([]);
  expect(stays.sink.changes).toEqual(["created /a"]);
  stays.stream.closed();
  expect(watches.streamCount).toBe(0);
});

test("a quiet stream has a heartbeat after heartbeatMs, and no later than a tick", async ({
  keeper,
  watches,
}) => {
  const { sink } = open(watches, { heartbeatMs: 1000, bookmarkMs: 3_600_000 });
  const greeting = sink.text;
  await keeper.clock.advance(999);
  expect(sink.text).toBe(greeting);
  await keeper.clock.advance(101);
  expect(sink.text).toBe(`${greeting}: hb\n`);
  await keeper.clock.advance(10_000);
  expect(sink.text.slice(greeting.length).match(/: hb\n/g)?.length).toBeGreaterThanOrEqual(10);
});

test("a bookmark moves a quiet stream's resume point past changes elsewhere", async ({ keeper, watches }) => {
  const { sink } = open(watches, { bookmarkMs: 5000 });
  for (const path of ["/b", "/c", "/d"]) await keeper.create(path);
  await keeper.clock.advance(5100);
  expect(sink.events.at(-1)).toEqual({ id: "3", event: "bookmark", data: { zxid: 3 } });
});

test("a stream that has changes to tell has no bookmarks between them", async ({ keeper, watches }) => {
  await keeper.create("/a");
  const { sink } = open(watches, { bookmarkMs: 1000 });
  for (let turn = 0; turn < 5; turn += 1) {
    await keeper.clock.advance(900);
    await keeper.set("/a", "1");
  }
  expect(sink.named("bookmark")).toEqual([]);
});

test("the retry of each stream is spread from 1 to 3 seconds by chance", () => {
  expect([0, 0.5, 0.999_999].map((chance) => Buffer.from(retryLine(chance)).toString())).toEqual([
    "retry: 1000\n",
    "retry: 2000\n",
    "retry: 3000\n",
  ]);
});

test("a planned close says bye on every stream, and no stream opens after it", ({ watches }) => {
  const streams = [open(watches), open(watches, { paths: ["/b"] })];
  watches.close("shutdown");
  for (const { sink } of streams) {
    expect(sink.events.at(-1)).toMatchObject({ event: "bye", data: { reason: "shutdown" } });
    expect(sink.isEnded).toBe(true);
  }
  expect(watches.streamCount).toBe(0);
  expect(() => open(watches)).toThrow(expect.objectContaining({ code: "stopping" }));
});

test("streams beyond the limit are refused, and those before it still work [W32]", async ({ keeper }) => {
  const watches = watchesOf(keeper, { streamsMax: 2 });
  const first = open(watches);
  open(watches);
  expect(() => open(watches)).toThrow(expect.objectContaining({ code: "throttled" }));
  await keeper.create("/a");
  expect(first.sink.changes).toEqual(["created /a"]);
  first.stream.closed();
  open(watches);
  watches.close("shutdown");
});

test("a binary value is sent as base64, as everywhere else [W5]", async ({ keeper, watches }) => {
  const { sink } = open(watches);
  const data = Uint8Array.of(0xff, 0x00);
  await keeper.store.submit({ type: "create", path: "/a", mode: plain, data });
  const [event] = changeEventsOf(sink.named("change")[0]?.data ?? {});
  expect(event).toMatchObject({ dataBase64: "/wA=" });
});
