// Does entries of the log to a state in memory, as a server that follows the log does them. Nobody is told of it.

import { KeeperError } from "../core/errors.ts";
import { execute } from "../core/execute.ts";
import type { State } from "../core/state.ts";
import type { Txn } from "../core/txn.ts";
import type { LogEntry } from "../store/commit-log.ts";
import { readEntry } from "../store/read-entry.ts";

/** A state, and what was done to it. */
export interface Done {
  readonly state: State;
  readonly entries: number;
  readonly commands: number;
}

/** Does entries to a state. @throws Error when one cannot be done */
export function replay(
  state: State,
  entries: Iterable<LogEntry>,
  onTxn: (txn: Txn, state: State) => void = () => {},
): Done {
  const count = { entries: 0, commands: 0 };
  for (const entry of entries) {
    const { moment, commands, bounds } = readEntry(entry);
    for (const command of commands) {
      try {
        const { txn } = execute(state, command, moment, bounds);
        if (txn !== null) onTxn(txn, state);
      } catch (error) {
        // It was refused the first time, too.
        if (!(error instanceof KeeperError)) throw error;
      }
    }
    count.entries += 1;
    count.commands += commands.length;
  }
  return { state, ...count };
}
