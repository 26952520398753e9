// `set`: replaces the data of a znode.

import { Command } from "commander";
import type { Fence, SessionCredentials } from "../../client/index.ts";
import { dataInput, fileOption } from "../data-input.ts";
import { fenceOption } from "../fences.ts";
import { integer, sessionOption, workplaceOf, writeFor } from "../options.ts";

interface SetOptions {
  readonly file?: string;
  readonly ifVersion?: number;
  readonly create?: boolean;
  readonly fence?: readonly Fence[];
  readonly session?: SessionCredentials;
}

export function setCommand(): Command {
  return new Command("set")
    .summary("replace the data of a znode")
    .description("Replaces the data of a znode; without DATA and --file it is read from standard input.")
    .argument("<path>", "a znode")
    .argument("[data]", "its new data, '' for none")
    .addOption(fileOption())
    .option("--if-version <n>", "only while the znode is at this version", integer(0))
    .option("--create", "make the znode when there is none")
    .addOption(fenceOption())
    .addOption(sessionOption())
    .action(set);
}

async function set(
  path: string,
  argument: string | undefined,
  { file, ifVersion, create, fence, session }: SetOptions,
  command: Command,
): Promise<void> {
  const { client, output } = workplaceOf(command);
  const data = await dataInput(argument, file, "refuse");
  const options = {
    version: ifVersion,
    fences: fence,
    ...(create === true && { create: "upsert" as const }),
  };
  const written = await writeFor(client, session, (writer) => writer.set(path, data, options));
  await output.write({ text: () => "", json: written });
}
