// Brings the tables up to the state, a little behind it and never in its way: one write at a time, soon after a
// change, in slices small enough that no request waits for them to be put together.

import type { Clock } from "../clock.ts";
import type { State } from "../core/state.ts";
import type { Note, Txn } from "../core/txn.ts";
import type { ChangeMessage } from "../told/change-message.ts";
import { entryNameText, type LogEntry, type Lsn } from "./commit-log.ts";
import type { Tables } from "./tables.ts";
import { type TakenAt, WriteBehind } from "./write-behind.ts";

const rowsPerWrite = 5000;
const writeDelayMs = 80;
/**
 * Appends wait while rows are written, and in a large table each row may be on a page of its own: so a write that took
 * long is followed by a rest in proportion. A row that changes several times meanwhile is written once.
 */
const restPerWrite = 10;
const restMsMax = 1000;

/** How far the tables are behind the state. Totals count since the start. */
export interface TableWriterStats {
  readonly waitingRows: number;
  /** Entries of the log that the state has and the tables do not. */
  readonly lagEntries: number;
  readonly writesTotal: number;
  /** From when rows are sent until they are in the file. */
  readonly writeMsTotal: number;
}

export class TableWriter {
  readonly #state: State;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #rows: WriteBehind;
  readonly #onFailure: (error: unknown) => void;
  #at: TakenAt;
  #writtenLsn: Lsn;
  #writes = 0;
  #writeMs = 0;
  #historyFloorZxid: number;
  #floorMoved = false;
  #restMs = writeDelayMs;
  #cancelTimer: (() => void) | null = null;
  #writing: Promise<void> | null = null;
  #isStopped = false;

  /**
   * @param parts.state the state as of the tables' position, which is the rest
   * @param parts.onFailure called when rows could not be written; nothing is written after that
   */
  constructor(
    parts: { state: State; tables: Tables; clock: Clock; onFailure: (error: unknown) => void },
    position: TakenAt & { historyFloorZxid: number },
  ) {
    this.#state = parts.state;
    this.#tables = parts.tables;
    this.#clock = parts.clock;
    this.#onFailure = parts.onFailure;
    this.#rows = new WriteBehind(parts.state);
    const { appliedLsn, entryName } = position;
    this.#at = { appliedLsn, entryName };
    this.#writtenLsn = position.appliedLsn;
    this.#historyFloorZxid = position.historyFloorZxid;
  }

  stats(): TableWriterStats {
    return {
      waitingRows: this.#rows.rowCount,
      lagEntries: this.#at.appliedLsn - this.#writtenLsn,
      writesTotal: this.#writes,
      writeMsTotal: this.#writeMs,
    };
  }

  collect(txn: Txn, message: ChangeMessage | null): void {
    this.#rows.collect(txn, message);
  }

  collectNote(note: Note): void {
    this.#rows.collectNote(note);
  }

  /** The state is now as of this entry, whole: rows taken from here on reflect it. */
  applied(entry: LogEntry): void {
    this.#at = { appliedLsn: entry.lsn, entryName: entryNameText(entry) };
    this.#schedule();
  }

  trimHistory(floorZxid: number): void {
    this.#historyFloorZxid = floorZxid;
    this.#rows.forgetChanges(floorZxid);
    this.#floorMoved = true;
  }

  #schedule(): void {
    if (this.#writing !== null || this.#isStopped) return;
    if (this.#rows.rowCount >= rowsPerWrite) this.#write();
    else if (this.#cancelTimer === null) this.#wakeAfter(this.#restMs);
  }

  #wakeAfter(delayMs: number): void {
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => {
      this.#cancelTimer = null;
      this.#write();
    });
  }

  #write(): void {
    this.#cancelPending();
    if (this.#writing !== null) return;
    this.#floorMoved = false;
    this.#writing = this.#writeRows().then(() => {
      this.#writing = null;
      if (this.#rows.rowCount > 0) this.#schedule();
    });
  }

  /** The tables wait for room by themselves: a rejection is no want of room, and not to be tried again. */
  async #writeRows(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    const lsn = this.#at.appliedLsn;
    try {
      await this.#tables.write(this.#rows.take(this.#state, this.#at, this.#historyFloorZxid));
      const tookMs = this.#clock.monotonicMs() - startedMs;
      this.#writtenLsn = lsn;
      this.#writes += 1;
      this.#writeMs += tookMs;
      this.#restMs = Math.min(restMsMax, Math.max(writeDelayMs, restPerWrite * tookMs));
    } catch (error) {
      this.stop();
      this.#onFailure(error);
    }
  }

  /** Resolves when the tables hold everything applied so far, or never will. */
  async flush(): Promise<void> {
    while (!this.#isStopped && this.#hasUnwritten()) {
      if (this.#writing === null) this.#write();
      await this.#writing;
    }
    // An entry of refusals leaves a timer without rows: it must not wake up on tables that are closed.
    this.#cancelPending();
  }

  #hasUnwritten(): boolean {
    // Entries that were refused have no rows; where the tables stand is written all the same.
    const isBehind = this.#writtenLsn < this.#at.appliedLsn;
    return this.#writing !== null || this.#rows.rowCount > 0 || this.#floorMoved || isBehind;
  }

  /** Nothing more is written: the log has what the tables lack. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelPending();
  }

  #cancelPending(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
