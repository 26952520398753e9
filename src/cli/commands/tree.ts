// `tree`: a subtree as it stands at one zxid, each znode below its parent.

import { Command } from "commander";
import type { ListedZnode } from "../../client/index.ts";
import { integer, type StaleOption, staleOf, staleOption, workplaceOf } from "../options.ts";
import type { Line } from "../output.ts";
import { dataInLine, znodeJson } from "../views.ts";

interface TreeOptions extends StaleOption {
  readonly depth?: number;
  readonly data?: boolean;
}

export function treeCommand(): Command {
  return new Command("tree")
    .summary("print a subtree")
    .description("Prints a znode and everything below it, as of one zxid.")
    .argument("[path]", "a znode", "/")
    .option("--depth <n>", "levels below the znode", integer(0))
    .option("-d, --data", "with the beginning of their data")
    .addOption(staleOption())
    .action(tree);
}

async function tree(
  path: string,
  { depth, data = false, ...stale }: TreeOptions,
  command: Command,
): Promise<void> {
  const { client, output } = workplaceOf(command);
  const top = levelOf(path);
  for await (const znode of client.subtree(path, { depth, data, ...staleOf(stale) })) {
    const level = levelOf(znode.path) - top;
    await output.line(() => ["  ".repeat(level), ...nameIn(znode, level)], znodeJson(znode));
  }
}

function levelOf(path: string): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}

function nameIn({ path, stat, data }: ListedZnode, level: number): Line {
  const words = level === 0 ? path : path.slice(path.lastIndexOf("/") + 1);
  const name = { colour: stat.ephemeralOwner === null ? "blue" : "yellow", words } as const;
  return data === undefined || stat.dataLength === 0 ? [name] : [name, `  ${dataInLine(data)}`];
}
