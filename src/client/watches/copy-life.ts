// The life of a local copy that follows the server, whatever it is a copy of: it is filled, moves on with each
// transaction, is out of date while the connection is lost, and ends. Who has the copy is told of each of these once.

import type { Cause } from "../../core/txn.ts";
import type { WatchOptions } from "./follow.ts";

/** What changed from one state of the copy to the next. */
export interface CopyChange<Event> {
  /** Where the copy stands now. */
  readonly zxid: number;
  /** `snapshot` when the copy was filled or replaced as a whole: the events are then what differs. */
  readonly cause: Cause | "snapshot";
  /** When it happened, and whose end it was; not known of a snapshot. */
  readonly timeMs?: number;
  readonly session?: string;
  readonly events: readonly Event[];
}

/**
 * `connecting` until the copy is there; `synced` while it follows the server; `disconnected` when it shows the past,
 * since the connection was lost, the server cannot reach its log or the copy must be made anew; `closed` when it was aborted
 * or refused.
 */
export type CopyState = "connecting" | "synced" | "disconnected" | "closed";

export interface CopyOptions<Event> {
  /** Closes the copy, which can still be read. */
  readonly signal?: AbortSignal | undefined;
  /** Called once per transaction with the copy at its zxid, which stays there until what is returned has settled. */
  readonly changed?: ((change: CopyChange<Event>) => void | Promise<void>) | undefined;
  readonly stateChanged?: ((state: CopyState) => void) | undefined;
  readonly heartbeatMs?: number | undefined;
}

export class CopyLife<Event> {
  /** Resolves when the copy is there, and `changed` was told of it. Rejects when that is never. */
  readonly ready: Promise<void>;
  readonly #options: CopyOptions<Event>;
  readonly #becomesReady = Promise.withResolvers<void>();
  #zxid = 0;
  #state: CopyState = "connecting";
  #isReady = false;
  /** Whether it has all that its server has told of. */
  #isFilled = false;
  /** Whether its server has said that it cannot reach its log, and not yet that it can again. */
  #isSuspended = false;

  constructor(options: CopyOptions<Event>) {
    this.#options = options;
    this.ready = this.#becomesReady.promise;
  }

  /** The transaction the copy is as of; 0 before it is there. */
  get zxid(): number {
    return this.#zxid;
  }

  get state(): CopyState {
    return this.#state;
  }

  /**
   * @param following what follows the server, for as long as that goes on
   * @returns what resolves when the signal has ended it, and rejects with what else did, a fault in a callback included
   */
  lasting(following: Promise<void>): Promise<void> {
    const closed: Promise<void> = following.catch((error: unknown) => this.#end(error, closed));
    return closed;
  }

  /** The copy is whole, and as of this transaction; the events are what differs from what it was before. */
  async filled(zxid: number, events: readonly Event[]): Promise<void> {
    this.#zxid = zxid;
    this.#isFilled = true;
    this.#enter(this.#isSuspended ? "disconnected" : "synced");
    if (events.length > 0) await this.#options.changed?.({ zxid, cause: "snapshot", events });
    this.#isReady = true;
    this.#becomesReady.resolve();
  }

  /** The copy has what a transaction changed. */
  async changed(change: CopyChange<Event>): Promise<void> {
    this.#zxid = change.zxid;
    await this.#options.changed?.(change);
  }

  /** Nothing in the copy has changed until this transaction. */
  passed(zxid: number): void {
    this.#zxid = zxid;
  }

  /** There is no connection: what the copy shows may be the past. */
  lost(): void {
    this.#isSuspended = false;
    this.outdated();
  }

  /** It must be made anew, and shows the past until then. */
  outdated(): void {
    this.#isFilled = false;
    this.#showsPast();
  }

  /** The connection is there, and its server cannot know. */
  suspended(): void {
    this.#isSuspended = true;
    this.#showsPast();
  }

  /** Its server knows again. */
  connected(): void {
    this.#isSuspended = false;
    if (this.#isFilled) this.#enter("synced");
  }

  #showsPast(): void {
    if (this.#state === "synced") this.#enter("disconnected");
  }

  /** What the one who follows for it is to tell. */
  get told(): Required<Pick<WatchOptions, "disconnected" | "suspended" | "connected">> {
    return {
      disconnected: () => this.lost(),
      suspended: () => this.suspended(),
      connected: () => this.connected(),
    };
  }

  #enter(state: CopyState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.stateChanged?.(state);
  }

  /** An error is told once: by `ready` to who still waits for it, else by `closed`. Being aborted is none. */
  #end(error: unknown, closed: Promise<void>): void {
    this.#becomesReady.reject(error);
    const isAborted = this.#options.signal?.aborted === true && this.#options.signal.reason === error;
    if (isAborted) this.ready.catch(ignore);
    else if (!this.#isReady) closed.catch(ignore);
    this.#enter("closed");
    if (!isAborted) throw error;
  }
}

function ignore(): void {}
