// What an entry of the log says, for whoever does it: a server that follows the log, or a tool that reads it from a file.

import type { TransactionBounds } from "../core/bounds.ts";
import type { Command } from "../core/command.ts";
import { assertEvaluable, steadySince } from "../core/machine-version.ts";
import type { PlacedMoment } from "../core/moment.ts";
import { decodeBatch } from "./codec.ts";
import type { LogEntry } from "./commit-log.ts";

export interface EntryContent {
  readonly moment: PlacedMoment;
  readonly commands: readonly Command[];
  readonly bounds: TransactionBounds | undefined;
  /** The version of the evaluation that it takes; 0 in entries that do not say. */
  readonly version: number;
}

/** @throws Error when the entry is damaged, NewerVersionError before anything of it is done */
export function readEntry({ lsn, body }: LogEntry): EntryContent {
  const { commands, bounds, version = 0, ...moment } = decodeBatch(body);
  assertEvaluable(commands, version);
  const steady = version >= steadySince ? { isSteady: true as const } : {};
  return { moment: { ...moment, lsn, ...steady }, commands, bounds, version };
}
