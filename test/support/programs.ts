// What tests start as the server and as the command line: what was built for this run of tests, or the sources where
// nothing was, as in benchmarks.

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const { BUILT_PROGRAMS: builtFolder } = process.env;
const sourceFolder = fileURLToPath(new URL("../../src", import.meta.url));

export const serverFile = fileOf("main");
export const cliFile = fileOf("cli/main");

function fileOf(program: string): string {
  return builtFolder === undefined
    ? join(sourceFolder, `${program}.ts`)
    : join(builtFolder, `${program}.mjs`);
}
