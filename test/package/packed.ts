// The package as `npm pack` makes it of the checkout, once for all files of tests.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { projectFolder } from "../support/markdown.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The tarball's path. */
    packageFile: string;
    /** The checkout's package.json as it was before. */
    checkoutManifest: string;
  }
}

export function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper pack "));
  project.provide("checkoutManifest", readFileSync(join(projectFolder, "package.json"), "utf8"));
  try {
    const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
      cwd: projectFolder,
      encoding: "utf8",
    });
    const [{ filename }] = JSON.parse(packed.replace(/^[^[]*/, "")) as [{ filename: string }];
    project.provide("packageFile", join(folder, filename));
  } catch (error) {
    // A packing that failed leaves the package's manifest behind.
    execFileSync(process.execPath, ["scripts/package.ts", "restore"], { cwd: projectFolder });
    throw error;
  }
  return () => rmSync(folder, { recursive: true, force: true });
}
