// The operator's command behind a backup: its words, its time, and what it gets to see.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runBackupCommand, wordsOf } from "../../src/duties/backup-command.ts";

const patient = { msMax: 60_000, signal: new AbortController().signal };

test("its words are separated by spaces, and no shell reads them", async () => {
  expect(wordsOf("  rclone  copyto $HOME ; ")).toEqual(["rclone", "copyto", "$HOME", ";"]);
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-hook-"));
  const file = join(folder, "a file; touch nothing");
  await runBackupCommand(["cp", "/etc/hostname"], file, patient);
  expect(readFileSync(file)).toEqual(readFileSync("/etc/hostname"));
  rmSync(folder, { recursive: true });
});

test("how it failed is said, with what it said itself", async () => {
  const script = "echo no such bucket >&2; exit 3";
  await expect(runBackupCommand(["sh", "-c", script], "f", patient)).rejects.toThrow(
    "it ended with 3: no such bucket",
  );
  await expect(runBackupCommand(["/no/such/program"], "f", patient)).rejects.toThrow("ENOENT");
});

test("one that takes too long is ended, with all it has started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-hook-"));
  const script = `(sleep 60; touch ${folder}/late) & echo $! > ${folder}/pid; wait`;
  const options = { ...patient, msMax: 500 };
  await expect(runBackupCommand(["sh", "-c", script], "f", options)).rejects.toThrow(
    "took longer than 500 ms",
  );
  const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
  await expect.poll(() => isAlive(pid)).toBe(false);
  expect(existsSync(join(folder, "late"))).toBe(false);
  rmSync(folder, { recursive: true });
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
