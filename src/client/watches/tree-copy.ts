// A local copy of a subtree that follows the server: reads cost nothing, and whatever is read at one moment is the
// subtree as of one zxid. It never shows half a transaction, nor half a snapshot.

import { Tree } from "../../core/tree/tree.ts";
import type { Cause } from "../../core/txn.ts";
import type { Transport } from "../calls/transport.ts";
import type { ChangeMessage, SnapshotMessage, WatchedZnode, WatchMessage, ZnodeEvent } from "./messages.ts";
import { applyEvents, differenceOf } from "./tree-events.ts";
import { watch } from "./watch.ts";

/** What changed from one state of the copy to the next. */
export interface TreeChange {
  /** Where the copy stands now. */
  readonly zxid: number;
  /** `snapshot` when the copy was filled or replaced as a whole: the events are then what differs. */
  readonly cause: Cause | "snapshot";
  /** When it happened, and whose end it was; not known of a snapshot. */
  readonly timeMs?: number;
  readonly session?: string;
  readonly events: readonly ZnodeEvent[];
}

/**
 * `connecting` until the copy is there; `synced` while it follows the server; `disconnected` when it shows the past,
 * since the connection was lost or the copy must be made anew; `closed` when it was aborted or refused.
 */
export type TreeState = "connecting" | "synced" | "disconnected" | "closed";

export interface TreeOptions {
  /** Closes the copy, which can still be read. */
  readonly signal?: AbortSignal | undefined;
  /** Called once per transaction with the copy at its zxid, which stays there until what is returned has settled. */
  readonly changed?: ((change: TreeChange) => void | Promise<void>) | undefined;
  readonly stateChanged?: ((state: TreeState) => void) | undefined;
  readonly heartbeatMs?: number | undefined;
}

/** How often the zxid of a quiet copy moves on. */
const bookmarkMs = 30_000;

export class TreeCopy implements Iterable<WatchedZnode> {
  readonly path: string;
  /** Resolves when the copy is there, and `changed` was told of it. Rejects when that is never. */
  readonly ready: Promise<void>;
  /** Resolves when the signal has ended it. Rejects with what else did, a fault in a callback included. */
  readonly closed: Promise<void>;
  readonly #options: TreeOptions;
  readonly #becomesReady = Promise.withResolvers<void>();
  #tree = new Tree<WatchedZnode>();
  /** A snapshot that is not complete yet. */
  #incoming: Tree<WatchedZnode> | null = null;
  #zxid = 0;
  #state: TreeState = "connecting";
  #isReady = false;

  constructor(transport: Transport, path: string, options: TreeOptions) {
    this.path = path;
    this.#options = options;
    this.ready = this.#becomesReady.promise;
    this.closed = this.#follow(transport).catch((error: unknown) => this.#end(error));
  }

  /** The transaction the copy is as of; 0 before it is there. */
  get zxid(): number {
    return this.#zxid;
  }

  get state(): TreeState {
    return this.#state;
  }

  /** Znodes in the copy. */
  get size(): number {
    return this.#tree.size;
  }

  get(path: string): WatchedZnode | undefined {
    return this.#tree.get(path);
  }

  has(path: string): boolean {
    return this.#tree.get(path) !== undefined;
  }

  /** The names of the children in code-unit order; none where there is no znode. */
  children(path: string): string[] {
    return [...this.#tree.childNames(path)];
  }

  /** Parents before children, siblings in code-unit order. Take it at once: a change may come at any `await`. */
  [Symbol.iterator](): Iterator<WatchedZnode> {
    return this.#tree.subtree(this.path);
  }

  async #follow(transport: Transport): Promise<void> {
    const { signal, heartbeatMs } = this.#options;
    const messages = watch(
      transport,
      { paths: [this.path], scope: "subtree", initial: true, bookmarkMs, heartbeatMs },
      { signal, disconnected: () => this.#lose() },
    );
    for await (const message of messages) await this.#take(message);
  }

  async #take(message: WatchMessage): Promise<void> {
    switch (message.type) {
      case "reset":
        this.#incoming = null;
        return this.#lose();
      case "snapshot":
        return this.#collect(message);
      case "synced":
        return await this.#synced(message.zxid);
      case "change":
        return await this.#apply(message);
      case "bookmark":
        this.#zxid = message.zxid;
    }
  }

  #collect({ znodes }: SnapshotMessage): void {
    this.#incoming ??= new Tree();
    for (const znode of znodes) this.#incoming.add(znode);
  }

  /** A complete snapshot takes the place of the copy at once: until then readers had the old one, whole. */
  async #synced(zxid: number): Promise<void> {
    const { path } = this;
    const [before, after] = [this.#tree, this.#incoming ?? this.#tree];
    const events = before === after ? [] : differenceOf(before.subtree(path), after.subtree(path));
    this.#tree = after;
    this.#incoming = null;
    this.#zxid = zxid;
    this.#enter("synced");
    if (events.length > 0) await this.#options.changed?.({ zxid, cause: "snapshot", events });
    this.#isReady = true;
    this.#becomesReady.resolve();
  }

  async #apply({ type: _, ...change }: ChangeMessage): Promise<void> {
    applyEvents(this.#tree, change.zxid, change.events);
    this.#zxid = change.zxid;
    await this.#options.changed?.(change);
  }

  #lose(): void {
    if (this.#state === "synced") this.#enter("disconnected");
  }

  #enter(state: TreeState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.stateChanged?.(state);
  }

  /** An error is told once: by `ready` to who still waits for it, else by `closed`. Being aborted is none. */
  #end(error: unknown): void {
    this.#incoming = null;
    this.#becomesReady.reject(error);
    const isAborted = this.#options.signal?.aborted === true && this.#options.signal.reason === error;
    if (isAborted) this.ready.catch(ignore);
    else if (!this.#isReady) this.closed.catch(ignore);
    this.#enter("closed");
    if (!isAborted) throw error;
  }
}

function ignore(): void {}
