// What `npm pack` packs: the sources as JavaScript with types in dist/, and the package.json of a package. It differs from
// that of the checkout, whose exports are the sources, and which brings its own Node.js: a package does not, since npm
// would put that first on the path of whoever depends on it.
//
//   node scripts/package.ts make      before packing
//   node scripts/package.ts restore   after it: the checkout is as it was

import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const folder = join(import.meta.dirname, "..");
const manifestFile = join(folder, "package.json");
const keptFile = join(folder, "node_modules/.cache/treekeeper/package.json");
const outFolder = join(folder, "dist");

const actions: Record<string, () => void> = { make, restore };
const act = actions[process.argv[2] ?? ""];
if (act === undefined) throw new Error("It is make or restore.");
act();

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
  execFileSync(compiler, ["-p", join(folder, "tsconfig.package.json")], { stdio: "inherit" });
  for (const name of globSync("**/*.js", { cwd: outFolder })) {
    const file = join(outFolder, name);
    const text = readFileSync(file, "utf8");
    const addressed = withScriptAddresses(text);
    if (addressed !== text) writeFileSync(file, addressed);
  }
}

/** The compiler knows imports; threads and processes are started by the address of their file. */
function withScriptAddresses(text: string): string {
  return text.replaceAll(/(new URL\("\.[^"]*)\.ts(", import\.meta\.url\))/g, "$1.js$2");
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

function packaged(checkout: Manifest): object {
  const { private: _, scripts: _scripts, devDependencies: _development, knip: _knip, ...manifest } = checkout;
  const { node, ...dependencies } = manifest.dependencies;
  const major = node?.split(".")[0];
  return {
    ...manifest,
    engines: { node: `>=${major}` },
    exports: { "./client": { types: "./dist/client/index.d.ts", default: "./dist/client/index.js" } },
    dependencies,
  };
}
