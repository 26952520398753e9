// `ls`: the children of a znode, by name, as many as there are.

import { Command } from "commander";
import { workplaceOf } from "../options.ts";
import { znodeJson } from "../views.ts";

interface LsOptions {
  readonly long?: boolean;
  readonly prefix?: string;
}

export function lsCommand(): Command {
  return new Command("ls")
    .summary("list the children of a znode")
    .description("Lists the children of a znode by name, one per line.")
    .argument("[path]", "a znode", "/")
    .option("-l, --long", "with version, length of the data, number of children, and owner of an ephemeral")
    .option("--prefix <text>", "only names that start so")
    .action(ls);
}

async function ls(path: string, { long, prefix }: LsOptions, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  if (long !== true) {
    for await (const name of client.children(path, { prefix })) await output.name(name, name);
    return;
  }
  for await (const znode of client.childZnodes(path, { prefix })) {
    const { version, dataLength, numChildren, ephemeralOwner } = znode.stat;
    const columns = [version, dataLength, numChildren].map((count) => String(count).padStart(8)).join("");
    const name = znode.path.slice(znode.path.lastIndexOf("/") + 1);
    const owner = ephemeralOwner ?? "-";
    await output.line(() => `${columns}  ${owner.padEnd(16)}  ${name}`, znodeJson(znode));
  }
}
