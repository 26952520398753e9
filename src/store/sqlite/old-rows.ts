// Rows that nobody needs any more: entries that the tables reflect, and what watchers were told before the history begins.
// They go in small steps, since more in one transaction would make appends wait, or all at once where there is no room.

import type { Lsn } from "../commit-log.ts";
import type { Connection } from "./connection.ts";

interface RemovalBounds {
  readonly logRows: number;
  readonly changeRows: number;
}

/** What may go: entries up to here, and messages. */
interface Old {
  readonly logUpTo: Lsn;
  readonly historyFloorZxid: number;
}

export type Removal = RemovalBounds & Pick<Old, "logUpTo">;

/** Old rows removed in one transaction: more would make appends wait. A row of changes is a long one. */
export const smallStep: RemovalBounds = { logRows: 200, changeRows: 8 };
/** Where there is no room, room comes first. */
export const allAtOnce: RemovalBounds = {
  logRows: Number.MAX_SAFE_INTEGER,
  changeRows: Number.MAX_SAFE_INTEGER,
};

export class OldRows {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(connection: Connection) {
    this.#statements = prepareStatements(connection);
  }

  has({ logUpTo, historyFloorZxid }: Old): boolean {
    const first = this.#statements.firstLsn.get() as number | null;
    if (first !== null && first <= logUpTo) return true;
    const oldest = this.#statements.firstChange.get() as number | null;
    return oldest !== null && oldest <= historyFloorZxid;
  }

  remove({ logUpTo, historyFloorZxid, logRows, changeRows }: Removal & Old): void {
    const first = this.#statements.firstLsn.get() as number | null;
    if (first !== null) this.#statements.trimLog.run(Math.min(logUpTo, first + logRows - 1));
    this.#statements.trimChanges.run(historyFloorZxid, changeRows);
  }

  /** The last of the messages that are not among the newest of so many bytes; 0 when all are. */
  lastChangeBeyond(bytes: number): number {
    return (this.#statements.lastChangeBeyond.get(bytes) as number | null) ?? 0;
  }
}

function prepareStatements(connection: Connection) {
  return {
    firstLsn: connection.prepare("SELECT min(lsn) FROM log").pluck(),
    trimLog: connection.prepare("DELETE FROM log WHERE lsn <= ?"),
    firstChange: connection.prepare("SELECT min(last_zxid) FROM change").pluck(),
    lastChangeBeyond: connection
      .prepare(
        `SELECT max(last_zxid) FROM
           (SELECT last_zxid, sum(octet_length(messages)) OVER (ORDER BY last_zxid DESC) AS bytes FROM change)
         WHERE bytes > ?`,
      )
      .pluck(),
    trimChanges: connection.prepare(
      `DELETE FROM change WHERE last_zxid IN
         (SELECT last_zxid FROM change WHERE last_zxid <= ? ORDER BY last_zxid LIMIT ?)`,
    ),
  };
}
