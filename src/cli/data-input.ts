// A znode's data as a command is given it: as an argument, from a file, or from standard input. Bytes stay as they are.

import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { Option } from "commander";
import { ExitError, exitCodes } from "./exit-codes.ts";

export function fileOption(): Option {
  return new Option("-f, --file <file>", "the data is in this file; - is standard input");
}

/** @param fallback what it is when nobody says; without one, standard input is read */
export async function dataInput(
  argument: string | undefined,
  file: string | undefined,
  fallback?: string,
): Promise<string | Uint8Array> {
  if (argument !== undefined && file !== undefined) {
    throw new ExitError(exitCodes.usage, "The data is given twice: as an argument and with --file.");
  }
  if (argument !== undefined) return argument;
  if (file !== undefined && file !== "-") return await readFile(file);
  if (file === undefined && fallback !== undefined) return fallback;
  return await buffer(process.stdin);
}
