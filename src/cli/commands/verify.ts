// `verify`: whether a backup could be restored. What it looks at is a matter of the store, which is handed the file: the
// command line knows nothing of what is in one.

import { Command } from "commander";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { outputOf } from "../options.ts";
import { aligned } from "../output.ts";

const verifierFile = new URL("../../offline/verify-backup.ts", import.meta.url);

/** What the verifier answers. */
type Verdict =
  | { readonly isSound: true; readonly report: Report }
  | { readonly isSound: false; readonly faults: readonly string[] };

interface Report {
  readonly zxid: number;
  readonly takenAtMs: number;
  readonly [member: string]: string | number;
}

export function verifyCommand(): Command {
  return new Command("verify")
    .summary("say whether a backup could be restored")
    .description(
      "Reads a backup and changes nothing: its pages, the checksums of its rows, the digest of its tables, the log behind them, and " +
        "what must be true of every state. It ends with 1, and says what is wrong, where it could not be restored.",
    )
    .argument("<file>", "what `treekeeper backup` wrote")
    .action(verify);
}

async function verify(file: string, _options: object, command: Command): Promise<void> {
  const { verifyBackup } = (await import(verifierFile.href)) as { verifyBackup: (file: string) => Verdict };
  const verdict = verdictOn(verifyBackup, file);
  const output = outputOf(command);
  if (verdict.isSound) {
    const { report } = verdict;
    return await output.write({ text: () => aligned(rowsOf(report)), json: { isSound: true, ...report } });
  }
  const [first = "", ...others] = verdict.faults;
  await output.write({ text: () => "", json: { isSound: false, faults: verdict.faults } });
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  throw new ExitError(exitCodes.failed, `${first}${more} It could not be restored.`);
}

function verdictOn(verifyBackup: (file: string) => Verdict, file: string): Verdict {
  try {
    return verifyBackup(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new ExitError(exitCodes.notFound, `${file} is not there.`);
  }
}

function rowsOf({ takenAtMs, zxid, znodes, sessions, bytes, digest, id, version }: Report) {
  return [
    ["taken at", new Date(takenAtMs).toISOString()],
    ["zxid", zxid],
    ["znodes", znodes],
    ["sessions", sessions],
    ["bytes", bytes],
    ["digest", digest],
    ["id", id],
    ["version", version],
  ] as const;
}
