// `get`: a znode's data, byte for byte; as JSON with its stat.

import { Command } from "commander";
import { type StaleOption, staleOf, staleOption, workplaceOf } from "../options.ts";
import { dataJson } from "../views.ts";

export function getCommand(): Command {
  return new Command("get")
    .summary("print the data of a znode")
    .description(
      "Prints the data of a znode byte for byte, and nothing else; on a terminal, a newline after it.",
    )
    .argument("<path>", "a znode")
    .addOption(staleOption())
    .action(get);
}

async function get(path: string, options: StaleOption, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  const { data, stat, zxid } = await client.get(path, staleOf(options));
  const text = () => (process.stdout.isTTY ? `${data.text()}\n` : data.bytes());
  await output.write({ text, json: { path, ...dataJson(data), stat, zxid } });
}
