// Streams whose every event is the whole truth: what one of them says, and what it leaves to a reader that is slow.

import { expect, test } from "vitest";
import { LatestStream } from "../../src/told/latest-stream.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { RecordingSink } from "../watches/recording-sink.ts";

function frame(text: string): Uint8Array {
  return Buffer.from(`event: now\ndata: "${text}"\n\n`);
}

/** A stream of a word that the test changes. */
function streamOf(beat?: () => Uint8Array) {
  const [sink, clock] = [new RecordingSink(), new FakeClock()];
  const word = { now: "first" as string | null };
  const suspension = { isOn: false };
  let closedCount = 0;
  const source = {
    now: () => (word.now === null ? null : { text: word.now, frame: () => frame(word.now as string) }),
    ...(beat !== undefined && { beat }),
  };
  const stream = new LatestStream(sink, { clock, zxid: 7, suspension }, source, () => {
    closedCount += 1;
  });
  return { stream, sink, clock, word, suspension, closedCount: () => closedCount };
}

test("a slow reader is sent nothing more until it reads on, then the latest, once", () => {
  const { stream, sink, word } = streamOf();
  sink.hold();
  stream.tell();
  for (const next of ["second", "third"]) {
    word.now = next;
    stream.tell();
  }
  expect(sink.text).toBe(frame("first").toString());
  sink.release(stream);
  sink.release(stream);
  expect(sink.text).toBe(`${frame("first")}${frame("third")}`);
});

test("silence is broken by a comment, or by what the stream says instead, but not for a reader that is behind", async () => {
  for (const [beat, said] of [
    [undefined, ": hb\n"],
    [() => frame("alive"), frame("alive").toString()],
  ] as const) {
    const { stream, sink, clock, word } = streamOf(beat);
    word.now = null;
    stream.tell();
    await clock.advance(9_999);
    expect(sink.text).toBe("");
    await clock.advance(10_001);
    expect(sink.text).toBe(said.repeat(2));
    sink.hold();
    word.now = "busy";
    stream.tell();
    await clock.advance(1_000_000);
    expect(sink.text).toBe(`${said.repeat(2)}${frame("busy")}`);
    expect(sink.bufferedBytesMost).toBe(frame("busy").byteLength);
    stream.closed();
  }
});

test("the last there is to tell is told to a slow reader too, and nothing after it", async () => {
  const { stream, sink, clock, word, closedCount } = streamOf();
  sink.hold();
  stream.tell();
  stream.finish(frame("last"));
  word.now = "later";
  stream.tell();
  stream.drained();
  stream.bye("shutdown");
  stream.finish(frame("later"));
  await clock.advance(100_000);
  expect(sink.text).toBe(`${frame("first")}${frame("last")}`);
  expect([sink.isEnded, closedCount()]).toEqual([true, 1]);
});

test("a planned close says why, and whoever has gone is not told", () => {
  const { stream, sink } = streamOf();
  stream.bye("shutdown");
  expect(sink.text).toBe('event: bye\ndata: {"reason":"shutdown"}\n\n');
  const gone = streamOf();
  gone.stream.closed();
  gone.stream.bye("shutdown");
  expect([gone.sink.text, gone.closedCount()]).toEqual(["", 1]);
});

test("that the log is out of reach is told once, before what comes after, and to a slow reader when it reads on", () => {
  const { stream, sink, word, suspension } = streamOf();
  stream.tell();
  suspension.isOn = true;
  stream.tell();
  stream.tell();
  const suspended = 'event: suspended\ndata: {"zxid":7}\n\n';
  const connected = 'event: connected\ndata: {"zxid":7}\n\n';
  expect(sink.text).toBe(`${frame("first")}${suspended}`);
  suspension.isOn = false;
  word.now = "second";
  stream.tell();
  expect(sink.text).toBe(`${frame("first")}${suspended}${connected}${frame("second")}`);
  sink.hold();
  word.now = "third";
  stream.tell();
  suspension.isOn = true;
  stream.tell();
  expect(sink.text.endsWith(`${frame("third")}`)).toBe(true);
  sink.release(stream);
  expect(sink.text.endsWith(`${frame("third")}${suspended}`)).toBe(true);
});

test("nothing is said to be so still while the log is out of reach", async () => {
  const { stream, sink, clock, word, suspension } = streamOf(() => frame("alive"));
  word.now = null;
  suspension.isOn = true;
  stream.tell();
  await clock.advance(10_001);
  expect(sink.text).toBe('event: suspended\ndata: {"zxid":7}\n\n: hb\n');
});
