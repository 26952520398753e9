// Reads a dump, or an export, line by line: however long the file is, one line of it is in memory.

import { createReadStream } from "node:fs";
import { asOfflineError, OfflineError } from "./offline-error.ts";

/** A znode as a line has it. Members that are not known are left alone. */
export interface ZnodeLine {
  readonly path: string;
  readonly data?: string;
  readonly dataBase64?: string;
  readonly stat?: Readonly<Record<string, unknown>>;
  readonly acl?: unknown;
}

/** More than the longest znode takes in JSON. */
const lineCharactersMax = 67_108_864;

/** The znodes of a dump; what else it has is left out. @throws OfflineError when it is none */
export async function* znodesInDump(file: string): AsyncGenerator<ZnodeLine, void, undefined> {
  let number = 0;
  for await (const line of linesIn(file)) {
    number += 1;
    if (line === "") continue;
    const value = valueIn(line);
    if (value === null) {
      throw new OfflineError(
        `${file} is no data directory, no database and no dump: its line ${number} is no object of JSON.`,
      );
    }
    if (typeof value.path === "string") yield value as unknown as ZnodeLine;
  }
}

function valueIn(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

async function* linesIn(file: string): AsyncGenerator<string, void, undefined> {
  let rest = "";
  try {
    for await (const part of createReadStream(file, "utf8")) {
      const lines = (rest + part).split("\n");
      rest = lines.pop() as string;
      yield* lines;
      if (rest.length > lineCharactersMax)
        throw new OfflineError(
          `${file} has a line of more than ${lineCharactersMax} characters: it is no dump.`,
        );
    }
  } catch (error) {
    throw asOfflineError(error, file);
  }
  yield rest;
}
