// Which toolchains are there: `toolchains.sh` knows. Where CLIENTS is `required`, what is missing is a failure.

import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Toolchain } from "./clients.ts";

export const toolchainsFolder =
  process.env.TREEKEEPER_TOOLCHAINS || join(homedir(), ".cache/treekeeper/toolchains");

const script = join(import.meta.dirname, "toolchains.sh");

/** What is missing, in words; empty when nothing is. @throws Error instead of naming anything where all have to be there */
export async function missingOf(toolchains: readonly Toolchain[]): Promise<string> {
  const env = { ...process.env, TREEKEEPER_TOOLCHAINS: toolchainsFolder };
  const { stdout } = await promisify(execFile)(script, ["--missing", ...toolchains], { env });
  const missing = stdout.trim().replaceAll("\n", "; ");
  if (missing !== "" && process.env.CLIENTS === "required") throw new Error(missing);
  return missing;
}
