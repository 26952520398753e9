// The audit log in real files: full ones, stuck ones, and ones that were not to be written.

import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { test as base, expect, vi } from "vitest";
import { AuditLog, type AuditSettings, auditWaitingBytesMax } from "../../src/log/audit-log.ts";
import { FakeClock } from "../support/fake-clock.ts";

interface AuditFixture {
  folder: string;
  clock: FakeClock;
  /** What the ordinary log says of it. */
  said: { readonly msg: string; readonly [member: string]: unknown }[];
  openAudit: (settings?: Partial<AuditSettings>) => Promise<AuditLog>;
}

const bytesMax = 65_536;

const test = base.extend<AuditFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-audit-"));
    await use(folder);
    rmSync(folder, { recursive: true });
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  clock: async ({}, use) => use(new FakeClock()),
  // biome-ignore lint/correctness/noEmptyPattern: as above
  said: async ({}, use) => use([]),
  openAudit: async ({ folder, clock, said }, use) => {
    const logger = pino({}, { write: (line: string) => said.push(JSON.parse(line)) });
    await use((settings) =>
      AuditLog.open(
        {
          auditFile: join(folder, "audit.jsonl"),
          auditBytesMax: bytesMax,
          auditFilesMax: 1000,
          auditSync: "none",
          ...settings,
        },
        { clock, logger },
      ),
    );
  },
});

type Line = Readonly<Record<string, unknown>>;

/** The files in the order in which they were written. */
function filesIn(folder: string): string[] {
  const [current, ...older] = readdirSync(folder).sort() as [string, ...string[]];
  return [...older, current].map((name) => join(folder, name));
}

function linesOf(file: string): Line[] {
  const text = readFileSync(file, "utf8");
  expect(text.endsWith("\n")).toBe(true);
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

function allLinesIn(folder: string): Line[] {
  return filesIn(folder).flatMap(linesOf);
}

function noteMany(audit: AuditLog, count: number, from = 0): void {
  for (let number = from; number < from + count; number += 1)
    audit.note({ event: "write", number, path: "/x".repeat(20) });
}

test("files that are full are left behind, and over all of them each line is there once, whole and in order", async ({
  folder,
  openAudit,
}) => {
  const audit = await openAudit();
  noteMany(audit, 3000);
  await audit.close();
  const again = await openAudit();
  noteMany(again, 1000, 3000);
  await again.close();
  const files = filesIn(folder);
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) expect(statSync(file).size).toBeLessThanOrEqual(bytesMax);
  for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(allLinesIn(folder).map(({ number }) => number)).toEqual(Array.from({ length: 4000 }, (_, n) => n));
});

test("of many files the newest are kept", async ({ folder, openAudit }) => {
  const audit = await openAudit({ auditFilesMax: 3 });
  noteMany(audit, 5000);
  await audit.close();
  expect(readdirSync(folder)).toHaveLength(3);
  const numbers = allLinesIn(folder).map(({ number }) => number as number);
  expect(numbers.at(-1)).toBe(4999);
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] as number) + index));
});

test("a file that cannot be written bounds what waits; what was lost is counted in the next line and said in the log", async ({
  folder,
  openAudit,
  said,
}) => {
  const inner = join(folder, "inner");
  mkdirSync(inner);
  const audit = await openAudit({ auditFile: join(inner, "audit.jsonl") });
  noteMany(audit, 400);
  await vi.waitFor(() => expect(audit.waitingBytes).toBe(0));
  // Without its folder no new file can be begun.
  renameSync(inner, join(folder, "elsewhere"));
  noteMany(audit, 600, 400);
  await vi.waitFor(() => expect(said).toMatchObject([{ level: 50, cause: "ENOENT" }]));
  const count = 100_000;
  noteMany(audit, count - 600, 1000);
  expect(audit.waitingBytes).toBeLessThanOrEqual(auditWaitingBytesMax);
  renameSync(join(folder, "elsewhere"), inner);
  await vi.waitFor(() => expect(audit.waitingBytes).toBe(0), { timeout: 5000 });
  noteMany(audit, 1, 400 + count);
  await audit.close();
  const lines = allLinesIn(inner);
  const kept = lines.filter(({ event }) => event === "write").length - 1;
  const { lostLines } = lines.find(({ event }) => event === "lines_lost") as { lostLines: number };
  expect(lostLines).toBeGreaterThan(0);
  expect(kept + lostLines).toBe(400 + count);
  expect(lines.at(-1)).toMatchObject({ event: "write", number: 400 + count });
  expect(said.map(({ msg }) => msg)).toEqual([
    "the audit log cannot be written; what does not fit into memory is lost",
    "the audit log is written again",
  ]);
});

test("a file that is never written again does not keep the service from ending, and that is said", async ({
  folder,
  openAudit,
  said,
}) => {
  const inner = join(folder, "inner");
  mkdirSync(inner);
  const audit = await openAudit({ auditFile: join(inner, "audit.jsonl") });
  noteMany(audit, 600);
  await vi.waitFor(() => expect(audit.waitingBytes).toBe(0));
  rmSync(inner, { recursive: true });
  noteMany(audit, 600);
  await audit.close();
  expect(said.at(-1)?.msg).toBe("the last lines of the audit log could not be written");
});

test("a line that a crash left half does not spoil the next", async ({ folder, openAudit }) => {
  const file = join(folder, "audit.jsonl");
  writeFileSync(file, '{"event":"write"}\n{"event":"wri', { mode: 0o600 });
  const audit = await openAudit();
  audit.note({ event: "admin" });
  await audit.close();
  const [whole, half, next, end] = readFileSync(file, "utf8").split("\n");
  expect([whole, half, end]).toEqual(['{"event":"write"}', '{"event":"wri', ""]);
  expect(JSON.parse(next as string)).toEqual({ at: "2023-11-14T22:13:20.000Z", event: "admin" });
});

test("what is a link, has other names, is no file or no audit log is left as it is, with a sentence", async ({
  folder,
  openAudit,
}) => {
  const other = join(folder, "other");
  writeFileSync(other, "root:x:0:0\n");
  const place = (name: string) => join(folder, name);
  symlinkSync(other, place("link"));
  symlinkSync(place("missing"), place("dangling"));
  mkdirSync(place("folder"));
  writeFileSync(place("one"), "");
  linkSync(place("one"), place("two"));
  const refusals = [
    ["link", "is a link; the service writes through none."],
    ["dangling", "is a link; the service writes through none."],
    ["folder", "cannot be opened"],
    ["two", "has 2 names; what is written under one would change under all."],
    ["other", "has something else in it; name a file for the audit log alone."],
    ["none/audit.jsonl", "cannot be opened"],
  ] as const;
  for (const [name, reason] of refusals)
    await expect(openAudit({ auditFile: place(name) })).rejects.toThrow(
      `The audit file ${place(name)} ${reason}`,
    );
  expect(readFileSync(other, "utf8")).toBe("root:x:0:0\n");
  expect(readdirSync(folder)).not.toContain("missing");
});

test("a file of another user is refused, even for root", async ({ folder, openAudit }) => {
  const own = process.geteuid?.() as number;
  vi.spyOn(process, "geteuid").mockReturnValue(own + 1);
  await expect(openAudit()).rejects.toThrow(
    `The audit file ${join(folder, "audit.jsonl")} belongs to user ${own}, and the service runs as user ${own + 1}.`,
  );
  vi.restoreAllMocks();
});

test("a file that others could open is theirs no longer, and that is said", async ({
  folder,
  openAudit,
  said,
}) => {
  const file = join(folder, "audit.jsonl");
  writeFileSync(file, "");
  chmodSync(file, 0o644);
  await (await openAudit()).close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(said).toMatchObject([{ paths: [file], msg: "other users could open these; now they cannot" }]);
});

test("lines are synced within a second where that was asked for, and else never", async ({
  folder,
  openAudit,
  clock,
}) => {
  const probe = await open(folder, "r");
  const sync = vi.spyOn(Object.getPrototypeOf(probe) as typeof probe, "sync");
  await probe.close();
  const unsynced = await openAudit();
  noteMany(unsynced, 1000);
  await vi.waitFor(() => expect(unsynced.waitingBytes).toBe(0));
  await clock.advance(10_000);
  await unsynced.close();
  expect(sync).not.toHaveBeenCalled();
  const synced = await openAudit({ auditFile: join(folder, "synced.jsonl"), auditSync: "second" });
  noteMany(synced, 3);
  await vi.waitFor(() => expect(synced.waitingBytes).toBe(0));
  await clock.advance(999);
  expect(sync).not.toHaveBeenCalled();
  await clock.advance(1);
  expect(sync).toHaveBeenCalledTimes(1);
  await clock.advance(10_000);
  expect(sync).toHaveBeenCalledTimes(1);
  noteMany(synced, 3);
  await synced.close();
  expect(sync).toHaveBeenCalledTimes(2);
  sync.mockRestore();
});

test("nothing in a line ends it, moves a cursor or turns letters around", async ({ folder, openAudit }) => {
  const audit = await openAudit();
  const path = "/a\n\u001b[2J\u202e\u2028\u009b\ud800";
  audit.note({ event: "write", path });
  await audit.close();
  const text = readFileSync(join(folder, "audit.jsonl"), "utf8");
  expect(text.slice(0, -1)).toMatch(/^[\x20-\x7e]*$/);
  expect(linesOf(join(folder, "audit.jsonl"))[0]?.path).toBe(path);
});
