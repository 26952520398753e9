// Puts the questions of test/conformance to servers, and reads the test runner's own report of what came of them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Exchange } from "../support/http.ts";

const projectFolder = fileURLToPath(new URL("../..", import.meta.url));
const questionFolder = "test/conformance";
const questionEnding = ".test.ts";

/** Of the report, what a scorecard is made of. */
export interface Report {
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  readonly name: string;
  readonly status: string;
  /** Why the file could not be read at all. */
  readonly message: string;
  readonly assertionResults: readonly PromiseReport[];
}

interface PromiseReport {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[] | null;
  readonly meta: { readonly exchanges?: readonly Exchange[] };
}

/** One subject is one file of questions. */
export function subjects(): string[] {
  const files = readdirSync(join(projectFolder, questionFolder));
  return files
    .filter((file) => file.endsWith(questionEnding))
    .map(subjectOf)
    .sort();
}

export function subjectOf(file: string): string {
  return basename(file, questionEnding);
}

/**
 * @param token of whoever asks, where the servers want to know
 * @throws Error with what the test runner said when it has left no report
 */
export async function ask(
  urls: readonly string[],
  asked: readonly string[],
  token?: string,
): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-conformance-"));
  const file = join(folder, "report.json");
  try {
    const said = await runTests(environmentOf(urls, token), [
      ...["--reporter=json", `--outputFile=${file}`],
      ...asked.map((subject) => `${questionFolder}/${subject}${questionEnding}`),
    ]);
    return reportIn(file, said);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function environmentOf(urls: readonly string[], token: string | undefined): NodeJS.ProcessEnv {
  const environment = { ...process.env, NO_COLOR: "1", TREEKEEPER_URL: urls.join(",") };
  return token === undefined ? environment : { ...environment, TREEKEEPER_TOKEN: token };
}

/** Returns what it says, which is no result. */
async function runTests(environment: NodeJS.ProcessEnv, words: readonly string[]): Promise<string> {
  const config = join(import.meta.dirname, "vitest.config.ts");
  const runner = spawn("vitest", ["run", "--config", config, ...words], {
    cwd: projectFolder,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([text(runner.stdout), text(runner.stderr), once(runner, "close")]);
  return `${out}\n${err}`;
}

function reportIn(file: string, said: string): Report {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`The questions could not be asked. ${said.trim()}`, { cause: error });
  }
}
