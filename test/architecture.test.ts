// Holds the source to the layout of the architecture: imports point one way and never in a circle, and every
// file says what it is for.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

interface SourceFile {
  /** Relative to `src`, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Paths of the files of `src` it imports. */
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

const sourceFolder = join(import.meta.dirname, "../src");

/** The layers a file may import from, besides its own. A file at the root of `src` is a layer by itself. */
const mayImport: Record<string, readonly string[]> = {
  core: [],
  told: ["core"],
  store: ["told", "core"],
  sessions: ["store", "told", "core"],
  watches: ["store", "told", "core"],
  duties: ["store", "core"],
  coordination: ["sessions", "store", "core"],
  access: ["core"],
  routes: ["access", "coordination", "watches", "sessions", "store", "told", "core"],
  log: ["core"],
  settings: ["core"],
  metrics: ["routes", "store"],
  offline: ["store", "told", "core"],
  client: ["core"],
  cli: ["access", "client", "offline", "settings"],
};

/** Where the parts meet, from the top down: files at the root of `src`, and the metrics of them all. No other layer imports them. */
const assembly = [
  "main.ts",
  "healthcheck.ts",
  "serve.ts",
  "open-service.ts",
  "open-store.ts",
  "own-server.ts",
  "place-of-log.ts",
  "store-notes.ts",
  "server.ts",
  "http-app.ts",
  "all-routes.ts",
  "server-parts.ts",
  "metrics",
  "stats.ts",
];

/** From the line that names it to the brace that closes it. */
const functionLinesMax = 60;
/** Longer all the same: one case after the other, each of a line or three. */
const longFunctions = ["core/state.ts: #applyChange"];

/** What the files of a room of core may import; the machine at its root may import them all. */
const roomsMayImport: Record<string, RegExp> = {
  tree: /^core\/(tree\/|acl\/acl\.ts|errors\.ts)/,
  acl: /^core\/(?!coordination|replies|quotas)/,
  quotas: /^core\/(?!coordination|replies)/,
  replies: /^core\/(?!coordination|quotas)/,
};

/** All that is tracked at the top of the repository. */
const topLevel =
  `.ci .gitignore .npmrc CHANGELOG.md LICENSE README.md SECURITY.md bench bin biome.json docs examples llms.txt openapi ops
  package-lock.json package.json scripts src test tsconfig.json tsconfig.package.json tsconfig.types.json vitest.config.ts`.split(
    /\s+/,
  );

/** Files of `src` in no folder: where the parts meet, and what they all stand on. */
const looseSources = [
  "all-routes.ts",
  "certificate.ts",
  "clock.ts",
  "connections.ts",
  "descriptors.ts",
  "early-signals.ts",
  "followed-files.ts",
  "healthcheck.ts",
  "help-width.ts",
  "histogram.ts",
  "http-app.ts",
  "listening.ts",
  "main.ts",
  "node-version.ts",
  "open-service.ts",
  "open-store.ts",
  "own-directory.ts",
  "own-server.ts",
  "pem.ts",
  "place-of-log.ts",
  "printable.ts",
  "runtime.ts",
  "safe-start.ts",
  "send-queues.ts",
  "serve.ts",
  "server-parts.ts",
  "server.ts",
  "shares.ts",
  "stats.ts",
  "still-readers.ts",
  "store-notes.ts",
];

const files = sourceFiles();

test("core imports nothing but itself: no package, no disk, no clock", () => {
  const core = files.filter(({ path }) => layerOf(path) === "core");
  expect(core.length).toBeGreaterThan(0);
  expect(core.flatMap(({ path, packages }) => packages.map((name) => `${path} imports ${name}`))).toEqual([]);
});

test("core asks nothing of the world around it: no clock, chance, locale or environment", () => {
  const ambient =
    /\b(Date|Math\.random|performance|process|crypto|setTimeout|setImmediate|localeCompare|Intl)\b/;
  const core = files.filter(({ path }) => layerOf(path) === "core");
  expect(core.filter(({ text }) => ambient.test(codeOf(text))).map(({ path }) => path)).toEqual([]);
});

test("imports point one way, from the edge to the core", () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports.filter((imported) => !isAllowed(path, imported)).map((imported) => `${path} imports ${imported}`),
  );
  expect(wrong).toEqual([]);
});

test("every folder of the source is a layer with a place in the order", () => {
  const folders = new Set(files.map(({ path }) => layerOf(path)).filter((layer) => !layer.endsWith(".ts")));
  expect([...folders].filter((folder) => !(folder in mayImport))).toEqual([]);
});

test("no file imports itself by way of others, be it for a type", () => {
  expect(cycles()).toEqual([]);
});

test("the command line loads what reads a database only when it is asked for", () => {
  const eager = files
    .filter(({ path }) => /^(cli|client)\//.test(path))
    .flatMap(({ path, text }) =>
      Array.from(
        text.matchAll(/^import (?!type\b)[^;]*?"([^"]*\/offline\/[^"]*)"/gm),
        ([, name]) => `${path} imports ${name}`,
      ),
    );
  expect(eager).toEqual([]);
  const lazy = files.filter(({ text }) => /\bimport\("[^"]*\/offline\/[^"]*"\)/.test(text));
  expect(lazy.length).toBeGreaterThan(2);
  expect(lazy.map(({ path }) => path).filter((path) => !path.startsWith("cli/commands/"))).toEqual([]);
});

test("only the core, the store and who reads its files know the state; all others look at it through a reader", () => {
  const knowing = files.filter(({ imports }) =>
    imports.some((path) => /^core\/state(-reader)?\.ts$/.test(path)),
  );
  expect(knowing.map(({ path }) => path).filter((path) => !/^(core|store|offline)\//.test(path))).toEqual([]);
  const reaching = /\b(?:store|\.\.\.parts)\.state\b|\{[^}]*\bstate\b[^}]*\} = (?:\w+\.)*#?store\b/i;
  expect(files.filter(({ text }) => reaching.test(codeOf(text))).map(({ path }) => path)).toEqual([]);
});

test("the client runs in a browser: it imports no package that needs Node", () => {
  const client = files.filter(({ path }) => layerOf(path) === "client");
  const forNode = (name: string) => name.startsWith("node:");
  expect(client.filter(({ packages }) => packages.some(forNode)).map(({ path }) => path)).toEqual([]);
});

test("a function fits on a screen", () => {
  const lengths = files.flatMap(({ path, text }) =>
    functionsIn(text).map(({ name, lineCount }) => ({ name: `${path}: ${name}`, lineCount })),
  );
  expect(lengths.length).toBeGreaterThan(1000);
  const tooLong = lengths.filter(({ lineCount }) => lineCount > functionLinesMax);
  expect(tooLong.map(({ name }) => name)).toEqual(longFunctions);
});

test("the rooms of core know no more than they are about", () => {
  const wrong = files.flatMap(({ path, imports }) => {
    const about = Object.entries(roomsMayImport).find(([room]) => path.startsWith(`core/${room}/`));
    if (about === undefined) return [];
    return imports
      .filter((imported) => !about[1].test(imported))
      .map((imported) => `${path} imports ${imported}`);
  });
  expect(wrong).toEqual([]);
});

test("what all routes share knows none of them", () => {
  const wrong = files
    .filter(({ path }) => /^routes\/(http|wire)\//.test(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter((imported) => /^routes\/(?!http\/|wire\/)/.test(imported))
        .map((imported) => `${path} imports ${imported}`),
    );
  expect(wrong).toEqual([]);
});

test("nothing lies at the top that is not known to belong there", () => {
  const tracked = execFileSync("git", ["ls-files"], { cwd: join(sourceFolder, ".."), encoding: "utf8" });
  const names = new Set(
    tracked
      .trim()
      .split("\n")
      .map((name) => name.split("/")[0]),
  );
  expect([...names].filter((name) => !topLevel.includes(name as string))).toEqual([]);
  const loose = files.map(({ path }) => path).filter((path) => !path.includes("/"));
  expect(loose).toEqual(looseSources);
});

test("exports are named", () => {
  expect(files.filter(({ text }) => /^export default\b/m.test(text)).map(({ path }) => path)).toEqual([]);
});

test("every file opens by saying what it is for", () => {
  expect(files.filter(({ text }) => !/^(\/\/ \S|#!)/.test(text)).map(({ path }) => path)).toEqual([]);
});

function isAllowed(path: string, imported: string): boolean {
  const from = layerOf(path);
  const to = layerOf(imported);
  if (from === to) return true;
  if (assembly.includes(to))
    return assembly.indexOf(from) !== -1 && assembly.indexOf(from) < assembly.indexOf(to);
  if (to.endsWith(".ts")) return from !== "core" && from !== "client";
  return from.endsWith(".ts") ? isRootImport(from, to) : (mayImport[from]?.includes(to) ?? false);
}

/** Where parts meet, any of them may be imported; a leaf file such as the clock knows the core at most. */
function isRootImport(from: string, to: string): boolean {
  return assembly.includes(from) || to === "core";
}

function layerOf(path: string): string {
  return path.split("/")[0] as string;
}

function sourceFiles(): SourceFile[] {
  const names = readdirSync(sourceFolder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => sourceFile(name.replaceAll("\\", "/")));
}

function sourceFile(path: string): SourceFile {
  const text = readFileSync(join(sourceFolder, path), "utf8");
  const names = importedIn(text);
  return {
    path,
    text,
    imports: insideOf(path, names),
    packages: names.filter((name) => !name.startsWith(".")),
  };
}

function importedIn(text: string): string[] {
  const statements = text.matchAll(/(?:^(?:import|export)\b[^;]*?\bfrom|^import|\bimport\()\s*"([^"]+)"/gm);
  return Array.from(statements, ([, name]) => name as string);
}

function insideOf(path: string, names: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith("."))
    .map((name) => relative(sourceFolder, resolve(sourceFolder, dirname(path), name)).replaceAll("\\", "/"));
}

/** Functions and methods by the indentation that the formatter gives them; those within others count with them. */
function functionsIn(text: string): { name: string; lineCount: number }[] {
  const lines = text.split("\n");
  const heads = lines.flatMap((line, index) => {
    const head = /^(export )?(async )?function\b\*? ?(?<name>\w+)/.exec(line) ?? methodHead.exec(line);
    return head === null
      ? []
      : [{ name: head.groups?.name ?? "", index, indent: /^ */.exec(line)?.[0] ?? "" }];
  });
  return heads.map(({ name, index, indent }) => {
    const end = lines.indexOf(`${indent}}`, index);
    return { name, lineCount: end - index + 1 };
  });
}

const methodHead =
  /^ {2}(static |async |get |set |\*)*(?!if|for|while|switch|return|throw)(?<name>#?\w+)\(.*[({]$/;

/** The text without comments and strings: what is said about a clock is no use of it. */
function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$|"[^"\n]*"|`[^`]*`/gm, "");
}

/** Each circle of imports once, as the files along it. */
function cycles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    if (done.has(path) || trail.includes(path)) return;
    for (const imported of importsOf.get(path) ?? []) visit(imported, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return found;
}
