// What `treekeeper` on the path is: a shell script that finds a Node.js and becomes it. Where a test is about which one,
// each Node.js is a script that says what it was started with.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { test as base, expect } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import lockfile from "../../package-lock.json" with { type: "json" };
import { container, hasContainers, processInside } from "../support/container.ts";
import { projectFolder } from "../support/markdown.ts";

const launcher = join(projectFolder, "bin/treekeeper");
const cronPath = "/usr/bin:/bin";

/** Ends with the temporary folder, which has spaces in its name, as the tests' paths have. */
const test = base.extend<{ folder: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper with spaces "));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
});

/** An installation as npm makes one, without a Node.js; returns the command. */
function installed(folder: string): string {
  const own = join(folder, "lib/node_modules/treekeeper");
  mkdirSync(join(own, "bin"), { recursive: true });
  copyFileSync(launcher, join(own, "bin/treekeeper"));
  mkdirSync(join(folder, "bin"));
  symlinkSync("../lib/node_modules/treekeeper/bin/treekeeper", join(folder, "bin/treekeeper"));
  return join(folder, "bin/treekeeper");
}

function makeNode(file: string, version: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `#!/bin/sh\nif [ "$1" = --version ]; then echo v${version}; else echo "${version} $$: $*"; fi\n`,
  );
  chmodSync(file, 0o755);
}

/** Without a Node.js that the machine may have. */
function bareTools(folder: string): string {
  const tools = join(folder, "tools");
  mkdirSync(tools);
  for (const name of ["dirname", "readlink"]) {
    symlinkSync(execFileSync("which", [name], { encoding: "utf8" }).trim(), join(tools, name));
  }
  return tools;
}

function runWith(path: string, command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { env: { PATH: path }, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("it starts with cron's path and by a link, whatever Node.js the machine has", ({ folder }) => {
  const link = join(folder, "treekeeper");
  symlinkSync(launcher, link);
  expect(runWith(cronPath, link, "--version")).toEqual({
    status: 0,
    stdout: `${manifest.version}\n`,
    stderr: "",
  });
});

test("with no Node.js that can run it there is one sentence, which names those that were found", ({
  folder,
}) => {
  const command = installed(folder);
  const tools = bareTools(folder);
  expect(runWith(tools, command, "get", "/")).toEqual({
    status: 1,
    stdout: "",
    stderr: "treekeeper needs Node.js 24 or newer, or 22 from 22.18 on; found none.\n",
  });
  makeNode(join(tools, "node"), "20.20.2");
  expect(runWith(tools, command, "get", "/")).toEqual({
    status: 1,
    stdout: "",
    stderr: `treekeeper needs Node.js 24 or newer, or 22 from 22.18 on; found 20.20.2 (${tools}/node).\n`,
  });
});

test("it takes the Node.js of its installation, else the one beside it, else the one on the path", ({
  folder,
}) => {
  const command = installed(folder);
  const tools = bareTools(folder);
  const chosen = () => runWith(tools, command, "get", "/a b").stdout.replace(/ \d+:/, ":");
  const main = join(folder, "lib/node_modules/treekeeper/dist/cli/main.js");
  makeNode(join(tools, "node"), "22.18.0");
  expect(chosen()).toBe(`22.18.0: ${main} get /a b\n`);
  makeNode(join(folder, "bin/node"), "25.0.2");
  expect(chosen()).toBe(`25.0.2: ${main} get /a b\n`);
  makeNode(join(folder, "lib/node_modules/node/bin/node"), "26.0.3");
  expect(chosen()).toBe(`26.0.3: ${main} get /a b\n`);
  makeNode(join(folder, "lib/node_modules/treekeeper/node_modules/node/bin/node"), "22.17.9");
  expect(chosen()).toBe(`26.0.3: ${main} get /a b\n`);
});

test("it becomes the Node.js it has found: nothing stands between it and its signals and exit code", async ({
  folder,
}) => {
  const command = installed(folder);
  makeNode(join(folder, "bin/node"), "24.0.1");
  const child = spawn(command, ["x"], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(child.stdout, "data");
  expect(String(said)).toMatch(new RegExp(`^24.0.1 ${child.pid}: `));
});

test.skipIf(!hasContainers)(
  "as process 1 of a container it hears a stop while it still looks for a Node.js",
  async ({ folder }) => {
    const command = installed(folder);
    const [asked, answer] = [join(folder, "asked"), join(folder, "answer")];
    execFileSync("mkfifo", [asked, answer]);
    const node = join(folder, "bin/node");
    const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo >'${asked}'; cat '${answer}'; else echo started; fi\n`;
    writeFileSync(node, script, { mode: 0o755 });
    const [program, ...args] = [...container, command] as [string, ...string[]];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    await readFile(asked);
    process.kill(processInside({ pid: child.pid as number }), "SIGTERM");
    await writeFile(answer, "v24.0.1\n");
    expect(await ended).toEqual([143, null]);
    expect(await text(child.stdout)).toBe("");
  },
);

test("the Node.js it needs comes with an installation that leaves the tools of development out", () => {
  expect(lockfile.packages["node_modules/node"]).not.toHaveProperty("dev");
  expect(manifest.dependencies.node).toMatch(/^24\./);
});
