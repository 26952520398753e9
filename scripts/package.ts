// What `npm pack` packs: the sources as JavaScript in dist/, with the types of the client, and the package.json of a package.
// It differs from that of the checkout, whose exports are the sources, and which brings its own Node.js: a package does not,
// since npm would put that first on the path of whoever depends on it. It brings SQLite instead (docs/decisions/0047): npm
// takes that for something to compile, for which a machine that only runs it has neither Python nor a compiler.
//
//   node scripts/package.ts make      before packing
//   node scripts/package.ts restore   after it: the checkout is as it was

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { nodeRange } from "../src/node-version.ts";

const folder = join(import.meta.dirname, "..");
const manifestFile = join(folder, "package.json");
const keptFile = join(folder, "node_modules/.cache/treekeeper/package.json");
const outFolder = join(folder, "dist");

/** What of SQLite's library runs, where there is a shell for bin/treekeeper; not its sources. */
const library = "better-sqlite3";
const libraryFiles = ["LICENSE", "package.json", "lib/**/*.js", "prebuilds/{linux,linuxmusl,darwin}-*.node"];
const librarySource = join(folder, "node_modules", library);
const libraryFolder = join(outFolder, "vendor", library);

function make(): void {
  // Left behind by a packing that was broken off.
  restore();
  compile();
  mkdirSync(dirname(keptFile), { recursive: true });
  const manifest = readFileSync(manifestFile, "utf8");
  writeFileSync(keptFile, manifest);
  writeFileSync(manifestFile, `${JSON.stringify(packaged(JSON.parse(manifest)), null, 2)}\n`);
}

function restore(): void {
  if (existsSync(keptFile)) renameSync(keptFile, manifestFile);
}

function compile(): void {
  rmSync(outFolder, { recursive: true, force: true });
  const compiler = join(folder, "node_modules/.bin/tsc");
  for (const config of ["tsconfig.package.json", "tsconfig.types.json"]) {
    execFileSync(compiler, ["-p", join(folder, config)], { stdio: "inherit" });
  }
  for (const name of globSync("**/*.js", { cwd: outFolder })) {
    const file = join(outFolder, name);
    const text = readFileSync(file, "utf8");
    const addressed = withLibraryAddress(withScriptAddresses(text), dirname(file));
    if (addressed !== text) writeFileSync(file, addressed);
  }
  for (const name of globSync(libraryFiles, { cwd: librarySource })) {
    mkdirSync(dirname(join(libraryFolder, name)), { recursive: true });
    copyFileSync(join(librarySource, name), join(libraryFolder, name));
  }
}

/** The compiler knows imports; threads and processes are started by the address of their file. */
function withScriptAddresses(text: string): string {
  return text.replaceAll(/(new URL\("\.[^"]*)\.ts(", import\.meta\.url\))/g, "$1.js$2");
}

function withLibraryAddress(text: string, from: string): string {
  const main = relative(from, join(libraryFolder, "lib/index.js"));
  return text.replaceAll(`from "${library}"`, `from "${main}"`);
}

interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

function packaged(checkout: Manifest): object {
  const { name, version, description, license, type, bin, files } = checkout;
  const { node: _node, [library]: _library, ...needed } = checkout.dependencies;
  const isOptional = ([name]: readonly [string, string]) =>
    optional.some((prefix) => name.startsWith(prefix));
  const [dependencies, optionalDependencies] = [false, true].map((is) =>
    Object.fromEntries(Object.entries(needed).filter((each) => isOptional(each) === is)),
  );
  const exported = Object.entries(checkout.exports).map(([path, source]) => [path, compiledOf(source)]);
  return {
    ...{ name, version, description, license, type, bin, files },
    exports: Object.fromEntries(exported),
    engines: { node: nodeRange },
    ...{ dependencies, optionalDependencies },
  };
}

/**
 * For the log in etcd alone: `npm install --omit=optional` leaves it out. In the checkout they are dependencies as others
 * are, since npm drops what is optional without a word where it runs on a Node.js that is too old for it.
 */
const optional = ["@bufbuild/protobuf", "@connectrpc/"];

/** A source is exported as what became of it; anything else, such as package.json, as it is. */
function compiledOf(source: string): string | { types: string; default: string } {
  if (!source.endsWith(".ts")) return source;
  const stem = source.replace("./src/", "./dist/").replace(/\.ts$/, "");
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}

const actions: Record<string, () => void> = { make, restore };
const act = actions[process.argv[2] ?? ""];
if (act === undefined) throw new Error("It is make or restore.");
act();
