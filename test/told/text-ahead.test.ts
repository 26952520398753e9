// The JSON of large data is begun before it is told of. However much of it was made by then, it is the same text.

import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { State } from "../../src/core/state.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { Store } from "../../src/store/store.ts";
import { dataMember, dataText } from "../../src/told/json-data.ts";
import { beginText, takeText } from "../../src/told/text-ahead.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { plain } from "../support/keeper.ts";

const size = 70_000;
const turnsToEnd = 4;

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await setImmediate();
}

/** @param shift so that pieces end at each place within what is repeated */
function repeated(unit: Uint8Array, shift: number): Uint8Array {
  const whole = Buffer.alloc(Math.ceil(size / unit.length) * unit.length, unit);
  return Buffer.concat([Buffer.alloc(shift, "x"), whole]);
}

test("however much was made of it ahead, the text is that of the whole", async () => {
  const texts = ["a", "é", "€x", "😀", "\u0001", '"\\\n\u007f', "\u2028\ufeff\ud7ff\uffff"].map((unit) =>
    Buffer.from(unit),
  );
  const random = fc.sample(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), {
    numRuns: 8,
    seed: 1,
  });
  const noText = [Buffer.of(0xfe), Buffer.from("😀").subarray(0, 3), Buffer.from([0xed, 0xa0, 0x80])];
  for (const unit of [...texts, ...random.map((text) => Buffer.from(text)), ...noText])
    for (const [shift, count] of [0, 2, turnsToEnd].entries()) {
      const data = repeated(unit, shift);
      beginText(data);
      await turns(count);
      const text = takeText(data);
      expect(`{${text}}` === JSON.stringify(dataMember(data)), `${unit.toString("hex")} ${count}`).toBe(true);
    }
});

test("what was made ahead is taken, once, and what is missing of it is made then", async () => {
  const data = Buffer.alloc(size, "a");
  beginText(data);
  await turns(3);
  // Nobody else changes data. Here it shows what was made when.
  data.fill("b");
  expect(dataText(data)).toMatch(/^"data":"a+b+"$/);
  expect(dataText(data)).toMatch(/^"data":"b+"$/);
  beginText(data);
  await turns(turnsToEnd);
  data.fill("c");
  expect(dataText(data)).toMatch(/^"data":"b+"$/);
});

test("one piece is made in a turn, in the order of the log, of so much as may wait", async () => {
  const mebibyte = 1_048_576;
  const all = Array.from({ length: 33 }, () => Buffer.alloc(mebibyte, "a"));
  for (const data of all) beginText(data);
  await turns(3);
  for (const data of all) data.fill("b");
  const [first, second, ...others] = all.map(takeText);
  expect(first).toMatch(/^"data":"a+b+"$/);
  expect(second).toMatch(/^"data":"b+"$/);
  expect(others.map((text) => text !== undefined)).toEqual([...Array(30).fill(true), false]);
  // What was taken makes room again.
  const next = Buffer.alloc(mebibyte);
  beginText(next);
  expect(takeText(next)).toBeDefined();
});

test("short data is not begun", () => {
  const data = Buffer.alloc(65_536);
  beginText(data);
  expect(takeText(data)).toBeUndefined();
});

test("what is told of an entry is begun while the entry is on its way", async () => {
  const log = new MemoryLog("this");
  const clock = new FakeClock();
  const limits = { ...defaultLimits, queueCommandsMax: 100, queueBytesMax: 67_108_864 };
  const position = { appliedLsn: 0, historyFloorZxid: 0 };
  const store = new Store({ state: State.fresh(), position, log, clock, limits });
  await store.start();
  onTestFinished(() => store.close());
  const told: string[] = [];
  store.onApplied((applied) => told.push(...applied.map(({ message }) => message?.text ?? "")));

  const data = () => Buffer.alloc(size, "a");
  const create = { type: "create", path: "/a", data: data(), mode: plain } as const;
  const set = { type: "setData", path: "/a", data: data() } as const;
  const part = { ...create, path: "/b", data: data() };
  const znode = { path: "/c", data: data(), mode: plain, sequence: null, nextSequence: 0 };
  const writes: [Buffer, Command][] = [
    [create.data, create],
    [set.data, set],
    [part.data, { type: "multi", operations: [part] }],
    [znode.data, { type: "import", znodes: [znode], onConflict: "fail" }],
  ];
  for (const [written, command] of writes) {
    log.hold();
    const done = store.submit(command);
    await turns(3);
    written.fill("b");
    log.release();
    await done;
    expect(told.at(-1), command.type).toMatch(/"data":"a+b+"/);
  }
});
