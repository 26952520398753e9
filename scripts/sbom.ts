// The bill of materials of what production installs, in CycloneDX JSON, with the licence of each part:
//
//   npm run sbom                    writes sbom.cdx.json
//   npm run sbom -- FILE            writes it there
//   npm run sbom -- --package FILE  of what a package brings along: it runs on the Node.js that is there
//
// npm knows the packages, but with `--omit dev` it also leaves out what development needs as well, such as yaml. So all of
// them are asked for, and the lockfile says which are for development alone. SQLite, which is compiled into one of them, is
// added here.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Database from "better-sqlite3";
import manifest from "../package.json" with { type: "json" };
import lock from "../package-lock.json" with { type: "json" };

interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly object[];
  readonly [member: string]: unknown;
}

interface Bill {
  readonly metadata: { readonly component: Component; readonly [member: string]: unknown };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly [member: string]: unknown;
}

const folder = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  options: { package: { type: "boolean", default: false } },
  allowPositionals: true,
});
const [file = join(folder, "sbom.cdx.json")] = positionals;

const installed = ofProduction(billOfNpm());
const bill = withSqlite(values.package ? withoutNode(installed) : installed);
const unlicensed = bill.components.filter(({ licenses = [] }) => licenses.length === 0);
if (unlicensed.length > 0) {
  throw new Error(
    `These say nothing of their licence: ${unlicensed.map((each) => each["bom-ref"]).join(", ")}`,
  );
}
writeFileSync(file, `${JSON.stringify(bill, null, 2)}\n`);

function billOfNpm(): Bill {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application"];
  const { metadata, ...bill } = JSON.parse(
    execFileSync("npm", args, { cwd: folder, encoding: "utf8" }),
  ) as Bill;
  // npm calls it as the folder is called.
  const component = { ...metadata.component, name: manifest.name };
  return { ...bill, metadata: { ...metadata, component } } as Bill;
}

function ofProduction(bill: Bill): Bill {
  const packages = Object.entries(lock.packages as Record<string, { version?: string; dev?: boolean }>);
  const kept = new Set([
    bill.metadata.component["bom-ref"],
    ...packages.filter(([, { dev }]) => dev !== true).map(([place, { version }]) => refOf(place, version)),
  ]);
  return keepOnly(kept, bill);
}

/** Without the Node.js of the checkout, and what only that needs. */
function withoutNode(bill: Bill): Bill {
  const root = bill.metadata.component["bom-ref"];
  const needs = new Map(bill.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const node = `node@${manifest.dependencies.node}`;
  const kept = new Set([root]);
  for (const ref of kept) for (const needed of needs.get(ref) ?? []) if (needed !== node) kept.add(needed);
  return keepOnly(kept, bill);
}

function keepOnly(kept: ReadonlySet<string>, { components, dependencies, ...bill }: Bill): Bill {
  return {
    ...bill,
    components: components.filter((component) => kept.has(component["bom-ref"])),
    dependencies: dependencies
      .filter(({ ref }) => kept.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) })),
  } as Bill;
}

/** Of `node_modules/a/node_modules/@b/c`. */
function refOf(place: string, version = ""): string {
  return `${place.split("node_modules/").at(-1)}@${version}`;
}

function withSqlite(bill: Bill): Bill {
  const version = new Database(":memory:").prepare("SELECT sqlite_version()").pluck().get() as string;
  const ref = `sqlite@${version}`;
  const sqlite: Component = {
    "bom-ref": ref,
    type: "library",
    name: "sqlite",
    version,
    scope: "required",
    description: "the SQLite that better-sqlite3 is compiled with",
    purl: `pkg:generic/sqlite@${version}`,
    licenses: [{ license: { id: "blessing" } }],
  };
  const dependencies = bill.dependencies.map(({ ref: user, dependsOn }) =>
    user.startsWith("better-sqlite3@")
      ? { ref: user, dependsOn: [...dependsOn, ref] }
      : { ref: user, dependsOn },
  );
  return {
    ...bill,
    components: [...bill.components, sqlite],
    dependencies: [...dependencies, { ref, dependsOn: [] }],
  };
}
