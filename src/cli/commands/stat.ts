// `stat`: what the service knows of a znode besides its data.

import { Command } from "commander";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { type StaleOption, staleOf, staleOption, workplaceOf } from "../options.ts";
import { aligned } from "../output.ts";
import { statRows } from "../views.ts";

export function statCommand(): Command {
  return new Command("stat")
    .summary("print the stat of a znode")
    .description(
      "Prints versions, zxids, times, owner and size of a znode. Exits with 3 if it does not exist.",
    )
    .argument("<path>", "a znode")
    .addOption(staleOption())
    .action(stat);
}

async function stat(path: string, options: StaleOption, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  const found = await client.exists(path, staleOf(options));
  if (found === undefined) throw new ExitError(exitCodes.notFound, `${path} does not exist.`);
  await output.write({ text: () => aligned(statRows(found)), json: { path, stat: found } });
}
