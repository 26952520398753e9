// `npm run conformance -- --base-url URL`: puts any server to the questions of test/conformance and prints a scorecard.
// Ends with 0 when every promise holds, 1 when one does not, 2 when it was used wrongly or nothing could be asked.

import { openSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ask, subjects } from "./questions.ts";
import { scorecardOf, textOf } from "./scorecard.ts";

const usage = `Usage: npm run conformance -- --base-url URL[,URL…] [--token-file FILE] [--only SUBJECT[,SUBJECT…]] [--json FILE]

  --base-url    where the server is; several, comma-separated, are servers of one service
  --token-file  file with an admin's token, where access control is on; or set TREEKEEPER_TOKEN
  --only        these subjects and no others: ${subjects().join(", ")}
  --json        write the scorecard to this file as well, as JSON
`;
const answersWithinMs = 5000;

/** What cannot be asked, and why, in a sentence. */
class UnaskedError extends Error {}

interface Asked {
  readonly urls: readonly string[];
  readonly only: readonly string[];
  readonly json: string | undefined;
  readonly token: string | undefined;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof UnaskedError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const values = valuesOf(process.argv.slice(2));
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const { urls, only, json, token } = askedBy(values);
  await Promise.all(urls.map(mustAnswer));
  // What cannot be written is better known before all that is asked.
  const file = json === undefined ? undefined : opened(json);
  process.stderr.write(`Asking about ${only.length} of ${subjects().length} subjects.\n`);
  const scorecard = scorecardOf(urls, await ask(urls, only, token));
  process.stdout.write(`${textOf(scorecard)}\n`);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(scorecard, null, 2)}\n`);
  return scorecard.asked > 0 && scorecard.held === scorecard.asked ? 0 : 1;
}

function opened(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    throw new UnaskedError(`The scorecard cannot be written: ${(error as Error).message}`);
  }
}

function valuesOf(args: string[]) {
  const options = {
    "base-url": { type: "string" },
    "token-file": { type: "string" },
    only: { type: "string", multiple: true },
    json: { type: "string" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UnaskedError(`${(error as Error).message}\n\n${usage}`);
  }
}

function askedBy(values: ReturnType<typeof valuesOf>): Asked {
  const { "base-url": base, "token-file": tokenFile, only = [], json } = values;
  if (base === undefined) throw new UnaskedError(`Say with --base-url where the server is.\n\n${usage}`);
  const urls = base.split(",").map((url) => url.trim());
  for (const url of urls) mustBeUrl(url);
  const known = subjects();
  const named = only.flatMap((text) => text.split(",")).map((text) => text.trim());
  const [unknown] = named.filter((subject) => !known.includes(subject));
  if (unknown !== undefined) {
    throw new UnaskedError(`There is no subject "${unknown}"; there are ${known.join(", ")}.`);
  }
  return { urls, only: named.length === 0 ? known : named, json, token: tokenIn(tokenFile) };
}

function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UnaskedError(`The token cannot be read: ${(error as Error).message}`);
  }
}

/** Some questions are bytes on a bare socket: there is neither TLS on it, nor a proxy that knows a path. */
function mustBeUrl(url: string): void {
  const { protocol, pathname } = URL.parse(url) ?? {};
  if (protocol !== "http:" || pathname !== "/") {
    throw new UnaskedError(`A base URL is http://HOST:PORT without a path; "${url}" is not.`);
  }
}

async function mustAnswer(url: string): Promise<void> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(answersWithinMs) });
    await response.body?.cancel();
  } catch (error) {
    const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException };
    const why = cause?.code ?? cause?.message ?? message;
    throw new UnaskedError(`Nothing answers at ${url} (${why}). Is the server running?`);
  }
}
