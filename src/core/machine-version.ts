// The version of the evaluation of commands. A log may only be replayed by a version that decides the same, so a
// directory says which one it takes, and so does each entry. Each version decides all that the ones before it could be
// asked as they did. 2 knows the keys of requests, 3 the bounds that an entry sets on its transactions, 4 ages that are
// time the service has run, 5 whose key it is, 6 the attempts that places are for, entries that say which version they
// take, 7 who is alive as the log has it, and a wall clock that does not go back, 8 epochs, also those of fences and tags, 9 who
// asks, and what they may do, lists of znodes included, and which request of theirs it is, which is told and decides nothing,
// 10 that a store was restored.

import type { Command } from "./command.ts";
import { commandTable, isCommandType, rowOf } from "./commands.ts";
import { NewerVersionError } from "./newer-version-error.ts";

/** What every entry takes that this version writes, whatever its commands are. */
const entryVersion = 9;

/** Since this version an entry's wall clock is not before that of those before it, whatever its server's said. */
export const steadySince = 7;

export const machineVersion = Object.values(commandTable).reduce(
  (newest, { since }) => Math.max(newest, since),
  entryVersion,
);

/** The version it takes to evaluate the commands. */
export function versionNeeded(commands: readonly Command[]): number {
  let needed = entryVersion;
  for (const command of commands) needed = Math.max(needed, rowOf(command).since);
  return needed;
}

/**
 * Asked before anything of an entry is done.
 * @param needed the version that the entry says it takes; entries of versions before 6 do not say
 * @throws NewerVersionError when this version cannot evaluate it
 */
export function assertEvaluable(commands: readonly Command[], needed = 0): void {
  const unknown = commands.find(({ type }) => !isCommandType(type));
  if (unknown !== undefined) {
    throw new NewerVersionError(
      `a later version wrote ${unknown.type} into the log, a command that is unknown here`,
    );
  }
  if (needed > machineVersion) {
    throw new NewerVersionError(
      `a later version wrote the log: it takes version ${needed} of the evaluation, and this is ${machineVersion}`,
    );
  }
}
