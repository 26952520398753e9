// What is there as of one zxid, sent page by page at the reader's own pace, whatever is written meanwhile. It holds
// what was overwritten before it came by, and no more than a bound of that. What its reader may not be told is no part of
// it: where pages end does not depend on that.

import type { ListGate } from "../core/acl/list-gate.ts";
import type { Reader } from "../core/reader.ts";
import type { TreeWalk } from "../core/tree/tree-walk.ts";
import type { Znode } from "../core/tree/znode.ts";
import type { WatchLimits } from "./limits.ts";
import type { StreamSelection } from "./selection.ts";

/** Znodes that may not be told which are passed over before others get a turn. */
const hiddenPerTurn = 1000;

export interface SnapshotParts {
  readonly selection: StreamSelection;
  /** What the lists of znodes say of its reader. */
  readonly lists: ListGate;
  readonly limits: WatchLimits;
}

export class Snapshot {
  readonly zxid: number;
  readonly #selection: StreamSelection;
  readonly #limits: WatchLimits;
  readonly #lists: ListGate;
  readonly #walk: TreeWalk;
  /** Of the page that is being made. What the selection leaves out was looked at, and takes its time as well. */
  #texts: string[] = [];
  #count = 0;
  #length = 0;
  #isAtEnd = false;
  #isBegun = false;

  /** @param reader of the whole tree: the selection says what of it may be told */
  constructor(reader: Reader, { selection, lists, limits }: SnapshotParts) {
    this.#limits = limits;
    this.#lists = lists;
    this.zxid = reader.zxid;
    this.#selection = selection;
    this.#walk = selection.walk(reader, limits.snapshotKeptBytesMax);
  }

  /** Whether more was written before its reader came by than is held for one: it cannot go on. */
  get isOverrun(): boolean {
    return this.#walk.isOverrun;
  }

  /** Whoever does not read it to its end ends it. */
  end(): void {
    this.#walk.end();
  }

  /**
   * Null when every znode was sent; where there is nothing, one empty page says so. `looking` when its turn is over before
   * it is known which: it goes on when it is asked again.
   */
  nextPage(): Uint8Array | "looking" | null {
    let hiddenLeft = hiddenPerTurn;
    while (!this.#isAtEnd && !this.#isFull) {
      if (hiddenLeft === 0) return "looking";
      const znode = this.#walk.next();
      if (znode === undefined) this.#isAtEnd = true;
      else if (this.#sees(znode)) this.#add(znode);
      else hiddenLeft -= 1;
    }
    return this.#count === 0 && this.#isBegun ? null : this.#endPage();
  }

  #sees({ path, acl }: Znode): boolean {
    const { sight, heedsLists } = this.#selection;
    return sight.sees(path) && (!heedsLists || this.#lists.mayRead(acl));
  }

  get #isFull(): boolean {
    const { snapshotPageZnodesMax, snapshotPageBytesMax } = this.#limits;
    return this.#count >= snapshotPageZnodesMax || this.#length >= snapshotPageBytesMax;
  }

  #add(znode: Znode): void {
    const text = this.#selection.textOf(znode);
    if (text !== null) this.#texts.push(text);
    this.#count += 1;
    this.#length += text?.length ?? 0;
  }

  #endPage(): Uint8Array {
    const page = this.#selection.snapshotFrame(this.zxid, this.#texts);
    this.#isBegun = true;
    this.#texts = [];
    this.#count = 0;
    this.#length = 0;
    return page;
  }
}
