// `rm`: deletes a znode, or everything from it down in one transaction.

import { Command } from "commander";
import type { Fence, SessionCredentials } from "../../client/index.ts";
import { fenceOption } from "../fences.ts";
import { integer, sessionOption, workplaceOf, writeFor } from "../options.ts";

interface RmOptions {
  readonly recursive?: boolean;
  readonly ifVersion?: number;
  readonly fence?: readonly Fence[];
  readonly session?: SessionCredentials;
}

export function rmCommand(): Command {
  return new Command("rm")
    .summary("delete a znode")
    .description("Deletes a znode that has no children, or with --recursive everything from it down.")
    .argument("<path>", "a znode")
    .option("-r, --recursive", "take the whole subtree, in one transaction")
    .option("--if-version <n>", "only while the znode is at this version", integer(0))
    .addOption(fenceOption())
    .addOption(sessionOption())
    .action(rm);
}

async function rm(
  path: string,
  { recursive, ifVersion, fence, session }: RmOptions,
  command: Command,
): Promise<void> {
  const { client, output } = workplaceOf(command);
  const options = { recursive, version: ifVersion, fences: fence };
  await writeFor(client, session, (writer) => writer.delete(path, options));
  await output.write({ text: () => "", json: { path } });
}
