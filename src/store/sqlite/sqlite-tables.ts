// The tables in the SQLite file: rows go to the writing thread packed, and are durable once it has synced something
// after them.

import type { Covering } from "../commit-log.ts";
import type { RowChanges, Tables } from "../tables.ts";
import { movableParts, packRows } from "./packed-rows.ts";
import type { WriterThread } from "./writer-thread.ts";

export class SqliteTables implements Tables {
  readonly clusterId: string;
  readonly #thread: WriterThread;
  readonly #listeners: ((covering: Covering) => void)[] = [];
  #durable: Covering;
  #isClosed = false;

  /** @param durable where the rows stood when the file was opened */
  constructor(thread: WriterThread, clusterId: string, durable: Covering) {
    this.#thread = thread;
    this.clusterId = clusterId;
    this.#durable = durable;
    thread.on("durable", ({ covering }) => {
      this.#durable = covering;
      for (const listener of this.#listeners) listener(covering);
    });
  }

  /** While there is no room the rows wait, and the promise with them. @throws OutcomeUnknownError */
  write(rows: RowChanges): Promise<void> {
    const packed = packRows(rows);
    return this.#thread.ask({ type: "write", rows: packed }, movableParts(packed));
  }

  onShortage(listener: (cause: string | null) => void): void {
    this.#thread.onState((state) => {
      if (state.state !== "failed") listener(state.state === "read_only" ? state.cause : null);
    });
  }

  onDurable(listener: (covering: Covering) => void): void {
    this.#listeners.push(listener);
    listener(this.#durable);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#thread.leave();
  }
}
