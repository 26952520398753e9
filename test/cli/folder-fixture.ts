// For commands that work on files: a folder beside the service, and what they print a line of JSON at a time.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownTest } from "./fixture.ts";

export const test = ownTest.extend<{ folder: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-"));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
});

export function linesIn(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
