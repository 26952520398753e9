// `backup`: the whole store as one file, taken from the service while it runs, into a file, to standard output or to an
// object store.

import { Command, Option } from "commander";
import type { Backup } from "../../client/index.ts";
import {
  type Arriving,
  put,
  putTarget,
  refuseExisting,
  writeToFile,
  writeToStdout,
} from "../backup-sinks.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { secretIn, variable, workplaceOf } from "../options.ts";
import { aligned, type Output } from "../output.ts";
import { Progress } from "../progress.ts";

/** A URL that was signed is a secret. */
const putVariable = "TREEKEEPER_PUT_URL";
const mebibyte = 1024 ** 2;

export function backupCommand(): Command {
  return new Command("backup")
    .summary("take a backup of the service while it runs")
    .description(
      "Takes the whole store as one file, as of one moment, while the service goes on. The file appears when all of it is " +
        "there and is what the server has sent. It holds all data, and the hashes of tokens: keep it as you keep the data.",
    )
    .argument("[file]", "what to write; - is standard output")
    .option("--force", "overwrite the file")
    .addOption(
      variable(
        putVariable,
        new Option(
          "--put <@file>",
          "instead of to a file, PUT it to this presigned URL of an object store; @FILE is read from a file",
        ),
      ).argParser(secretIn),
    )
    .action(backup);
}

interface BackupOptions {
  readonly force?: boolean;
  readonly put?: string;
}

async function backup(file: string | undefined, options: BackupOptions, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  const write = sinkOf(file, options);
  const taken = await client.backup();
  const progress = new Progress("backup", output, file === "-");
  try {
    await write({ ...taken, content: shown(taken, progress) });
  } finally {
    progress.end();
  }
  await tell(taken, file === "-", output);
}

/** @throws ExitError before anything is asked of the service */
function sinkOf(
  file: string | undefined,
  { force: isForced = false, put: url }: BackupOptions,
): (backup: Arriving) => Promise<void> {
  // A file that is named counts before a variable that is set.
  if (file === undefined && url !== undefined) {
    const target = putTarget(url);
    return (taken) => put(target, taken);
  }
  if (file === undefined)
    throw new ExitError(exitCodes.usage, "Name a file, - for standard output, or --put.");
  if (file === "-") {
    if (process.stdout.isTTY) throw new ExitError(exitCodes.usage, "A backup is nothing for a terminal.");
    return writeToStdout;
  }
  refuseExisting(file, isForced);
  return (taken) => writeToFile(file, taken, { isForced });
}

async function* shown({ bytes, content }: Backup, progress: Progress): AsyncGenerator<Uint8Array> {
  let arrived = 0;
  for await (const piece of content) {
    arrived += piece.byteLength;
    progress.show(Math.floor(arrived / mebibyte), "MiB", arrived / bytes);
    yield piece;
  }
}

/** Where the backup itself goes to stdout, nothing else does. */
async function tell({ zxid, bytes, sha256 }: Backup, isOnStdout: boolean, output: Output): Promise<void> {
  if (isOnStdout) return;
  const facts = { zxid, bytes, sha256: Buffer.from(sha256, "base64").toString("hex") };
  await output.write({ text: () => aligned(Object.entries(facts)), json: facts });
}
