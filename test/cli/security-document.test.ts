// docs/security.md is held to what it says: its lines are copied into one shell, as a new operator would, on a machine where
// nothing is set up, and print what is shown.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { codeBlocksOf, readDocument } from "../support/markdown.ts";
import { freePort } from "../support/ports.ts";
import { test } from "../support/process.ts";
import { cliFile } from "../support/programs.ts";

const runWithinMs = 90_000;
const separator = "-- the step ends here --";

test("docs/security.md takes a new operator from nothing to TLS, two tokens and a team of its own, in ten lines", {
  timeout: 120_000,
}, async ({ dataDir }) => {
  const blocks = codeBlocksOf(readDocument("docs/security.md"));
  const steps = blocks.filter(({ language }) => language === "sh").map(({ code }) => code);
  const shown = blocks.filter(({ language }) => language === "text").map(({ code }) => `${code}\n`);
  expect(steps[0]?.split("\n")).toHaveLength(10);
  expect(shown).toHaveLength(steps.length);
  expect(await outputsOf(steps, dataDir)).toEqual(shown);
});

/** What each step printed. What they start ends with them. */
async function outputsOf(steps: readonly string[], folder: string): Promise<string[]> {
  const program = join(folder, "treekeeper");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${cliFile}' "$@"\n`, { mode: 0o755 });
  const port = await freePort();
  const script = [
    "set -e",
    "trap 'kill $(jobs -p)' EXIT",
    ...steps.flatMap((code) => [code, `printf '%s' '${separator}'`]),
  ].join("\n");
  const { stdout } = await promisify(execFile)(
    "bash",
    ["-c", script.replaceAll(":2281", `:${port}`).replace("sleep 1", "sleep 0.1")],
    { cwd: folder, timeout: runWithinMs, env: environment(folder, port) },
  );
  return stdout.split(separator).slice(0, -1);
}

function environment(folder: string, port: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("TREEKEEPER_"));
  return {
    ...Object.fromEntries(others),
    PATH: `${folder}:${process.env.PATH}`,
    TREEKEEPER_PORT: port,
    TREEKEEPER_BALLAST_BYTES: "65536",
  };
}
