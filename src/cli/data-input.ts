// A znode's data as a command is given it: as an argument, from a file, or from standard input. Bytes stay as they are.

import { fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { Option } from "commander";
import { ExitError, exitCodes } from "./exit-codes.ts";

const beginsWithinMs = 2000;

export function fileOption(): Option {
  return new Option("-f, --file <file>", "the data is in this file; - is standard input");
}

/** Where data that nobody gave, as an argument or a file, is to be looked for in standard input, and not found there. */
type IfEmpty = "refuse" | "none";

/**
 * Without an argument or a file it is what comes by standard input from a pipe or a file. An empty one is no data: for who
 * needs some that is a mistake, such as a variable without quotes that was empty; an argument of '' says it is meant.
 */
export async function dataInput(
  argument: string | undefined,
  file: string | undefined,
  ifEmpty: IfEmpty,
): Promise<string | Uint8Array> {
  if (argument !== undefined && file !== undefined) {
    throw new ExitError(exitCodes.usage, "Data is given twice: as an argument and with --file.");
  }
  if (argument !== undefined) return argument;
  if (file !== undefined) return file === "-" ? await buffer(process.stdin) : await readFile(file);
  if (ifEmpty === "none" && !mayHaveData()) return "";
  const data = await (ifEmpty === "none" ? soon(process.stdin) : buffer(process.stdin));
  if (data.byteLength > 0 || ifEmpty === "none") return data;
  throw new ExitError(
    exitCodes.usage,
    "No data: standard input is empty. Give data as an argument ('' for none), or use --file - to accept empty input.",
  );
}

/** A terminal has a person at it who has asked for nothing, and a device such as /dev/null has nothing to say. */
function mayHaveData(): boolean {
  try {
    return !fstatSync(0).isCharacterDevice();
  } catch {
    return false;
  }
}

/** All there is, if it begins to come at once: a pipe that stays open and silent is nobody's data. */
async function soon(input: Readable): Promise<Uint8Array> {
  const begun = Promise.withResolvers<boolean>();
  // What has come while this process stood still is seen before the immediate.
  const timer = setTimeout(() => setImmediate(() => begun.resolve(false)), beginsWithinMs);
  input.once("readable", () => begun.resolve(true)).once("error", begun.reject);
  try {
    if (await begun.promise) return await buffer(input);
  } finally {
    clearTimeout(timer);
  }
  input.destroy();
  throw new ExitError(
    exitCodes.usage,
    "Standard input is open but sends nothing. Use '' for no data, or --file - to wait for input.",
  );
}
