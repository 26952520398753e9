// What is in the tarball: what its users run, read and compile against, and nothing that only its makers need.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import checkout from "../../package.json" with { type: "json" };
import { nodeRange } from "../../src/node-version.ts";
import { projectFolder } from "../support/markdown.ts";
import { makeFolder, readJson } from "./installed.ts";

/** What is fetched, and what lies on the disk then. */
const packedBytesMax = 8_500_000;
const unpackedBytesMax = 17_000_000;

const folder = makeFolder();
const packageFolder = join(folder, "package");

beforeAll(() => {
  execFileSync("tar", ["-xzf", inject("packageFile"), "-C", folder]);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("it has what is used and nothing else", () => {
  const expected = [
    /^(CHANGELOG\.md|LICENSE|README\.md|llms\.txt|package\.json)$/,
    /^bin\/treekeeper$/,
    /^docs\/([\w-]+\.md|skills\/treekeeper\/.+\.md)$/,
    /^dist\/(?!vendor)([\w-]+\/)*[\w-]+\.js$/,
    // Types are those of the client, and of what it says about the core.
    /^dist\/(client|core)\/([\w-]+\/)*[\w-]+\.d\.ts$/,
    // SQLite as it runs, for each system that has a shell for bin/treekeeper.
    /^dist\/vendor\/better-sqlite3\/(LICENSE|package\.json|lib\/(methods\/)?[\w-]+\.js)$/,
    /^dist\/vendor\/better-sqlite3\/prebuilds\/(linux|linuxmusl|darwin)-(x64|arm64)\.node$/,
  ];
  const names = fileNames();
  expect(names.filter((name) => !expected.some((shape) => shape.test(name)))).toEqual([]);
  for (const shape of expected) expect(names.filter((name) => shape.test(name))).not.toEqual([]);
});

test("each source of the checkout is in it as JavaScript, and no other script", () => {
  const stemsIn = (where: string, ending: string) =>
    readdirSync(where, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length))
      .sort();
  const scripts = stemsIn(join(packageFolder, "dist"), ".js").filter((stem) => !stem.startsWith("vendor/"));
  expect(scripts.length).toBeGreaterThan(100);
  expect(scripts).toEqual(stemsIn(join(projectFolder, "src"), ".ts"));
});

test("it brings SQLite for all systems it is for", () => {
  const prebuilt = readdirSync(join(packageFolder, "dist/vendor/better-sqlite3/prebuilds")).sort();
  const systems = ["darwin", "linux", "linuxmusl"];
  expect(prebuilt).toEqual(systems.flatMap((system) => [`${system}-arm64.node`, `${system}-x64.node`]));
});

test("it is small", () => {
  const bytes = fileNames().map((name) => statSync(join(packageFolder, name)).size);
  expect(statSync(inject("packageFile")).size).toBeLessThan(packedBytesMax);
  expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThan(unpackedBytesMax);
});

test("its package.json is that of a package, and the checkout's is as it was", () => {
  const { node: _node, "better-sqlite3": _sqlite, ...needed } = checkout.dependencies;
  const {
    "@bufbuild/protobuf": protobuf,
    "@connectrpc/connect": connect,
    "@connectrpc/connect-node": connectNode,
    ...dependencies
  } = needed;
  const optionalDependencies = {
    "@bufbuild/protobuf": protobuf,
    "@connectrpc/connect": connect,
    "@connectrpc/connect-node": connectNode,
  };
  const entry = { types: "./dist/client/index.d.ts", default: "./dist/client/index.js" };
  const manifest = readJson<Record<string, unknown>>(packageFolder, "package.json");
  expect(manifest).toEqual({
    name: "treekeeper",
    version: checkout.version,
    description: checkout.description,
    license: checkout.license,
    type: "module",
    exports: { ".": entry, "./client": entry, "./package.json": "./package.json" },
    bin: { treekeeper: "bin/treekeeper" },
    files: checkout.files,
    engines: { node: nodeRange },
    dependencies,
    optionalDependencies,
  });
  expect(readFileSync(join(projectFolder, "package.json"), "utf8")).toBe(inject("checkoutManifest"));
});

function fileNames(): string[] {
  const entries = readdirSync(packageFolder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(packageFolder.length + 1));
}
