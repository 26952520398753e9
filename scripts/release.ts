// What is handed out of a version, in release/: the package, the bill of materials of what it installs, and their checksums,
// which `sha256sum -c SHA256SUMS` verifies. It is made of what is committed, and of a version that the changelog tells of:
//
//   npm run release

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };

const { name, version } = manifest;
const folder = join(import.meta.dirname, "..");
const releaseFolder = join(folder, "release");

const complaint = uncommitted() ?? untold();
if (complaint === null) {
  release();
} else {
  process.stderr.write(`${complaint}\n`);
  process.exitCode = 1;
}

function release(): void {
  rmSync(releaseFolder, { recursive: true, force: true });
  mkdirSync(releaseFolder);
  const files = [packed(), billed()];
  const sums = files.map((file) => `${sha256(file)}  ${file}\n`);
  writeFileSync(join(releaseFolder, "SHA256SUMS"), sums.join(""));
  for (const file of [...files, "SHA256SUMS"]) process.stdout.write(`release/${file}\n`);
}

/** What nobody else could make again is not released. */
function uncommitted(): string | null {
  const changed = output("git", "status", "--porcelain").trimEnd();
  return changed === "" ? null : `There are changes that are not committed:\n${changed}`;
}

function untold(): string | null {
  const changelog = readFileSync(join(folder, "CHANGELOG.md"), "utf8");
  const heading = `## [${version}]`;
  const isTold = changelog.split("\n").some((line) => line === heading || line.startsWith(`${heading} - `));
  return isTold ? null : `CHANGELOG.md has no heading "${heading} - DATE".`;
}

function packed(): string {
  output("npm", "pack", "--pack-destination", releaseFolder);
  return `${name}-${version}.tgz`;
}

function billed(): string {
  const file = `${name}-${version}.cdx.json`;
  output(process.execPath, join(folder, "scripts/sbom.ts"), "--package", join(releaseFolder, file));
  return file;
}

function sha256(file: string): string {
  return createHash("sha256")
    .update(readFileSync(join(releaseFolder, file)))
    .digest("hex");
}

/** @throws Error when it ends with another code than 0; what it says on stderr is seen */
function output(command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}
