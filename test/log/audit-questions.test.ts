// What the document asks the audit log with jq, asked of the lines that it shows.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeBlocksOf, readDocument } from "../support/markdown.ts";

const hasJq = spawnSync("jq", ["--version"]).status === 0;
const blocks = codeBlocksOf(readDocument("docs/audit.md"));
const shown = blocks
  .find(({ language }) => language === "json")
  ?.code.trim()
  .split("\n") as string[];
const questions = blocks.filter(({ code }) => code.includes("jq ")).map(({ code }) => code);

test.skipIf(!hasJq)("each question of the document is answered from the lines it shows", () => {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-audit-"));
  const [created, refused, ended] = shown as [string, string, string];
  const deletion = refused.replace("/a", "/config");
  writeFileSync(join(folder, "audit.jsonl.000001"), `${created}\n{"at":"20\n`);
  writeFileSync(join(folder, "audit.jsonl"), `${created}\n${deletion}\n${refused}\n${ended}\n`);
  const answers = questions.map((question) =>
    execFileSync("sh", ["-c", question], { cwd: folder, encoding: "utf8" }).trim().split("\n"),
  );
  rmSync(folder, { recursive: true });
  expect(answers).toEqual([
    [deletion],
    [created, deletion],
    [expect.stringMatching(/^2 anyone\t10\.0\.0\.7\tnot_empty$/)],
    [created],
    [created, created, deletion, refused, ended],
  ]);
});
