// `create`: makes a znode of any kind, and prints its path, which has its number where the service gave it one.

import { Command, Option } from "commander";
import type { Fence, NewZnodeMode, SessionCredentials } from "../../client/index.ts";
import { dataInput, fileOption } from "../data-input.ts";
import { fenceOption } from "../fences.ts";
import { integer, sessionOption, workplaceOf, writeFor } from "../options.ts";

interface CreateOptions {
  readonly file?: string;
  readonly ephemeral?: boolean;
  readonly sequential?: boolean;
  readonly container?: boolean;
  readonly ttlMs?: number;
  readonly parents?: boolean;
  readonly fence?: readonly Fence[];
  readonly session?: SessionCredentials;
}

export function createCommand(): Command {
  return new Command("create")
    .summary("make a znode")
    .description("Creates a znode and prints its path. Safe to retry: it is created once.")
    .argument("<path>", "the new znode; with --sequential, what its number is added to")
    .argument("[data]", "its data; what comes by standard input unless given, '' for none")
    .addOption(fileOption())
    .addOption(
      new Option("--ephemeral", "it goes with the session of --session").conflicts(["container", "ttlMs"]),
    )
    .addOption(new Option("--sequential", "add a number that was never given before").conflicts("container"))
    .addOption(new Option("--container", "it goes when its last child has gone").conflicts("ttlMs"))
    .option("--ttl-ms <ms>", "it goes when it was not written for so long and has no children", integer(1))
    .option("-p, --parents", "make missing parents")
    .addOption(fenceOption())
    .addOption(sessionOption())
    .action(create);
}

async function create(
  path: string,
  argument: string | undefined,
  options: CreateOptions,
  command: Command,
): Promise<void> {
  const { client, output } = workplaceOf(command);
  const { file, parents, fence, session } = options;
  const data = await dataInput(argument, file, "none");
  const made = await writeFor(client, session, (writer) =>
    writer.create(path, data, { mode: modeOf(options), parents, fences: fence }),
  );
  await output.name(made.path, made);
}

function modeOf({ ephemeral, sequential, container, ttlMs }: CreateOptions): NewZnodeMode {
  if (container === true) return { kind: "container" };
  if (ephemeral === true) return { kind: "ephemeral", sequential };
  return { sequential, ttlMs };
}
