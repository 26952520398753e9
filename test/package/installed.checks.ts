// The tarball as its users have it: installed by npm into an empty folder, where its JavaScript runs on the Node.js that is
// there. That is the one of the tests, and the oldest that its package.json allows.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject } from "vitest";
import { nodeRange } from "../../src/node-version.ts";
import { projectFolder } from "../support/markdown.ts";
import { test as processTest, ServerProcess, type StartOptions } from "../support/process.ts";
import {
  cacheWithoutNpx,
  environmentWith,
  install,
  installNode,
  makeFolder,
  ownNodeFolder,
  run,
} from "./installed.ts";

const oldest = /^\^([\d.]+) /.exec(nodeRange)?.[1] ?? "";
const tooOld = "20.19.0";
const servesWithinMs = 60_000;

const folder = makeFolder();
const project = join(folder, "project");
const emptyFolder = join(folder, "empty");
const command = join(project, "node_modules/.bin/treekeeper");
const nodeFolders = new Map([["of the tests", ownNodeFolder]]);

beforeAll(() => {
  for (const each of [project, emptyFolder]) mkdirSync(each);
  install(project, inject("packageFile"));
  for (const version of [oldest, tooOld]) nodeFolders.set(version, installNode(folder, version));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const test = processTest.extend<{
  serve: (options: Omit<StartOptions, "dataDir">) => Promise<ServerProcess>;
}>({
  serve: async ({ dataDir }, use) => {
    const servers: ServerProcess[] = [];
    await use(async (options) => {
      const server = await ServerProcess.start({ cwd: project, ...options, dataDir });
      servers.push(server);
      return server;
    });
    // npx does not pass a signal on: the process that serves is told itself.
    for (const server of servers) {
      process.kill(Number((await server.logged("serving")).pid), "SIGTERM");
      expect(await server.exit).toEqual({ code: 0, signal: null });
    }
  },
});

describe.for(["of the tests", oldest])("Node.js %s", (version) => {
  const env = () => environmentWith(nodeFolders.get(version));
  const service = () => ({ command: [command, "serve"] as const, env: { PATH: env().PATH ?? "" } });
  const runHere = (...words: [string, ...string[]]) => run(words, { cwd: project, env: env() });

  test("runs the service, which keeps every promise that can be asked for over HTTP", async ({ serve }) => {
    const server = await serve(service());
    const asked = ["npm", "run", "--silent", "conformance", "--", "--base-url", server.url] as const;
    const { code, stdout, stderr } = await run([...asked], { cwd: projectFolder });
    expect(code, `${stderr}${stdout}`).toBe(0);
    expect(server.stderr).toBe("");
  });

  test("runs the command line, and a lock's command is watched over", async ({ serve }) => {
    const { url } = await serve(service());
    const keeper = (...args: string[]) => runHere(command, "--endpoint", url, ...args);
    expect(await keeper("create", "/a", "green")).toEqual({ code: 0, stdout: "/a\n", stderr: "" });
    expect(await keeper("get", "/a")).toEqual({ code: 0, stdout: "green", stderr: "" });
    const locked = await keeper("lock", "x", "--", "sh", "-c", "echo $TREEKEEPER_LOCK; exit 7");
    expect(locked).toEqual({ code: 7, stdout: "x\n", stderr: "" });
  });

  test("imports the client by either name, from modules and from CommonJS", async ({ serve }) => {
    const { url } = await serve(service());
    const module = `import { Client, RequestError } from "treekeeper";
      import * as other from "treekeeper/client";
      if (other.Client !== Client) throw new Error("There are two.");
      ${program(url, "/module")}`;
    writeFileSync(join(project, "program.mjs"), module);
    const seen = "red fence_stale 2\n";
    expect(await runHere("node", "program.mjs")).toEqual({ code: 0, stdout: seen, stderr: "" });
    const line = "import('treekeeper').then(({ Client }) => console.log(typeof Client))";
    expect(await runHere("node", "-e", line)).toEqual({ code: 0, stdout: "function\n", stderr: "" });
    const required = `const { Client, RequestError } = require("treekeeper/client");
      (async () => { ${program(url, "/common")} })();`;
    writeFileSync(join(project, "program.cjs"), required);
    // Node.js 22 warns that this is new.
    expect(await runHere("node", "program.cjs")).toMatchObject({ code: 0, stdout: seen });
  });
});

/** Says what it has read, why its last write was refused, and how many changes a watch has told. */
function program(url: string, path: string): string {
  return `
    const client = new Client({ endpoint: "${url}" });
    await client.create("${path}", "blue");
    const session = await client.openSession({ timeoutMs: 10_000 });
    const past = await session.withLock("paint", {}, async (lock) => {
      await session.set("${path}", "red", { fences: [lock] });
      return { path: lock.path, czxid: lock.czxid };
    });
    await session.close();
    const refused = await client.set("${path}", "late", { fences: [past] }).catch((error) => error);
    if (!(refused instanceof RequestError)) throw new Error("It was not refused.");
    let told = 0;
    for await (const { type } of client.watch({ paths: ["${path}"], sinceZxid: 0 })) {
      if (type === "change") told++;
      if (told === 2) break;
    }
    console.log((await client.get("${path}")).data.text(), refused.code, told);`;
}

test("npx in that folder serves within a minute", { timeout: servesWithinMs }, async ({ serve }) => {
  const { PATH = "" } = environmentWith();
  const { url } = await serve({ command: ["npx", "treekeeper", "serve"], env: { PATH } });
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
});

test("npx of the tarball serves within a minute where nothing is installed", {
  timeout: servesWithinMs,
}, async ({ serve }) => {
  const { PATH = "" } = environmentWith();
  const npx = ["npx", "--yes", "--prefer-offline", `--package=${inject("packageFile")}`] as const;
  const env = { PATH, npm_config_cache: cacheWithoutNpx() };
  const { url } = await serve({ command: [...npx, "treekeeper", "serve"], env, cwd: emptyFolder });
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
});

test("an older Node.js gets one sentence, whatever is started on it", async () => {
  const runHere = (...words: [string, ...string[]]) =>
    run(words, { cwd: project, env: environmentWith(nodeFolders.get(tooOld)) });
  const stderr = `treekeeper needs Node.js 24 or newer, or 22 from 22.18 on; this is ${tooOld}.\n`;
  for (const file of ["main.js", "cli/main.js"]) {
    const started = await runHere("node", join(project, "node_modules/treekeeper/dist", file), "--version");
    expect(started).toEqual({ code: 1, stdout: "", stderr });
  }
  for (const name of ["treekeeper", "treekeeper/client"]) {
    const imported = await runHere("node", "-e", `import("${name}")`);
    expect(imported.code).toBe(1);
    expect(imported.stderr).toContain("Error: treekeeper/client needs Node.js 24 or newer, 22 from 22.18 on");
  }
});
