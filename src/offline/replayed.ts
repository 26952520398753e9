// The state that a start of the service would come to: that of the tables, and the rest of the log done to it in memory.

import { NewerVersionError } from "../core/newer-version-error.ts";
import type { State } from "../core/state.ts";
import type { Txn } from "../core/txn.ts";
import { CorruptStoreError } from "../store/sqlite/corrupt-store-error.ts";
import type { LoadedStore } from "../store/sqlite/load.ts";
import { OfflineError } from "./offline-error.ts";
import { type Done, replay } from "./replay.ts";
import type { StoreCopy } from "./store-copy.ts";

export interface Replayed extends Done {
  readonly loaded: LoadedStore;
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

/** As a sentence about what was copied; a fault of the tool stays one. */
export function refusalOf(error: unknown, copy: StoreCopy): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof NewerVersionError) {
    return new OfflineError(`${copy.named(error.message)}. Look at it with that version.`, { cause: error });
  }
  const isExpected = error instanceof CorruptStoreError || error.constructor === Error;
  return isExpected ? new OfflineError(copy.named(error.message), { cause: error }) : error;
}
