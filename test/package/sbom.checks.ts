// The bill of materials against the lockfile, which npm does not make it from alone: nothing that production installs is
// missing, nothing that only development needs is in it, and each part has its licence.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { projectFolder } from "../support/markdown.ts";

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly dev?: true;
  readonly optional?: true;
  readonly devOptional?: true;
}

interface Bill {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly {
    readonly "bom-ref": string;
    readonly name: string;
    readonly version: string;
    readonly licenses: readonly { readonly license?: object; readonly expression?: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

function makeBill(): Bill {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-sbom-"));
  const file = join(folder, "bill.json");
  try {
    execFileSync("npm", ["run", "--silent", "sbom", "--", file], { cwd: projectFolder });
    return JSON.parse(readFileSync(file, "utf8")) as Bill;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function lockedPackages(): [string, Locked][] {
  const lock = JSON.parse(readFileSync(join(projectFolder, "package-lock.json"), "utf8")) as {
    packages: Record<string, Locked>;
  };
  const all = Object.entries(lock.packages).filter(([place]) => place !== "");
  return all.map(([place, locked]) => [`${place.split("node_modules/").at(-1)}@${locked.version}`, locked]);
}

test("the bill of materials names all that production installs, each with its licence, and nothing else", () => {
  const bill = makeBill();
  expect(bill.bomFormat).toBe("CycloneDX");
  expect(bill.metadata.component).toMatchObject({ name: manifest.name, version: manifest.version });
  const named = new Set(bill.components.map(({ name, version }) => `${name}@${version}`));
  const locked = lockedPackages();
  const installed = locked.filter(([, { dev, optional, devOptional }]) => !(dev || optional || devOptional));
  expect(installed.length).toBeGreaterThan(Object.keys(manifest.dependencies).length);
  expect(installed.map(([id]) => id).filter((id) => !named.has(id))).toEqual([]);
  for (const [name, version] of Object.entries(manifest.dependencies))
    expect(named).toContain(`${name}@${version}`);
  const developers = locked.filter(([id, { dev }]) => dev && !installed.some(([other]) => other === id));
  expect(developers.length).toBeGreaterThan(Object.keys(manifest.devDependencies).length);
  expect(developers.map(([id]) => id).filter((id) => named.has(id))).toEqual([]);
  const sqlite = `sqlite@${new Database(":memory:").prepare("SELECT sqlite_version()").pluck().get()}`;
  const lockedIds = new Set(locked.map(([id]) => id));
  expect([...named].filter((id) => !lockedIds.has(id))).toEqual([sqlite]);
  for (const { licenses, ...component } of bill.components) {
    const words = licenses.map(({ license, expression }) => license ?? expression);
    expect(words, component["bom-ref"]).not.toEqual([]);
    expect(words, component["bom-ref"]).not.toContain(undefined);
  }
  const refs = new Set(bill.dependencies.map(({ ref }) => ref));
  expect(bill.components.map((each) => each["bom-ref"]).filter((ref) => !refs.has(ref))).toEqual([]);
  const [user] = bill.dependencies.filter(({ dependsOn }) => dependsOn.includes(sqlite));
  expect(user?.ref).toBe(`better-sqlite3@${manifest.dependencies["better-sqlite3"]}`);
});
