// `restore`: a backup, or a copy that was put back by hand, becomes what the service goes on from. The service must not run
// on the directory; what follows of it, its next start decides.

import { Command, Option } from "commander";
import type { RestoreReport } from "../../offline/restored-file.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { integer, outputOf, variable } from "../options.ts";
import { aligned } from "../output.ts";
import { counted, shellWord } from "../words.ts";

const sequencesAheadMax = 2 ** 40;

export function restoreCommand(): Command {
  return new Command("restore")
    .summary("go on from a backup, or from a copy that was put back")
    .description(
      "Puts a backup into a data directory on which no service runs. What was acknowledged after it is lost; from the next " +
        "start on, numbers go on far above all that may have been given since, sessions of before have ended, and what " +
        "clients hold of before is refused, so that nothing is taken for what it is not. With --rolled-back the same is " +
        "done to a directory that was put back by other means, such as a snapshot or a copy.",
    )
    .argument("[file]", "the backup")
    .addOption(
      variable(
        "TREEKEEPER_DATA_DIR",
        new Option("--data-dir <dir>", "data directory of the service"),
      ).default("./data"),
    )
    .option("--force", "move a store that is in the directory aside; nothing of it is deleted")
    .addOption(
      new Option("--rolled-back", "go on from what is in the directory: somebody has put it back").conflicts(
        "force",
      ),
    )
    .addOption(
      new Option(
        "--sequences-ahead <count>",
        "how many more children one parent may have had at once since, than 10000 a second",
      )
        .argParser(integer(1, sequencesAheadMax))
        .default(1_000_000),
    )
    .action(restore);
}

interface Options {
  readonly dataDir: string;
  readonly force?: true;
  readonly rolledBack?: true;
  readonly sequencesAhead: number;
}

async function restore(file: string | undefined, options: Options, command: Command): Promise<void> {
  if ((file === undefined) !== (options.rolledBack === true))
    command.error("error: name the backup, or say --rolled-back for what is in the data directory.");
  const report = await restored(file, options);
  await outputOf(command).write({ text: () => reportText(report), json: report });
}

/** Loaded when it is asked for: no other command waits for a database to be loaded. */
async function restored(
  file: string | undefined,
  { dataDir, sequencesAhead, force }: Options,
): Promise<RestoreReport> {
  const { restoreFile, restoreInPlace, RestoreError } = await import("../../offline/restore.ts");
  try {
    if (file === undefined) return restoreInPlace({ dataDir, sequencesAhead });
    return restoreFile(file, { dataDir, sequencesAhead, isForced: force === true });
  } catch (error) {
    if (error instanceof RestoreError) throw new ExitError(exitCodes.failed, error.message);
    throw error;
  }
}

function reportText(report: RestoreReport): string {
  const { dataDir, zxid, ofMs, zxidAhead, sequenceFloor, sessions, ephemerals, hasAccess, movedTo } = report;
  const moment = ofMs === 0 ? "" : `, as it was at ${new Date(ofMs).toISOString()}`;
  const rows: (readonly [string, string])[] = [
    ["store", `put back to zxid ${zxid}${moment}`],
    ["lost", `what was acknowledged after zxid ${zxid}`],
    ["zxid", `goes on at about ${zxidAhead}`],
    ["sequences", `numbers in names go on from ${sequenceFloor}, under every parent`],
    [
      "sessions",
      `${counted(sessions, "session ends", "sessions end")}, with ${counted(ephemerals, "ephemeral znode")}: locks, elections, instances of services`,
    ],
    ["clients", "streams of before get a reset, fences of before are refused, sessions of before get 410"],
  ];
  if (hasAccess)
    rows.push(["access", "is as it was: a token that was revoked since is good again, so revoke it again"]);
  if (movedTo !== null)
    rows.push(["replaced", `what was there is in ${movedTo}; delete it when nobody needs it`]);
  rows.push([
    "next",
    `treekeeper serve --data-dir ${shellWord(dataDir)}, which does all of this before it serves`,
  ]);
  return aligned(rows);
}
