// The log over a pipe that can be full, emptied and closed, as a disk can be full and have room again.

import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { type LogGap, LogSink, outletTo } from "../../src/log/log-sink.ts";

interface PipeFixture {
  pipe: { readonly reader: number; readonly writer: number };
}

const test = base.extend<PipeFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  pipe: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-log-"));
    const file = join(folder, "pipe");
    execFileSync("mkfifo", [file]);
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
    await use({ reader, writer });
    closeSync(writer);
    rmSync(folder, { recursive: true });
  },
});

const waitingBytesMax = 100_000;

/** Of a hundred bytes. */
function lineOf(number: number): string {
  return `${String(number).padEnd(99)}\n`;
}

/** What is in the pipe. */
function read(reader: number): string {
  const buffer = Buffer.alloc(1_048_576);
  try {
    return buffer.toString("latin1", 0, readSync(reader, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
    throw error;
  }
}

/** Reads until the text has come. */
async function readUntil(reader: number, text: string): Promise<string> {
  let all = "";
  while (!all.includes(text)) {
    all += read(reader);
    await new Promise(setImmediate);
  }
  return all;
}

test("what waits while the log takes nothing is written when it does again, and what was lost is counted once", async ({
  pipe,
}) => {
  const gaps: LogGap[] = [];
  const onGap = (gap: LogGap) => {
    gaps.push(gap);
    sink.write(`lost ${gap.lostLines}\n`);
  };
  const sink = new LogSink({ outlet: outletTo(pipe.writer), onGap, waitingBytesMax });
  // More than the pipe and the bound together take, in one turn of the event loop.
  const lines = Array.from({ length: 5000 }, (_, number) => lineOf(number));
  for (const line of lines) sink.write(line);
  const text = await readUntil(pipe.reader, "lost");
  const kept = waitingBytesMax / 100;
  expect(text).toBe(`${lines.slice(0, kept).join("")}lost ${lines.length - kept}\n`);
  sink.write("after\n");
  expect(await readUntil(pipe.reader, "after")).toBe("after\n");
  expect(gaps).toEqual([{ cause: "a slow reader", lostLines: lines.length - kept }]);
  closeSync(pipe.reader);
});

test("a reader that comes back finds every line whole, in order, and no word of loss where nothing was lost", async ({
  pipe,
}) => {
  const gaps: LogGap[] = [];
  const sink = new LogSink({ outlet: outletTo(pipe.writer), onGap: (gap) => gaps.push(gap) });
  const lines = Array.from({ length: 3000 }, (_, number) => lineOf(number));
  for (const line of lines) sink.write(line);
  sink.write("end\n");
  expect(await readUntil(pipe.reader, "end")).toBe(`${lines.join("")}end\n`);
  expect(gaps).toEqual([]);
  closeSync(pipe.reader);
});

test("a reader that has gone ends the log and nothing else", async ({ pipe }) => {
  closeSync(pipe.reader);
  const sink = new LogSink({
    outlet: outletTo(pipe.writer),
    onGap: () => expect.unreachable(),
    waitingBytesMax,
  });
  for (let round = 0; round < 3; round += 1) {
    for (let number = 0; number < 2000; number += 1) sink.write(lineOf(number));
    sink.flushSync();
    await new Promise(setImmediate);
  }
});

test("the end of the process does not wait for a log that takes nothing", { timeout: 20_000 }, ({ pipe }) => {
  const full = openSync("/dev/full", "w");
  for (const descriptor of [full, pipe.writer]) {
    const sink = new LogSink({ outlet: outletTo(descriptor), onGap: () => expect.unreachable() });
    for (let number = 0; number < 2000; number += 1) sink.write(lineOf(number));
    sink.flushSync();
  }
  closeSync(full);
  closeSync(pipe.reader);
});
