// What the log of the process is told of a store, at its start and later; and how the process ends when the store fails.

import type { Logger } from "pino";
import { NewerVersionError } from "./core/newer-version-error.ts";
import type { Config } from "./settings/settings.ts";
import type { LogState } from "./store/commit-log.ts";
import type { WalBlockage } from "./store/sqlite/messages.ts";
import type { OpenedSqlite } from "./store/sqlite/open-sqlite.ts";

export const exitCodeStorageFailed = 74;
export const exitCodeTooOld = 78;

/** What was out of the ordinary as its file was opened. */
export function noteOpened({ loaded, tightened, upgraded }: OpenedSqlite, logger: Logger): void {
  if (tightened.length > 0)
    logger.warn({ paths: tightened }, "other users could open these; now they cannot");
  if (loaded.wasUnclean) logger.warn("the last stop was not a clean one; the file was checked and is sound");
  if (upgraded !== null)
    logger.info({ ...upgraded }, "the data file was upgraded; as it was before, it is kept");
}

/** Nothing else tells an older copy from one that was moved. */
export function noteCopy(
  { isCopy, restoreNote }: OpenedSqlite["loaded"],
  { dataDir }: Pick<Config, "dataDir">,
  logger: Logger,
): void {
  if (!isCopy || restoreNote !== null) return;
  logger.warn(
    { dataDir },
    "the database file is not the one that was written last, but a copy of it. If it is older than what was served last, its " +
      "numbers are given out again: stop the service and run `treekeeper restore --rolled-back`. If it was only moved, all is well",
  );
}

export function noteLogState(state: LogState, logger: Logger): void {
  if (state.state === "failed") endAfterFailure(state, logger);
  else if (state.state === "read_only") logger.warn({ cause: state.cause }, "the log takes no writes");
  else if (state.state === "suspended") logger.warn({ cause: state.cause }, "the log cannot be reached");
  else logger.warn("the log takes writes again");
}

/** Once: whoever put the copy back knows how many clients there are, and each of them shows what it has. */
export function noteUnknownPast(shown: string, logger: Logger): void {
  logger.error(
    { shown },
    "a client has seen what never happened here: an older copy of the data directory was put back, or another store is " +
      "served where it was; what was acknowledged after the copy is lost. Such clients begin anew, and their fences and tags are refused",
  );
}

/** Whoever looks into the file for long makes its log grow: writes go on, and the disk fills. */
export function noteWalBlockage({ walBytes, forMs, isOver }: WalBlockage, logger: Logger): void {
  const figures = { walBytes, seconds: Math.round(forMs / 1000) };
  if (isOver) logger.warn(figures, "the write-ahead log can be emptied again");
  else
    logger.warn(
      figures,
      "a backup, or another program that reads the database file, keeps its write-ahead log from being emptied; it grows",
    );
}

/** Whether the last write is durable is unknown: nothing more is answered, and only a replay can tell. */
function endAfterFailure({ cause, error }: LogState & { state: "failed" }, logger: Logger): void {
  if (error instanceof NewerVersionError) {
    logger.fatal({ cause }, `this version cannot go on: ${cause}`);
    process.exit(exitCodeTooOld);
  }
  logger.fatal(
    { cause, err: error },
    "the store failed; exiting, so that the next start reads what is really on disk",
  );
  process.exit(exitCodeStorageFailed);
}
