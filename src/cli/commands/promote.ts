// `promote`: the data directory of a stopped follower becomes one of its own, which `serve` opens without the server that was
// followed. What follows of it, the next start decides, as it does of a restore.

import { Command, Option } from "commander";
import type { RestoreReport } from "../../offline/restored-file.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { outputOf, variable } from "../options.ts";
import { aligned } from "../output.ts";
import { counted, shellWord } from "../words.ts";

export function promoteCommand(): Command {
  return new Command("promote")
    .summary("make a follower's data directory one of its own")
    .description(
      "For when the server that was followed does not come back: stop the follower, promote its data directory, and serve it " +
        "without --follow. What that server acknowledged and this one had not heard is lost. From the next start on numbers go " +
        "on far above all that may have been given, all sessions have ended, and fences of before are refused, so that the " +
        "two are never taken for one, whatever the other still does. Make sure that nobody is led to the other any more.",
    )
    .addOption(
      variable(
        "TREEKEEPER_DATA_DIR",
        new Option("--data-dir <dir>", "data directory of the follower"),
      ).default("./data"),
    )
    .action(promote);
}

async function promote({ dataDir }: { readonly dataDir: string }, command: Command): Promise<void> {
  const report = await promoted(dataDir);
  await outputOf(command).write({ text: () => reportText(report), json: report });
}

/** Loaded when it is asked for: no other command waits for a database to be loaded. */
async function promoted(dataDir: string): Promise<RestoreReport> {
  const { promote: promoteDirectory } = await import("../../offline/promote.ts");
  const { RestoreError } = await import("../../offline/restore.ts");
  try {
    return promoteDirectory({ dataDir });
  } catch (error) {
    if (error instanceof RestoreError) throw new ExitError(exitCodes.failed, error.message);
    throw error;
  }
}

function reportText({
  dataDir,
  zxid,
  ofMs,
  zxidAhead,
  sequenceFloor,
  sessions,
  ephemerals,
}: RestoreReport): string {
  const moment = ofMs === 0 ? "" : `, of ${new Date(ofMs).toISOString()}`;
  return aligned([
    ["store", `goes on from zxid ${zxid}${moment}, and follows nobody any more`],
    ["lost", "what the server that was followed acknowledged after that"],
    ["zxid", `goes on at about ${zxidAhead}`],
    ["sequences", `numbers in names go on from ${sequenceFloor}, under every parent`],
    [
      "sessions",
      `${counted(sessions, "session ends", "sessions end")}, with ${counted(ephemerals, "ephemeral znode")}: locks, elections, instances of services`,
    ],
    ["clients", "streams of before get a reset, fences of before are refused, sessions of before get 410"],
    ["next", `treekeeper serve --data-dir ${shellWord(dataDir)}, which does all of this before it serves`],
  ]);
}
