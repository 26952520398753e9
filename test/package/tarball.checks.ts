// What `npm pack` makes, installed into an empty folder: the command line, the service and the client run from it, under
// node_modules, where Node.js runs no TypeScript. Its dependencies are those of the checkout.

import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import { projectFolder } from "../support/markdown.ts";
import { ServerProcess, test } from "../support/process.ts";

const folder = mkdtempSync(join(tmpdir(), "treekeeper package "));
const packageFolder = join(folder, "node_modules/treekeeper");
const command = join(folder, "node_modules/.bin/treekeeper");
/** The Node.js that runs the tests is the machine's: a package brings none. */
const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
const checkoutManifest = readFileSync(join(projectFolder, "package.json"), "utf8");

beforeAll(() => {
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: projectFolder,
  });
  const [{ filename }] = JSON.parse(String(packed).replace(/^[^[]*/, "")) as [{ filename: string }];
  mkdirSync(packageFolder, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, filename), "-C", packageFolder, "--strip-components=1"]);
  for (const name of Object.keys(manifestOf(packageFolder).dependencies)) linkDependency(name);
  mkdirSync(dirname(command));
  symlinkSync("../treekeeper/bin/treekeeper", command);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  // A packing that failed leaves the package's manifest behind.
  execFileSync(process.execPath, ["scripts/package.ts", "restore"], { cwd: projectFolder });
});

function linkDependency(name: string): void {
  const link = join(folder, "node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(projectFolder, "node_modules", name), link);
}

function manifestOf(where: string): { dependencies: Record<string, string>; [member: string]: unknown } {
  return JSON.parse(readFileSync(join(where, "package.json"), "utf8"));
}

async function run(endpoint: string, ...args: string[]) {
  const env = { PATH: path, TREEKEEPER_ENDPOINT: endpoint };
  return await promisify(execFile)(command, args, { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

test("it has what is used and nothing else, and the checkout is as it was", () => {
  expect(readdirSync(packageFolder).sort()).toEqual([
    "LICENSE",
    "README.md",
    "bin",
    "dist",
    "docs",
    "llms.txt",
    "package.json",
  ]);
  const names = readdirSync(packageFolder, { recursive: true, encoding: "utf8" });
  expect(names.filter((name) => /\.ts$/.test(name) && !name.endsWith(".d.ts"))).toEqual([]);
  expect(manifestOf(packageFolder)).not.toHaveProperty("scripts");
  expect(manifestOf(packageFolder).dependencies).not.toHaveProperty("node");
  expect(readFileSync(join(projectFolder, "package.json"), "utf8")).toBe(checkoutManifest);
});

test("the service and the command line run from it, and a lock's command is watched over", async ({
  dataDir,
}) => {
  const env = { PATH: path };
  const server = await ServerProcess.start({ dataDir, command: [command, "serve"], env });
  expect(await run(server.url, "create", "/a", "green")).toMatchObject({ code: 0, stdout: "/a\n" });
  expect(await run(server.url, "get", "/a")).toEqual({ code: 0, stdout: "green", stderr: "" });
  const locked = await run(server.url, "lock", "x", "--", "sh", "-c", "echo $TREEKEEPER_LOCK; exit 7");
  expect(locked).toEqual({ code: 7, stdout: "x\n", stderr: "" });
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
});

test("Node.js imports the client from it, and TypeScript finds its types", async ({ dataDir }) => {
  const server = await ServerProcess.start({ dataDir });
  const program = `import { Client } from "treekeeper/client";
    const client = new Client({ endpoint: "${server.url}" });
    await client.create("/b", "blue");
    const text: string = (await client.get("/b")).data.text();
    console.log(text);`;
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "program.ts"), program);
  const compiler = join(projectFolder, "node_modules/.bin/tsc");
  const options = [
    "--module",
    "NodeNext",
    "--target",
    "ES2024",
    "--strict",
    "--skipLibCheck",
    "false",
    "--types",
    "",
  ];
  const compiled = spawnSync(compiler, [...options, "program.ts"], { cwd: folder, encoding: "utf8" });
  expect(compiled.stdout).toBe("");
  expect(execFileSync(process.execPath, ["program.js"], { cwd: folder, encoding: "utf8" })).toBe("blue\n");
  await server.kill();
});
