// The access token that the command line shows the service. It comes from a file or from the environment, and never from
// the command line, which everybody on the machine can read.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type Command, Option } from "commander";
import { ExitError, exitCodes } from "./exit-codes.ts";

/** The secret itself. What is run under supervision does not get it unless it is asked for. */
export const tokenVariable = "TREEKEEPER_TOKEN";
export const aclAuthVariable = "TREEKEEPER_ACL_AUTH";
export const tokenFileVariable = "TREEKEEPER_TOKEN_FILE";

export function tokenFileOption(): Option {
  return new Option(
    "--token-file <file>",
    "access token, in a file that nobody else may read; read again for each request",
  );
}

/**
 * The file that was named on the command line counts first, then the variable with the token, then the one with a file's
 * name. Undefined where there is none.
 * @param named on a line that this command was only told of
 * @throws ExitError for one that is of no use
 */
export function accessTokenOf(command: Command, named?: string): string | (() => string) | undefined {
  const { tokenFile } = command.optsWithGlobals<{ readonly tokenFile?: string }>();
  const isFromLine = command.getOptionValueSourceWithGlobals("tokenFile") === "cli";
  const { [tokenVariable]: token = "" } = process.env;
  if (named !== undefined) return tokenOfFile(named);
  if (token !== "" && !isFromLine) return tokenIn(token, tokenVariable);
  return tokenFile === undefined ? undefined : tokenOfFile(tokenFile);
}

/** Whoever renews it need not tell: what was read last counts for as long as the file is of no use. */
function tokenOfFile(file: string): string | (() => string) {
  let { token, canChange } = read(file);
  if (!canChange) return token;
  return () => {
    try {
      ({ token, canChange } = read(file));
    } catch (error) {
      if (!(error instanceof ExitError)) throw error;
    }
    return token;
  };
}

const bytesMax = 8192;

/** What is no file, such as a pipe, can be read once. */
function read(file: string): { token: string; canChange: boolean } {
  const descriptor = open(file);
  try {
    const stats = fstatSync(descriptor);
    // As ssh takes its keys: what is another's, such as what a cluster has put there, is for him to protect.
    if (stats.isFile() && stats.uid === process.geteuid?.() && (stats.mode & 0o077) !== 0) {
      const mode = (stats.mode & 0o777).toString(8);
      throw unusable(
        `${file} is open to other users (mode 0${mode}): chmod 600 it, and rotate the token if they are strangers`,
      );
    }
    return { token: tokenIn(textOf(descriptor), file), canChange: stats.isFile() };
  } catch (error) {
    throw error instanceof ExitError ? error : unreadable(file, error);
  } finally {
    closeSync(descriptor);
  }
}

function open(file: string): number {
  try {
    return openSync(file, "r");
  } catch (error) {
    throw unreadable(file, error);
  }
}

function textOf(descriptor: number): string {
  const bytes = Buffer.alloc(bytesMax + 1);
  let length = 0;
  while (length < bytes.length) {
    const count = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return length > bytesMax ? "" : bytes.toString("utf8", 0, length);
}

/** What it is instead is not repeated: it may be a secret, if another one. */
function tokenIn(text: string, source: string): string {
  const token = text.trim();
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
  throw unusable(
    `${source} holds no access token: one line is expected, as \`treekeeper token create\` prints it`,
  );
}

function unreadable(file: string, error: unknown): ExitError {
  return unusable(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
}

function unusable(sentence: string): ExitError {
  return new ExitError(exitCodes.usage, `${sentence}.`);
}
