// `diff`: what two trees do not have in common, each of them a data directory, a backup or a dump.

import { Command } from "commander";
import type { Difference } from "../../offline/diff.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { scratchOption, withTrouble } from "../offline.ts";
import { outputOf } from "../options.ts";

interface GivenOptions {
  readonly scratch?: string;
  readonly path?: string;
  readonly stat?: boolean;
  readonly data?: boolean;
}

export function diffCommand(): Command {
  return new Command("diff")
    .summary("compare two data directories, backups or dumps")
    .description(
      "Compares the znodes of two data directories, database files, or files that dump or export wrote: paths, data, access " +
        "control lists, and what each znode is. Prints - for a path that only the first has, + for one that only the second " +
        "has, ! for one that differs, and in what. Ends with 0 when they are the same, with 1 when they differ, with 2 when " +
        "that cannot be told.",
    )
    .argument("<first>", "a data directory, a database file, or a dump")
    .argument("<second>", "another one")
    .option("--path <path>", "only this znode and what is below it")
    .option("--stat", "compare every number of the stat as well: zxids, versions, times")
    .option("--data", "show the data of both")
    .addOption(scratchOption())
    .action(diff);
}

async function diff(first: string, second: string, options: GivenOptions, command: Command): Promise<void> {
  const output = outputOf(command);
  const count = await withTrouble(exitCodes.trouble, async () => {
    const { diff: compare } = await import("../../offline/diff.ts");
    let found = 0;
    for await (const difference of compare(first, second, options)) {
      found += 1;
      const shown = options.data === true ? difference : withoutBoth(difference);
      await output.line(() => textOf(difference, options.data === true), shown);
    }
    return found;
  });
  if (count > 0) throw new ExitError(exitCodes.failed);
}

function withoutBoth({ first: _first, second: _second, ...difference }: Difference): object {
  return difference;
}

const marks = { "only in first": "-", "only in second": "+", differs: "!" } as const;

function textOf({ path, what, in: members = [], first, second }: Difference, withData: boolean): string {
  const line = [marks[what], path, members.join(",")].join(" ").trimEnd();
  if (!withData) return line;
  return [line, ...dataOf("<", first), ...dataOf(">", second)].join("  ");
}

function dataOf(mark: string, znode: Difference["first"]): string[] {
  if (znode === undefined) return [];
  return [`${mark} ${JSON.stringify(znode.data ?? `base64 ${znode.dataBase64 ?? ""}`)}`];
}
