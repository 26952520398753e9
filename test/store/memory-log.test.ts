import { expect, test } from "vitest";
import { type LogState, NotAppendedError, OutcomeUnknownError } from "../../src/store/commit-log.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";

const body = new Uint8Array([1]);

function follow(log: MemoryLog): number[] {
  const told: number[] = [];
  log.follow(0, (entries) => {
    told.push(...entries.map(({ seq }) => seq));
  });
  return told;
}

test("held appends wait for the release, and then come in order", async () => {
  const log = new MemoryLog("a");
  const told = follow(log);
  log.hold();
  const appends = Promise.all([log.append(1, body), log.append(2, body)]);
  await log.tail();
  expect(told).toEqual([]);
  log.release();
  expect(await appends).toEqual([1, 2]);
  expect(told).toEqual([1, 2]);
});

test("an append that is sent twice is in the log once", async () => {
  const log = new MemoryLog("a");
  const told = follow(log);
  log.injectFault("sentTwice");
  expect(await log.append(1, body)).toBe(1);
  expect(await log.append(2, body)).toBe(2);
  expect(told).toEqual([1, 2]);
});

test("a refused append is not in the log; the next one that has room ends the read-only state", async () => {
  const log = new MemoryLog("a");
  const told = follow(log);
  const states: LogState["state"][] = [];
  log.onState(({ state }) => states.push(state));
  log.injectFault("notAppended");
  await expect(log.append(1, body)).rejects.toBeInstanceOf(NotAppendedError);
  expect(await log.append(1, body)).toBe(1);
  expect(states).toEqual(["read_only", "connected"]);
  expect(told).toEqual([1]);
});

test.each([
  { fault: "unknownButPresent" as const, present: [1, 2] },
  { fault: "unknownAndAbsent" as const, present: [1] },
])("after $fault nothing is answered or told; a restart finds what is there", async ({ fault, present }) => {
  const entries = new MemoryEntries();
  const log = new MemoryLog("a", entries);
  const told = follow(log);
  await log.append(1, body);
  log.injectFault(fault);
  const [unknown, next] = await Promise.allSettled([log.append(2, body), log.append(3, body)]);
  expect(unknown).toMatchObject({ status: "rejected", reason: expect.any(OutcomeUnknownError) });
  expect(next).toMatchObject({ status: "rejected", reason: expect.any(NotAppendedError) });
  expect(told).toEqual([1]);
  const restarted = new MemoryLog("b", entries);
  const found = follow(restarted);
  await restarted.append(1, body);
  expect(found).toEqual([...present, 1]);
});
