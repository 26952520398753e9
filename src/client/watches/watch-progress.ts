// How far a watch has come, and so how its next connection begins. It moves only with what the consumer was given:
// what is counted as told was told.

import type { ResetMessage } from "./messages.ts";

/** Where a watch begins; now, when it says nothing. */
export interface WatchCursor {
  /** Tell what is there first. */
  readonly initial?: boolean | undefined;
  /** Tell what happened after this transaction. */
  readonly sinceZxid?: number | undefined;
  /** Tell what happened after the message with this id, which says of which past of the store it is. */
  readonly lastEventId?: string | undefined;
}

/** A message of any stream of changes, as far as going on with it is concerned. */
export interface Told {
  readonly type: "snapshot" | "synced" | "change" | "reset" | "bookmark";
  readonly zxid: number;
  /** Of a reset. */
  readonly reason?: string;
}

export class WatchProgress {
  /** How a connection begins that does not resume after an event. */
  #start: WatchCursor;
  #lastEventId: string | null = null;
  /** The last transaction that was told. */
  #zxid: number;
  /** The zxid of a snapshot of which some pages were told and not all. */
  #unfinishedZxid: number | null = null;

  constructor({ initial, sinceZxid, lastEventId }: WatchCursor) {
    this.#start = {
      ...(initial !== undefined && { initial }),
      ...(sinceZxid !== undefined && { sinceZxid }),
      ...(lastEventId !== undefined && { lastEventId }),
    };
    this.#zxid = sinceZxid ?? 0;
  }

  get lastEventId(): string | null {
    return this.#lastEventId;
  }

  /** Nothing where the last event says it all. */
  get cursor(): WatchCursor {
    return this.#lastEventId === null ? this.#start : {};
  }

  /** Notes a message; false when its change was told before, should somebody in between replay too much. */
  advance(message: Told, eventId: string | undefined): boolean {
    switch (message.type) {
      case "reset":
        // The old resume point may come to mean something else in a store that never knew it: it must go now.
        this.#lastEventId = null;
        this.#start = { initial: true };
        this.#zxid = 0;
        this.#unfinishedZxid = null;
        return true;
      case "snapshot":
        this.#unfinishedZxid = message.zxid;
        return true;
      case "change":
        if (message.zxid <= this.#zxid) return false;
        break;
      case "synced":
        this.#unfinishedZxid = null;
        break;
    }
    this.#zxid = Math.max(this.#zxid, message.zxid);
    if (eventId !== undefined) this.#lastEventId = eventId;
    return true;
  }

  /** The connection is lost: half a snapshot is of no use, as the next one will be of another zxid. */
  interrupt(): ResetMessage | null {
    const zxid = this.#unfinishedZxid;
    this.#unfinishedZxid = null;
    return zxid === null ? null : { type: "reset", reason: "snapshot_interrupted", zxid };
  }
}
