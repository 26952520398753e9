// What people are told of a fault: a sentence, and for a fault of this program what its author needs.

import { ConnectionError, RequestError } from "../client/index.ts";
import { ExitError, exitCodeOf, exitCodes } from "./exit-codes.ts";

/** A write of which nobody knows whether it was done is said to be one. */
export function failedWrite(error: unknown): unknown {
  const isUnclear = (error instanceof RequestError || error instanceof ConnectionError) && error.mayBeDone;
  if (!isUnclear) return error;
  return new ExitError(exitCodeOf(error), `${messageOf(error)} What was asked may be done all the same.`);
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (exitCodeOf(error) === exitCodes.internal) return error.stack ?? error.message;
  if (error instanceof RequestError) return `${inWordsOfOptions(error.detail)} (${error.code})`;
  if (error instanceof ConnectionError) return `${error.message}${causeOf(error)}`;
  return error.message;
}

/** The service speaks to users of HTTP: what it says of parameters and methods is said here of options and commands. */
const wordsOfHttp = [
  ["With parents=true", "With --parents"],
  ["With upsert=true", "With --create"],
  ["With recursive=true", "With --recursive"],
  ["PUT, in a batch set, replaces", "`treekeeper set` replaces"],
  [
    "with POST /v1/sessions and send its Session-Token",
    "with `treekeeper session open` and name it by --session",
  ],
  ["say onConflict=skip or replace", "say --on-conflict skip or replace"],
  [
    "send it as Authorization: Bearer <token>",
    "name it by --token-file, TREEKEEPER_TOKEN_FILE or TREEKEEPER_TOKEN",
  ],
  ["Start again with initial=true", "Start again with --initial"],
] as const;

function inWordsOfOptions(detail: string): string {
  return wordsOfHttp.reduce((text, [http, option]) => text.replace(http, option), detail);
}

/** What the system said, at the bottom of what it was wrapped in. */
function causeOf(error: Error): string {
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  const code = (cause as NodeJS.ErrnoException).code;
  return code === undefined ? "" : ` (${code})`;
}
