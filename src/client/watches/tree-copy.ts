// A local copy of a subtree that follows the server: reads cost nothing, and whatever is read at one moment is the
// subtree as of one zxid. It never shows half a transaction, nor half a snapshot.

import { Tree } from "../../core/tree/tree.ts";
import type { Transport } from "../calls/transport.ts";
import { type CopyChange, CopyLife, type CopyOptions, type CopyState } from "./copy-life.ts";
import type { ChangeMessage, SnapshotMessage, WatchedZnode, WatchMessage, ZnodeEvent } from "./messages.ts";
import { applyEvents, differenceOf } from "./tree-events.ts";
import { watch } from "./watch.ts";

export type TreeChange = CopyChange<ZnodeEvent>;
export type TreeState = CopyState;
export type TreeOptions = CopyOptions<ZnodeEvent>;

/** How often the zxid of a quiet copy moves on. */
const bookmarkMs = 30_000;

export class TreeCopy implements Iterable<WatchedZnode> {
  readonly path: string;
  /** Resolves when the copy is there, and `changed` was told of it. Rejects when that is never. */
  readonly ready: Promise<void>;
  /** Resolves when the signal has ended it. Rejects with what else did, a fault in a callback included. */
  readonly closed: Promise<void>;
  readonly #life: CopyLife<ZnodeEvent>;
  #tree = new Tree<WatchedZnode>();
  /** A snapshot that is not complete yet. */
  #incoming: Tree<WatchedZnode> | null = null;

  constructor(transport: Transport, path: string, options: TreeOptions) {
    this.path = path;
    this.#life = new CopyLife(options);
    this.ready = this.#life.ready;
    this.closed = this.#life.lasting(this.#follow(transport, options));
  }

  /** The transaction the copy is as of; 0 before it is there. */
  get zxid(): number {
    return this.#life.zxid;
  }

  get state(): TreeState {
    return this.#life.state;
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

  async #follow(transport: Transport, { signal, heartbeatMs }: TreeOptions): Promise<void> {
    const messages = watch(
      transport,
      { paths: [this.path], scope: "subtree", initial: true, bookmarkMs, heartbeatMs },
      { signal, ...this.#life.told },
    );
    try {
      for await (const message of messages) await this.#take(message);
    } finally {
      this.#incoming = null;
    }
  }

  async #take(message: WatchMessage): Promise<void> {
    switch (message.type) {
      case "reset":
        this.#incoming = null;
        return this.#life.outdated();
      case "snapshot":
        return this.#collect(message);
      case "synced":
        return await this.#synced(message.zxid);
      case "change":
        return await this.#apply(message);
      case "bookmark":
        this.#life.passed(message.zxid);
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
    await this.#life.filled(zxid, events);
  }

  async #apply({ type: _, ...change }: ChangeMessage): Promise<void> {
    applyEvents(this.#tree, change.zxid, change.events);
    await this.#life.changed(change);
  }
}
