// Brings the tables up to the state, a little behind it and never in its way: one write at a time, soon after a
// change, in slices small enough that no request waits for them to be put together.

import type { Clock } from "../clock.ts";
import type { State } from "../core/state.ts";
import type { Txn } from "../core/txn.ts";
import type { ChangeMessage } from "./change-message.ts";
import type { Lsn } from "./commit-log.ts";
import type { RowChanges, Tables } from "./tables.ts";
import { WriteBehind } from "./write-behind.ts";

const writeDelayMs = 50;
const rowsPerWrite = 1000;
const retryDelayMs = 1000;

export class TableWriter {
  readonly #state: State;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #rows: WriteBehind;
  #appliedLsn: Lsn;
  #historyFloorZxid: number;
  #floorMoved = false;
  #cancelTimer: (() => void) | null = null;
  #writing: Promise<void> | null = null;

  /** @param state the state as of the tables' position, which is `appliedLsn` and `historyFloorZxid` */
  constructor(
    parts: { state: State; tables: Tables; clock: Clock },
    position: { appliedLsn: Lsn; historyFloorZxid: number },
  ) {
    this.#state = parts.state;
    this.#tables = parts.tables;
    this.#clock = parts.clock;
    this.#rows = new WriteBehind(parts.state);
    this.#appliedLsn = position.appliedLsn;
    this.#historyFloorZxid = position.historyFloorZxid;
  }

  collect(txn: Txn, message: ChangeMessage | null): void {
    this.#rows.collect(txn, message);
  }

  /** The state is now as of this entry, whole: rows taken from here on reflect it. */
  applied(lsn: Lsn): void {
    this.#appliedLsn = lsn;
    this.#schedule();
  }

  trimHistory(floorZxid: number): void {
    this.#historyFloorZxid = floorZxid;
    this.#floorMoved = true;
  }

  #schedule(): void {
    if (this.#writing !== null) return;
    if (this.#rows.rowCount >= rowsPerWrite) this.#write();
    else if (this.#cancelTimer === null) this.#wakeAfter(writeDelayMs);
  }

  #wakeAfter(delayMs: number): void {
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => {
      this.#cancelTimer = null;
      this.#write();
    });
  }

  #write(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#writing !== null) return;
    this.#floorMoved = false;
    const rows = this.#rows.take(this.#state, this.#appliedLsn, this.#historyFloorZxid);
    this.#writing = this.#writeUntilDone(rows).then(() => {
      this.#writing = null;
      if (this.#rows.rowCount > 0) this.#schedule();
    });
  }

  /** A full disk is waited out: the log keeps what the tables do not have yet. */
  async #writeUntilDone(rows: RowChanges): Promise<void> {
    for (;;) {
      try {
        return await this.#tables.write(rows);
      } catch {
        await new Promise<void>((resolve) => this.#clock.setTimer(retryDelayMs, resolve));
      }
    }
  }

  /** Resolves when the tables hold everything applied so far. */
  async flush(): Promise<void> {
    while (this.#writing !== null || this.#rows.rowCount > 0 || this.#floorMoved) {
      if (this.#writing === null) this.#write();
      await this.#writing;
    }
    // An entry of refusals leaves a timer without rows: it must not wake up on tables that are closed.
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
