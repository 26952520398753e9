// The state that a start of the service would come to: that of the tables, and the rest of the log done to it in memory.

import { KeeperError } from "../core/errors.ts";
import { execute } from "../core/execute.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import type { State } from "../core/state.ts";
import type { Txn } from "../core/txn.ts";
import type { LogEntry } from "../store/commit-log.ts";
import { readEntry } from "../store/read-entry.ts";
import { CorruptStoreError } from "../store/sqlite/corrupt-store-error.ts";
import type { LoadedStore } from "../store/sqlite/load.ts";
import { OfflineError } from "./offline-error.ts";
import type { StoreCopy } from "./store-copy.ts";

export interface Replayed {
  readonly loaded: LoadedStore;
  /** That of the tables and of all entries. */
  readonly state: State;
  /** Entries that the tables did not reflect yet, and the commands in them. */
  readonly entries: number;
  readonly commands: number;
}

/**
 * @param onTxn hears of each transaction of the log, in order
 * @throws OfflineError, with what a start would say
 */
export function replayedStore(copy: StoreCopy, onTxn: (txn: Txn, state: State) => void = () => {}): Replayed {
  try {
    const loaded = copy.load();
    return { loaded, ...replay(loaded.state, copy.entries(loaded.position.appliedLsn), onTxn) };
  } catch (error) {
    throw refusalOf(error, copy);
  }
}

/** Does entries to a state. @throws Error when one cannot be done */
export function replay(
  state: State,
  entries: Iterable<LogEntry>,
  onTxn: (txn: Txn, state: State) => void = () => {},
): Omit<Replayed, "loaded"> {
  const count = { entries: 0, commands: 0 };
  for (const entry of entries) {
    const { moment, commands, bounds } = readEntry(entry);
    for (const command of commands) {
      try {
        const { txn } = execute(state, command, moment, bounds);
        if (txn !== null) onTxn(txn, state);
      } catch (error) {
        if (!(error instanceof KeeperError)) throw error;
      }
    }
    count.entries += 1;
    count.commands += commands.length;
  }
  return { state, ...count };
}

/** As a sentence about what was copied; a fault of the tool stays one. */
export function refusalOf(error: unknown, copy: StoreCopy): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof NewerVersionError) {
    return new OfflineError(`${copy.named(error.message)}. Look at it with that version.`, { cause: error });
  }
  const isExpected = error instanceof CorruptStoreError || error.constructor === Error;
  return isExpected ? new OfflineError(copy.named(error.message), { cause: error }) : error;
}
