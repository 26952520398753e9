// Which toolchains are there: `toolchains.sh` knows. Where CLIENTS is `required`, what is missing is a failure.

import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Toolchain } from "./clients.ts";

export const toolchainsFolder =
  process.env.TREEKEEPER_TOOLCHAINS || join(homedir(), ".cache/treekeeper/toolchains");

const script = join(import.meta.dirname, "toolchains.sh");

/** Where one is missing the test is skipped, and says so. @throws Error instead where all have to be there */
export async function need(
  toolchains: readonly Toolchain[],
  skip: (condition: boolean, note: string) => void,
): Promise<void> {
  const missing = await missingOf(toolchains);
  if (missing !== "" && process.env.CLIENTS === "required") throw new Error(`missing: ${missing}`);
  skip(missing !== "", `missing: ${missing}`);
}

/** In words; empty when nothing is missing. */
export async function missingOf(toolchains: readonly Toolchain[]): Promise<string> {
  const env = { ...process.env, TREEKEEPER_TOOLCHAINS: toolchainsFolder };
  const { stdout } = await promisify(execFile)(script, ["--missing", ...toolchains], { env });
  return stdout.trim().replaceAll("\n", "; ");
}
