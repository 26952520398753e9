// `rm`: deletes a znode, or everything from it down, in one transaction or in many.

import { Command, Option } from "commander";
import type { Fence, SessionCredentials } from "../../client/index.ts";
import { fenceOption } from "../fences.ts";
import { integer, sessionOption, type Workplace, workplaceOf, writeFor } from "../options.ts";
import { Progress } from "../progress.ts";

interface RmOptions {
  readonly recursive?: boolean;
  readonly inParts?: boolean;
  readonly ifVersion?: number;
  readonly fence?: readonly Fence[];
  readonly session?: SessionCredentials;
}

export function rmCommand(): Command {
  return new Command("rm")
    .summary("delete a znode")
    .description("Deletes a znode without children, or a whole subtree with --recursive.")
    .argument("<path>", "a znode")
    .option("-r, --recursive", "take the whole subtree, in one transaction")
    .addOption(
      new Option("--in-parts", "take a subtree of any size, leaves first, in many transactions").implies({
        recursive: true,
      }),
    )
    .option("--if-version <n>", "only while the znode is at this version", integer(0))
    .addOption(fenceOption())
    .addOption(sessionOption())
    .action(rm);
}

async function rm(path: string, given: RmOptions, command: Command): Promise<void> {
  const { recursive, ifVersion, fence, session } = given;
  const { client, output } = workplaceOf(command);
  if (given.inParts === true) {
    await rmInParts(path, given, { client, output });
    return;
  }
  const options = { recursive, version: ifVersion, fences: fence };
  await writeFor(client, session, (writer) => writer.delete(path, options));
  await output.write({ text: () => "", json: { path } });
}

async function rmInParts(
  path: string,
  { ifVersion, fence, session }: RmOptions,
  { client, output }: Pick<Workplace, "client" | "output">,
): Promise<void> {
  const progress = new Progress("rm", output);
  const options = { version: ifVersion, fences: fence, session };
  try {
    for await (const { event, deleted, remaining } of client.deleteTree(path, options)) {
      progress.show(deleted, "znodes", deleted / Math.max(1, deleted + remaining));
      if (event !== "done") continue;
      progress.end();
      await output.write({ text: () => "", json: { path, deleted } });
    }
  } finally {
    progress.end();
  }
}
