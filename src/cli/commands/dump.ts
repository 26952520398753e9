// `dump`: what is in a data directory or a backup, as lines of JSON, without a service and without harm to it.

import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { scratchOption, withTrouble } from "../offline.ts";
import { outputOf } from "../options.ts";
import { Progress } from "../progress.ts";

interface GivenOptions {
  readonly scratch?: string;
  readonly sessions?: boolean;
  readonly claims?: boolean;
  readonly history?: boolean;
  readonly log?: boolean;
}

export function dumpCommand(): Command {
  return new Command("dump")
    .summary("print what is in a data directory or a backup")
    .description(
      "Prints the znodes of a data directory, whether a service runs on it or not, or of a database file such as a backup: " +
        "one a line, as export does, for import. What else is asked for comes behind them, each in an object of its own. It " +
        "reads a copy and changes nothing.",
    )
    .argument("<directory>", "a data directory, or a database file")
    .argument("[path]", "a znode: it and all below it", "/")
    .option("--sessions", 'also sessions, as {"session":…}')
    .option("--claims", 'also who holds locks, leads and waits, as {"claim":…}')
    .option("--history", 'also what watchers were told, as {"change":…}')
    .option("--log", 'also the entries of the log that are kept, as {"entry":…}')
    .addOption(scratchOption())
    .action(dump);
}

async function dump(source: string, path: string, options: GivenOptions, command: Command): Promise<void> {
  const output = outputOf(command);
  const progress = new Progress("dump", output, true);
  await withTrouble(exitCodes.failed, async () => {
    const { dump: read } = await import("../../offline/dump.ts");
    let count = 0;
    try {
      for await (const line of read(source, { ...options, path })) {
        await output.write({ text: () => `${JSON.stringify(line)}\n`, json: line });
        count += 1;
        progress.show(count, "lines");
      }
    } finally {
      progress.end();
    }
  });
}
