// A command as a job: how it begins, the signals it is sent, by what its processes are found, and when all have gone.

import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { isOver, Job, signalJob } from "../../src/cli/supervisor/job.ts";
import { processEntry, processTable } from "../../src/cli/supervisor/process-table.ts";

/** Those of a program that was started without anything. */
const plain = { descriptors: [], terminalSession: null, isHangupIgnored: false };

async function emptied(job: Job): Promise<void> {
  while (!job.isEmpty()) await pause(2);
}

test("a command begins when it is started, with what is added to its environment", async () => {
  const job = new Job(["sh", "-c", 'exit "$CODE"'], { CODE: "3" }, plain);
  expect([job.tag.leader, job.isEmpty()]).toEqual([null, true]);
  expect(await job.start()).toBeNull();
  expect(await job.commandEnd).toBe(3);
});

test("a job lives as long as any of it, and a signal reaches all of it", async () => {
  const job = new Job(["bash", "-c", "sleep 60 & (sleep 60 &) ; set -m; sleep 60 & exit 0"], {}, plain);
  await job.start();
  expect(await job.commandEnd).toBe(0);
  expect(job.isEmpty()).toBe(false);
  job.signal("SIGTERM");
  await emptied(job);
  job.signal("SIGTERM");
});

test("who knows its mark alone finds a command of which nothing else is known", async () => {
  const job = new Job(["sleep", "60"], {}, plain);
  const before = job.tag;
  expect(isOver(before)).toBe(true);
  await job.start();
  expect(isOver(before)).toBe(false);
  signalJob(before, "SIGKILL");
  expect(await job.commandEnd).toBe(137);
  expect(isOver(before)).toBe(true);
});

test("in a session that it shares a job is its own processes alone, and not those that left it", async () => {
  const session = processEntry("self")?.session as number;
  const shared = { ...plain, terminalSession: session };
  // One forgets its environment, one its parent; one has left for a session of its own.
  const script = "env -i sleep 60 & (sleep 60 &); setsid sleep 61 & wait";
  const [job, other] = [new Job(["sh", "-c", script], {}, shared), new Job(["sleep", "60"], {}, shared)];
  await Promise.all([job.start(), other.start()]);
  const leader = job.tag.leader as number;
  expect(processEntry(String(leader))).toMatchObject({ session });
  const left = await leftBy(leader);
  job.signal("SIGKILL");
  expect(await job.commandEnd).toBe(137);
  await emptied(job);
  expect([other.isEmpty(), processEntry(String(left))?.session]).toEqual([false, left]);
  process.kill(left, "SIGKILL");
  other.signal("SIGKILL");
  expect(await other.commandEnd).toBe(137);
});

/** The child of a process that has made a session of its own. */
async function leftBy(parent: number): Promise<number> {
  while (true) {
    const left = processTable().find((entry) => entry.parent === parent && entry.session === entry.pid);
    if (left !== undefined) return left.pid;
    await pause(2);
  }
}

test("what cannot be run ends as shells say it", async () => {
  for (const [command, code] of [
    ["/nowhere/program", 127],
    ["", 127],
    ["/", 126],
  ] as const) {
    const job = new Job([command], {}, plain);
    expect(await job.start()).toMatch(/cannot be run \(E[A-Z_]+\)\.$/);
    expect(await job.commandEnd).toBe(code);
    expect(job.isEmpty()).toBe(true);
  }
});
