// Folders in which packages are installed as users install them: by npm, into an empty folder, with a Node.js that is the
// machine's. What npm has in its cache is not fetched again.

import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { projectFolder } from "../support/markdown.ts";

export interface Ran {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** The Node.js that runs the tests. */
export const ownNodeFolder = dirname(process.execPath);

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "treekeeper package "));
}

/** Goes away with the test. */
export function temporaryFolder(): string {
  const folder = makeFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The environment of somebody who has this Node.js, npm, and nothing of the checkout's. */
export function environmentWith(nodeFolder = ownNodeFolder): NodeJS.ProcessEnv {
  const path = (process.env.PATH ?? "").split(delimiter).filter((each) => !each.startsWith(projectFolder));
  const ofNpm =
    /^(npm_(package|lifecycle|command|node_execpath|execpath)|npm_config_(local_|global_)?prefix$)/;
  const foreign = /^(TREEKEEPER_|VITEST|NODE_ENV$|NODE_OPTIONS$|NODE_COMPILE_CACHE$|INIT_CWD$)/;
  const entries = Object.entries(process.env).filter(([name]) => !ofNpm.test(name) && !foreign.test(name));
  return { ...Object.fromEntries(entries), PATH: [nodeFolder, ...path].join(delimiter) };
}

/** @throws Error with what npm says when it does not succeed */
export function install(folder: string, ...specs: string[]): void {
  // Without it npm looks for a package in the folders above.
  npm(folder, "install", "--prefix", folder, ...specs);
}

function npm(folder: string, ...args: string[]): string {
  const options = ["--prefer-offline", "--no-audit", "--no-fund"];
  return execFileSync("npm", [...args, ...options], {
    cwd: folder,
    encoding: "utf8",
    env: environmentWith(),
  });
}

/** A Node.js of this version, from the packages that the package `node` fetches; returns the folder of the program. */
export function installNode(folder: string, version: string): string {
  const { platform, arch } = process;
  const name = `${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`;
  const own = join(folder, `node ${version}`);
  mkdirSync(own);
  install(own, `${name}@${version}`);
  return join(own, "node_modules", name, "bin");
}

export async function run(
  command: readonly [string, ...string[]],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<Ran> {
  const [program, ...args] = command;
  const env = options.env ?? environmentWith();
  return await new Promise((resolve) => {
    execFile(program, args, { ...options, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? "signal"), stdout, stderr });
    });
  });
}

export function readJson<Content>(...path: string[]): Content {
  return JSON.parse(readFileSync(join(...path), "utf8")) as Content;
}

/** What is tracked, as it is in the working tree, and committed there; without what npm has installed. */
export function copyOfCheckout(folder: string): string {
  const copy = join(folder, "checkout");
  mkdirSync(copy);
  const git = (...args: string[]) => execFileSync("git", args, { cwd: copy, encoding: "utf8" });
  const source = { cwd: projectFolder, encoding: "utf8" } as const;
  const names = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], source);
  const listed = join(folder, "names");
  writeFileSync(listed, names);
  const tar = `tar -c --ignore-failed-read --null -T '${listed}' | tar -x -C '${copy}'`;
  execFileSync("sh", ["-c", tar], { cwd: projectFolder });
  git("init", "--quiet");
  git("add", "--all");
  commit(copy);
  return copy;
}

export function commit(copy: string): void {
  const who = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...who, "commit", "--quiet", "--all", "--message", "test"], { cwd: copy });
}

/** Brings the checkout's own; as links to the same files where the disk is the same. npm does not look through a link to all. */
export function copyModules(copy: string): void {
  const script = 'cp -al "$1" "$2" 2>/dev/null || { rm -rf "$2/node_modules"; cp -a "$1" "$2"; }';
  execFileSync("sh", ["-c", script, "sh", join(projectFolder, "node_modules"), copy]);
  rmSync(join(copy, "node_modules/.cache"), { recursive: true, force: true });
}

/** A cache of npm with what has been fetched, in which npx has installed nothing yet. It goes away with the test. */
export function cacheWithoutNpx(): string {
  const folder = temporaryFolder();
  const fetched = npm(folder, "config", "get", "cache").trim();
  symlinkSync(join(fetched, "_cacache"), join(folder, "_cacache"));
  return folder;
}
