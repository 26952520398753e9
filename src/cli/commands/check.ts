// `check`: whether a data directory or a backup is sound, without a service and without harm to it.

import { Command } from "commander";
import type { CheckReport } from "../../offline/check.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { scratchOption, withTrouble } from "../offline.ts";
import { outputOf } from "../options.ts";
import { aligned } from "../output.ts";

export function checkCommand(): Command {
  return new Command("check")
    .summary("whether a data directory or a backup is sound")
    .description(
      "Looks at all that is in a data directory, whether a service runs on it or not, or in a database file such as a " +
        "backup: pages, checksums, digest, the log, and what must be true of every tree. It reads a copy and changes nothing. " +
        "Ends with 0 when it is sound, with 1 when it is damaged, with 2 when that cannot be told.",
    )
    .argument("<directory>", "a data directory, or a database file")
    .addOption(scratchOption())
    .action(check);
}

async function check(path: string, options: { scratch?: string }, command: Command): Promise<void> {
  const output = outputOf(command);
  const report = await withTrouble(exitCodes.trouble, async () => {
    const { check: look } = await import("../../offline/check.ts");
    return await look(path, options);
  });
  await output.write({ text: () => reportText(report), json: report });
  if (report.isSound) return;
  throw new ExitError(
    exitCodes.failed,
    `${path} is damaged. Keep a copy of it, then restore a backup (docs/backup.md).`,
  );
}

function reportText({ looked, isSound }: CheckReport): string {
  const rows = looked.map(({ at, found, faults }): [string, string] => [
    at,
    faults.length > 0 ? faults.join(" | ") : (found ?? "not looked at"),
  ]);
  return aligned([...rows, ["all", isSound ? "sound" : "damaged"]]);
}
