// docs/client.md is held to what it says: its examples are one program, run as a program of somebody else's runs that
// has linked the package. It prints what its comments say.

import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { codeBlocksOf, projectFolder, readDocument } from "../support/markdown.ts";
import { makeDataDir, removeDataDir, test } from "../support/process.ts";

const runWithinMs = 90_000;

const program = codeBlocksOf(readDocument("docs/client.md"))
  .filter(({ language }) => language === "ts")
  .map(({ code }) => code)
  .join("\n");

test("the examples do what they say, in a program that has linked the package", async ({ start }) => {
  const { url } = await start();
  const folder = makeDataDir();
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(projectFolder, join(folder, "node_modules/treekeeper"), "dir");
    writeFileSync(join(folder, "package.json"), '{"type": "module"}');
    writeFileSync(join(folder, "example.ts"), program.replaceAll("http://127.0.0.1:2281", url));
    const run = promisify(execFile)(process.execPath, ["example.ts"], { cwd: folder, timeout: runWithinMs });
    expect((await run).stdout.trim().split("\n")).toEqual(printedIn(program));
  } finally {
    removeDataDir(folder);
  }
});

/** What stands behind each print; several lines are separated by commas. */
function printedIn(code: string): string[] {
  const comments = Array.from(code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm), ([, printed]) => printed);
  return comments.flatMap((printed) => (printed as string).split(", "));
}
