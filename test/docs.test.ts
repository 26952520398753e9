// The documents are held to what they say: each command with curl is run, in order, against a fresh server, and each
// answer shown is compared with the one that comes. Zxids, times and ids may differ; nothing else may.

import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect } from "vitest";
import { type CodeBlock, codeBlocksOf, projectFolder, readDocument } from "./support/markdown.ts";
import { test } from "./support/process.ts";

const documents = ["README.md", "CHANGELOG.md", "SECURITY.md", "llms.txt", ...documentsIn("docs")];
const defaultUrl = "http://127.0.0.1:2281";
const runWithinMs = 90_000;

interface Step {
  readonly command: CodeBlock;
  /** The answer shown right after the command, if any. */
  readonly shown?: CodeBlock;
}

describe.for(documents)("%s", (name) => {
  const markdown = readDocument(name);
  const steps = stepsOf(codeBlocksOf(markdown));

  // What needs another language's tools is followed by test/clients.
  if (steps.length > 0 && !name.startsWith("docs/clients/"))
    test("its commands are answered as it shows", async ({ start }) => {
      const server = await start();
      const outputs = await runAll(steps, server.url);
      for (const [index, { shown }] of steps.entries()) {
        if (shown !== undefined) expectAsShown(outputs[index] as string, shown);
      }
    });

  test("its links lead to files that exist", () => {
    const targets = Array.from(markdown.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g), ([, target]) => target);
    const missing = targets.filter(
      (target) => !existsSync(join(projectFolder, dirname(name), String(target))),
    );
    expect(missing).toEqual([]);
  });

  test("its links lead to chapters that exist", () => {
    const targets = Array.from(markdown.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g), ([, file, id]) => ({
      page: file === "" ? name : join(dirname(name), String(file)),
      id: String(id),
    }));
    expect(targets.filter(({ page, id }) => !chaptersOf(page).includes(id))).toEqual([]);
  });
});

test("README's map has every page once", () => {
  const [, map = ""] = readDocument("README.md").split("\n## Map\n");
  const pages = Array.from(map.matchAll(/^\| \[docs\/[^\]]+\]\((docs\/[^)]+)\)/gm), ([, page]) => page);
  const ofFolders = ["clients", "decisions"].map((folder) => `docs/${folder}/README.md`);
  const expected = [...documentsIn("docs").filter((page) => /^docs\/[^/]+$/.test(page)), ...ofFolders];
  expect(pages.sort()).toEqual(expected.sort());
});

test("the decisions are listed in order, each by its title", () => {
  const listed = Array.from(
    readDocument("docs/decisions/README.md").matchAll(/^- \[(.+)\]\((.+)\)$/gm),
    ([, title, file]) => [file, title],
  );
  const files = documentsIn("docs/decisions").filter((page) => !page.endsWith("README.md"));
  const titled = files.map((page) => [
    page.replace("docs/decisions/", ""),
    /^# (.+)$/m.exec(readDocument(page))?.[1],
  ]);
  expect(listed).toEqual(titled);
});

test("the tour shows the commands a first visitor needs", () => {
  const commands = stepsOf(codeBlocksOf(readDocument("docs/tour.md"))).map(({ command }) => command.code);
  expect(commands.length).toBeGreaterThan(10);
  const all = commands.join("\n");
  const parts = ["sequential", "ephemeral", "Session-Token", "Fence", "If-Match", "watch", "transactions"];
  for (const part of parts) expect(all).toContain(part);
});

/** By the names that links have for them. */
function chaptersOf(page: string): string[] {
  const text = readDocument(page).replaceAll(/^```.*?^```$/gms, "");
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function documentsIn(folder: string): string[] {
  return readdirSync(join(projectFolder, folder), { recursive: true })
    .map((file) => `${folder}/${file}`)
    .filter((file) => file.endsWith(".md"))
    .sort();
}

function stepsOf(blocks: readonly CodeBlock[]): Step[] {
  const steps: Step[] = [];
  for (const [index, command] of blocks.entries()) {
    if (command.language !== "sh" || !/^(.*[ (])?curl /m.test(command.code)) continue;
    const next = blocks[index + 1];
    steps.push(next === undefined || next.language === "sh" ? { command } : { command, shown: next });
  }
  return steps;
}

/** What each step printed. One shell runs them all, since a step may use a variable an earlier one has set. */
async function runAll(steps: readonly Step[], serverUrl: string): Promise<string[]> {
  const separator = "-- the step ends here --";
  const script = ["set -euo pipefail"];
  for (const { command, shown } of steps) {
    // Where no refusal is shown, none is expected.
    const option = shown !== undefined && isRefusal(shown) ? "" : "--fail-with-body";
    script.push(
      `curl() { command curl --no-progress-meter ${option} "$@" || { echo "at line ${command.line}" >&2; false; }; }`,
      command.code.replaceAll(defaultUrl, serverUrl),
      `printf '%s' '${separator}'`,
    );
  }
  return (await runShell(script.join("\n"))).split(separator);
}

/** What the script printed. @throws Error when a command in it fails */
function runShell(script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("bash", ["-c", script], { timeout: runWithinMs }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`a command failed: ${stderr}${stdout.slice(-1000)}`));
    });
  });
}

function isRefusal({ code }: CodeBlock): boolean {
  return /"status": 4\d\d/.test(code) || /^HTTP\/1.1 4/.test(code);
}

function expectAsShown(output: string, { language, code, line }: CodeBlock): void {
  const read = language === "text" && !isStream(code) ? linesIn : readers[language];
  if (read === undefined) throw new Error(`line ${line}: an answer is json, http or text, not "${language}"`);
  const shown = read(code);
  expect(forgiven(read(output), shown), `line ${line}`).toEqual(shown);
}

const readers: Record<string, (text: string) => unknown> = { json: jsonIn, http: responseIn, text: eventsIn };

/** `{…}` stands for an object that is not shown. */
function jsonIn(text: string): unknown {
  return JSON.parse(text.replaceAll("{…}", '"…"'));
}

function responseIn(text: string): unknown {
  const [head = "", body = ""] = text.replaceAll("\r", "").split("\n\n", 2);
  const [status, ...lines] = head.split("\n");
  const headers = lines
    .map((line) => line.split(": ", 2))
    .map(([name, value]) => [name?.toLowerCase(), value]);
  return {
    status,
    headers: Object.fromEntries(headers.filter(([name]) => isOurs(name))),
    body: jsonIn(body),
  };
}

/** What every HTTP server says is not shown. */
function isOurs(header: string | undefined): boolean {
  return header === "etag" || header === "zxid" || header === "location";
}

function isStream(text: string): boolean {
  return /^(retry|id|event|data): /m.test(text);
}

function linesIn(text: string): string[] {
  return text.trim().split("\n");
}

/** The messages of an event stream; what is long may go on in the next line of the document. */
function eventsIn(text: string): unknown {
  const messages = text.trim().split(/\n\n+/);
  return messages.map((message) => {
    const fields = message.split(/\n(?=\w+: )/).map((field) => /^(\w+): (.*)$/s.exec(field) ?? []);
    return Object.fromEntries(
      fields.map(([, name = "", value = ""]) => [name, name === "data" ? jsonIn(value) : value]),
    );
  });
}

/** Their values are of the day: only their type is compared. */
const volatileMembers = new Set([
  ...["zxid", "czxid", "mzxid", "pzxid", "ctimeMs", "mtimeMs", "timeMs"],
  ...["id", "token", "session", "ephemeralOwner", "validForMs"],
]);

/** The answer that came, with every difference that does not matter replaced by what was shown. */
function forgiven(actual: unknown, shown: unknown, name = ""): unknown {
  if (volatileMembers.has(name) && typeof actual === typeof shown) return shown;
  if (typeof actual === "string" && typeof shown === "string") {
    return withoutNumbers(actual) === withoutNumbers(shown) ? shown : actual;
  }
  if (Array.isArray(actual) && Array.isArray(shown)) {
    return actual.map((item, index) => forgiven(item, shown[index]));
  }
  if (!isObject(actual)) return actual;
  if (shown === "…") return shown;
  if (!isObject(shown)) return actual;
  return Object.fromEntries(
    Object.entries(actual).map(([member, value]) => [member, forgiven(value, shown[member], member)]),
  );
}

/** Zxids stand in sentences and in ETags, too; where an epoch is shown, one must come. */
function withoutNumbers(text: string): string {
  return text.replace(/\.[0-9a-f]{10}(?![0-9a-f])/g, ".epoch").replace(/\d+/g, "0");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
