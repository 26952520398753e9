// docs/cli.md, and what docs/operations.md, README and the skill have of the command line, are held to what they say: their examples are run
// in order in one shell, and print what is shown. Zxids, numbers and ids may differ.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import { exitCodeMeanings } from "../../src/cli/exit-codes.ts";
import { type CodeBlock, codeBlocksOf, readDocument } from "../support/markdown.ts";
import { cliFile } from "../support/programs.ts";
import { ownTest, test } from "./fixture.ts";

const runWithinMs = 90_000;
const separator = "-- the step ends here --";

describe.for(["docs/cli.md", "docs/operations.md", "README.md", "docs/skills/treekeeper/SKILL.md"])(
  "%s",
  (name) => {
    const steps = stepsOf(codeBlocksOf(readDocument(name)));

    ownTest("its commands print what it shows", { timeout: 300_000 }, async ({ server, dataDir }) => {
      expect(steps.length).toBeGreaterThan(0);
      const program = join(dataDir, "treekeeper");
      writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${cliFile}' "$@"\n`, { mode: 0o755 });
      const script = [
        "set -e",
        ...steps.flatMap(({ command }) => [command.code, `printf '%s' '${separator}'`]),
      ];
      const { stdout } = await promisify(execFile)("bash", ["-c", script.join("\n")], {
        cwd: dataDir,
        timeout: runWithinMs,
        env: {
          ...process.env,
          PATH: `${dataDir}:${process.env.PATH}`,
          TREEKEEPER_ENDPOINT: server.url,
          TREEKEEPER_DATA_DIR: dataDir,
        },
      });
      const outputs = stdout.split(separator);
      const shown = steps.map(({ shown }) => (shown === undefined ? "" : `${shown.code}\n`));
      expect(outputs.slice(0, -1).map(withoutZxids)).toEqual(shown.map(withoutZxids));
    });
  },
);

test("docs/cli.md has the table of exit codes as --help has it", () => {
  const [, chapter = ""] = readDocument("docs/cli.md").split("\n## Exit codes\n");
  const rows = Array.from(chapter.matchAll(/^\| (\S+) \| (.+) \|$/gm), ([, ...row]) => row);
  expect(rows.filter(([code]) => code !== "code")).toEqual(exitCodeMeanings);
});

test("docs/cli.md has a row for each event that programs are told, with its members", () => {
  const source = readDocument("src/cli/supervisor/lifecycle.ts");
  const [, types = ""] = source.split("export type LifecycleEvent =");
  const events = Array.from(types.matchAll(/readonly event: ([^;}]+?) ?[;}]/g), ([, names]) =>
    wordsIn(names, '"'),
  );
  const rows = Array.from(
    readDocument("docs/cli.md").matchAll(/^\| (`[^|]+`) \| ([^|]*)\|/gm),
    ([, ...row]) => row,
  );
  expect(rows.map(([names]) => wordsIn(names, "`")).sort()).toEqual(events.sort());
  const members = new Set(rows.flatMap(([, list]) => wordsIn(list, "`")));
  const named = Array.from(types.matchAll(/readonly (\w+):/g), ([, member]) => member);
  expect([...members].sort()).toEqual([...new Set(named)].filter((member) => member !== "event").sort());
});

function wordsIn(text: string | undefined, quote: string): string[] {
  return Array.from(text?.matchAll(new RegExp(`${quote}(\\w+)${quote}`, "g")) ?? [], ([, word]) =>
    String(word),
  );
}

/** What runs the command line, and what is shown right after. */
function stepsOf(blocks: readonly CodeBlock[]): { command: CodeBlock; shown: CodeBlock | undefined }[] {
  return blocks.flatMap((command, index) => {
    // A package that is not made yet: test/package makes and runs it.
    if (command.code.startsWith("npx --package=")) return [];
    if (command.language !== "sh" || !/(^|[^\w/-])treekeeper [a-z]/m.test(command.code)) return [];
    const next = blocks[index + 1];
    return [{ command, shown: next?.language === "text" ? next : undefined }];
  });
}

function withoutZxids(text: string): string {
  return text
    .replaceAll(/(?<word>@|\bas of )\d+(?:\.[0-9a-f]{10})?/g, "$<word>0")
    .replaceAll(/^\d+ /gm, "0 ");
}
