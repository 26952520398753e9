// A command as a process group: the gate it begins behind, the signals it is sent, and when all of it has gone.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { ProcessGroup } from "../../src/cli/supervisor/process-group.ts";

async function emptied(group: ProcessGroup): Promise<void> {
  while (!group.isEmpty()) await pause(2);
}

test("a command does nothing before its gate is opened, and nothing at all when that is too late", async () => {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-"));
  const file = join(folder, "ran");
  const killed = await ProcessGroup.start(["touch", file], {});
  killed.signal("SIGKILL");
  expect(await killed.commandEnd).toBe(137);
  killed.open();
  expect(() => readFileSync(file)).toThrow("ENOENT");
  const run = await ProcessGroup.start(["sh", "-c", 'echo "$WORD" > "$0"; exit 3', file], { WORD: "ran" });
  run.open();
  expect([await run.commandEnd, readFileSync(file, "utf8")]).toEqual([3, "ran\n"]);
  rmSync(folder, { recursive: true });
});

test("a group lives as long as any of it, and a signal reaches all of it", async () => {
  const group = await ProcessGroup.start(["sh", "-c", "sleep 60 & (sleep 60 &) ; exit 0"], {});
  group.open();
  expect(await group.commandEnd).toBe(0);
  expect(group.isEmpty()).toBe(false);
  group.signal("SIGTERM");
  await emptied(group);
  group.signal("SIGTERM");
});

test("what cannot be run ends as shells say it", async () => {
  const group = await ProcessGroup.start(["/nowhere/program"], {});
  group.open();
  expect(await group.commandEnd).toBe(127);
});
