import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChangeMessage } from "../../src/told/change-message.ts";
import { History } from "../../src/watches/history.ts";

const unbounded = { messagesMax: Infinity, bytesMax: Infinity, ageMsMax: Infinity };
const nothing = { rows: [], floorZxid: 0, zxid: 0 };

function message(zxid: number, { data = "x" } = {}): ChangeMessage {
  const event = {
    type: "changed",
    path: "/a",
    head: '{"type":"changed","path":"/a"',
    data: `,"data":"${data}"`,
    tail: `,"stat":{"mzxid":${zxid}}}`,
  } as const;
  const head = `{"zxid":${zxid},"timeMs":7,"cause":"request","events":[`;
  return { zxid, head, events: [event], text: `${head}${event.head}${event.data}${event.tail}]}` };
}

function zxidsAfter(history: History, zxid: number): number[] {
  return [...history.after(zxid)].map((one) => one.zxid);
}

test("reading after a zxid gives exactly the later messages, whatever was trimmed before [W28]", () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 70 }), (steps, messagesMax) => {
      const history = new History({ ...unbounded, messagesMax }, nothing);
      const zxids: number[] = [];
      for (const step of steps) {
        zxids.push((zxids.at(-1) ?? 0) + step);
        history.add(zxids.at(-1) as number, message(zxids.at(-1) as number), 0);
        history.trim(0);
      }
      expect(history.messageCount).toBe(Math.min(messagesMax, zxids.length));
      expect(history.floorZxid).toBe(zxids.at(-messagesMax - 1) ?? 0);
      for (let zxid = history.floorZxid; zxid <= history.zxid; zxid += 1) {
        expect(history.gapAfter(zxid)).toBeNull();
        expect(zxidsAfter(history, zxid)).toEqual(zxids.filter((later) => later > zxid));
      }
    }),
  );
});

test("a zxid below the floor is a gap, and so is one that has not happened [W28]", () => {
  const history = new History({ ...unbounded, messagesMax: 2 }, nothing);
  for (let zxid = 1; zxid <= 5; zxid += 1) history.add(zxid, message(zxid), 0);
  expect(history.trim(0)).toBe(true);
  expect(history.gapAfter(2)).toBe("history_trimmed");
  expect(history.gapAfter(3)).toBeNull();
  expect(history.gapAfter(5)).toBeNull();
  expect(history.gapAfter(6)).toBe("unknown_zxid");
});

test("a transaction without a message is a place to resume from", () => {
  const history = new History(unbounded, nothing);
  history.add(1, message(1), 0);
  history.add(2, null, 0);
  expect(history.gapAfter(2)).toBeNull();
  expect(zxidsAfter(history, 1)).toEqual([]);
});

test("messages are forgotten once they are too old, and not before", () => {
  const history = new History({ ...unbounded, ageMsMax: 100 }, nothing);
  history.add(1, message(1), 1000);
  history.add(2, message(2), 1050);
  expect(history.trim(1100)).toBe(false);
  expect(history.trim(1101)).toBe(true);
  expect(history.floorZxid).toBe(1);
  expect(zxidsAfter(history, 1)).toEqual([2]);
});

test("the bytes of messages are bounded, counted as UTF-8, and given back when forgotten", () => {
  const one = message(1, { data: "é".repeat(500) });
  const history = new History({ ...unbounded, bytesMax: 2500 }, nothing);
  for (let zxid = 1; zxid <= 10; zxid += 1) {
    history.add(zxid, { ...one, zxid }, 0);
    history.trim(0);
    expect(history.bytes).toBeLessThanOrEqual(2500);
  }
  expect(history.messageCount).toBe(2);
  expect(history.bytes).toBeGreaterThan(2000);
});

test("a message larger than the whole history is forgotten at once and leaves a floor", () => {
  const history = new History({ ...unbounded, bytesMax: 100 }, nothing);
  history.add(1, message(1, { data: "x".repeat(200) }), 0);
  expect(history.trim(0)).toBe(true);
  expect(history.messageCount).toBe(0);
  expect(history.gapAfter(0)).toBe("history_trimmed");
  expect(history.gapAfter(1)).toBeNull();
});

test("a history read back from rows says the same bytes, from the saved floor on", () => {
  const original = [3, 4, 7].map((zxid) => message(zxid, { data: 'é\\n\\"' }));
  const rows = original.map((one) => ({ zxid: one.zxid, ranMs: 0, message: one.text }));
  const history = new History(unbounded, { rows, floorZxid: 3, zxid: 9 });
  expect(history.gapAfter(2)).toBe("history_trimmed");
  expect(history.gapAfter(9)).toBeNull();
  expect([...history.after(3)].map(({ text }) => text)).toEqual([rows[1]?.message, rows[2]?.message]);
});

test("trimming goes on over many messages without losing its place", () => {
  const history = new History({ ...unbounded, messagesMax: 10 }, nothing);
  for (let zxid = 1; zxid <= 5000; zxid += 1) {
    history.add(zxid, message(zxid), 0);
    history.trim(0);
  }
  expect(zxidsAfter(history, 4995)).toEqual([4996, 4997, 4998, 4999, 5000]);
  expect(history.floorZxid).toBe(4990);
});
