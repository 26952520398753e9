// `ls`: the children of a znode, by name, as many as there are.

import { Command } from "commander";
import { type StaleOption, staleOf, staleOption, workplaceOf } from "../options.ts";
import { znodeJson } from "../views.ts";

interface LsOptions extends StaleOption {
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
    .addOption(staleOption())
    .action(ls);
}

async function ls(path: string, { long, prefix, ...stale }: LsOptions, command: Command): Promise<void> {
  const asked = { prefix, ...staleOf(stale) };
  const { client, output } = workplaceOf(command);
  if (long !== true) {
    for await (const name of client.children(path, asked)) await output.name(name, name);
    return;
  }
  for await (const znode of client.childZnodes(path, asked)) {
    const { version, dataLength, numChildren, ephemeralOwner } = znode.stat;
    const columns = [version, dataLength, numChildren].map((count) => String(count).padStart(8)).join("");
    const name = znode.path.slice(znode.path.lastIndexOf("/") + 1);
    const owner = ephemeralOwner ?? "-";
    await output.line(() => `${columns}  ${owner.padEnd(16)}  ${name}`, znodeJson(znode));
  }
}
