// What the commands have in common that look at files and ask no service. Their work is loaded when it is asked for: no
// other command waits for a database to be loaded.

import { Option } from "commander";
import { ExitError, exitCodes } from "./exit-codes.ts";

export function scratchOption(): Option {
  return new Option(
    "--scratch <folder>",
    "where the copy lies that is read; it is removed at the end (the system's folder for temporary files)",
  );
}

/** Does the work; what keeps it from being done becomes a sentence and this code. */
export async function withTrouble<T>(exitCode: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "OfflineError") throw error;
    const { isMissing } = error as { isMissing?: boolean };
    throw new ExitError(isMissing === true ? exitCodes.notFound : exitCode, error.message);
  }
}
