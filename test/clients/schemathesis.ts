// Runs Schemathesis against a server: it makes requests of the OpenAPI document, valid and not, one by one and in sequences,
// and holds every answer against the document. schemathesis/ has what it has to be told.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolchainsFolder } from "./toolchains.ts";

export type Phase = "examples" | "coverage" | "fuzzing" | "stateful";

export interface SchemathesisOptions {
  /** Of the server. */
  readonly url: string;
  /** The address of the document, or its file; the server's own unless given. */
  readonly document?: string;
  readonly phases: readonly Phase[];
  /** So many requests for each operation at most, and so many sequences; the coverage phase makes as many as it needs. */
  readonly examples: number;
  /** Sequences are made anew for so long; once unless given. */
  readonly seconds?: number;
  readonly seed: number;
  /** The operations to try, by their ids; all unless given. */
  readonly operations?: readonly string[];
}

const folderOfHooks = join(import.meta.dirname, "schemathesis");

/** What it found, as it tells it; empty when nothing is wrong. @throws Error when it could not even begin */
export async function faultsFound(options: SchemathesisOptions): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-schemathesis-"));
  try {
    const { code, stdout, stderr } = await run(argumentsFor(options), folder);
    if (code === 0) return "";
    const report = /^=+ (?:ERRORS|FAILURES) =.*/ms.exec(stdout)?.[0];
    if (report === undefined) throw new Error(`Schemathesis ended with ${code}: ${stdout}${stderr}`);
    return report.replaceAll(/\n{2,}/g, "\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function argumentsFor(options: SchemathesisOptions): string[] {
  const { url, document = `${url}/openapi.json`, phases, examples, seconds, seed, operations = [] } = options;
  const flags = {
    url,
    checks: "all",
    phases: phases.join(","),
    "max-examples": `${examples}`,
    seed: `${seed}`,
    ...(seconds !== undefined && { "max-time": `${seconds}` }),
  };
  return [
    `--config-file=${join(folderOfHooks, "schemathesis.toml")}`,
    ...["run", document, "--no-color"],
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ...operations.map((id) => `--include-operation-id=${id}`),
  ];
}

interface Ended {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(argv: readonly string[], cwd: string): Promise<Ended> {
  const program = join(toolchainsFolder, "schemathesis/bin/schemathesis");
  const env = { ...process.env, PYTHONPATH: folderOfHooks, PYTHONDONTWRITEBYTECODE: "1" };
  const { promise, resolve } = Promise.withResolvers<Ended>();
  execFile(program, argv, { cwd, env, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? null), stdout, stderr });
  });
  return promise;
}
