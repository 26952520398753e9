// A directory that is brought to the end of its log and closed: as a start and a stop of the service would, with nobody
// served in between.

import { systemClock } from "../clock.ts";
import { defaultLimits } from "../core/limits.ts";
import type { CommitLog } from "../store/commit-log.ts";
import type { OpenedSqlite } from "../store/sqlite/open-sqlite.ts";
import { Store } from "../store/store.ts";

interface Settling {
  /** Where it is not the one in the directory. */
  readonly log?: CommitLog;
  /** Called with each entry that is done. */
  readonly onEntry?: (lsn: number) => void;
}

/** What is done without a client needs no line. */
const limits = { ...defaultLimits, queueCommandsMax: 1, queueBytesMax: 1 };

/** A tool keeps no room for others. */
export const withoutReserve = { allowUnsafeFilesystem: true, freeBytesMin: 0, ballastBytes: 0 };

/** Resolves with the last entry when it is in the rows, and all is closed. @throws Error */
export async function settle(
  { loaded, log: ownLog, tables }: OpenedSqlite,
  { log = ownLog, onEntry = () => {} }: Settling = {},
): Promise<number> {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  // Rows wait for room, and the disk may never have any.
  ownLog.onState((state) => {
    if (state.state === "read_only" || state.state === "failed") broken.reject(new Error(state.cause));
  });
  // What stands elsewhere needs no second log beside the tables.
  if (log !== ownLog) await ownLog.close();
  const { state, position } = loaded;
  const store = new Store({ state, position, log, tables, clock: systemClock, limits });
  store.onPlace(({ lsn }) => onEntry(lsn));
  await Promise.race([store.start(), broken.promise]);
  const { lsn } = store.place;
  await Promise.race([store.close(), broken.promise]);
  return lsn;
}
