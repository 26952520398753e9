// The pages of docs/clients are held to what they say: each section with commands is followed in an empty folder, against a
// fresh server, and prints what it shows. A program is a file of the name in its first line.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import { type CodeBlock, codeBlocksOf, readDocument } from "../support/markdown.ts";
import { test } from "../support/process.ts";
import { clients, pages } from "./clients.ts";
import { need } from "./toolchains.ts";

const pythonPins = clients
  .map(({ name }) => join(import.meta.dirname, name, "requirements.txt"))
  .filter(existsSync)
  .join(" ");
const tools = {
  // What a page does not pin is what the clients are tried with.
  PIP_CONSTRAINT: pythonPins,
  PIP_QUIET: "1",
  // What is built once needs neither.
  CARGO_INCREMENTAL: "0",
  CARGO_PROFILE_DEV_DEBUG: "false",
};
const defaultUrl = "http://127.0.0.1:2281";

describe.for(pages)("docs/clients/$name", ({ name, toolchains }) => {
  const blocks = codeBlocksOf(readDocument(`docs/clients/${name}.md`));
  const headings = [...new Set(blocks.map(({ heading }) => heading))];

  test.for(headings)("%s leads where it says", async (heading, { start, skip }) => {
    await need(toolchains, skip);
    const server = await start();
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-page-"));
    try {
      const section = blocks.filter((block) => block.heading === heading);
      expect(section.map(({ language }) => language)).toContain("text");
      await follow(section, folder, server.url);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

async function follow(section: readonly CodeBlock[], folder: string, url: string): Promise<void> {
  let printed = "";
  for (const { language, code, line } of section) {
    const text = code.replaceAll(defaultUrl, url);
    if (language === "sh") printed = await run(text, folder);
    else if (language === "text") expect(printed.trimEnd(), `line ${line}`).toBe(code);
    else write(text, folder);
  }
}

function write(program: string, folder: string): void {
  const name = /^(?:#|\/\/) (\S+)$/m.exec(program.split("\n", 1)[0] as string)?.[1];
  if (name === undefined) throw new Error(`a program without a name: ${program.slice(0, 80)}`);
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${program}\n`);
}

/** What it printed. @throws Error with all that it said when a command fails */
async function run(commands: string, folder: string): Promise<string> {
  return await promisify(execFile)("bash", ["-euo", "pipefail", "-c", commands], {
    cwd: folder,
    env: { ...process.env, ...tools },
    maxBuffer: 1 << 26,
  }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }) => {
      throw new Error(`${commands}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`);
    },
  );
}
