// What is there as of one zxid, sent page by page at the reader's own pace, whatever is written meanwhile. It holds
// what was overwritten before it came by, and no more than a bound of that.

import type { Reader } from "../core/reader.ts";
import type { TreeWalk } from "../core/tree/tree-walk.ts";
import type { Znode } from "../core/tree/znode.ts";
import type { WatchLimits } from "./limits.ts";
import type { StreamSelection } from "./selection.ts";

export class Snapshot {
  readonly zxid: number;
  readonly #selection: StreamSelection;
  readonly #limits: WatchLimits;
  readonly #walk: TreeWalk;
  #next: Znode | undefined;
  #isBegun = false;

  constructor(reader: Reader, selection: StreamSelection, limits: WatchLimits) {
    this.#limits = limits;
    this.zxid = reader.zxid;
    this.#selection = selection;
    this.#walk = selection.walk(reader, limits.snapshotKeptBytesMax);
    this.#next = this.#walk.next();
  }

  /** Whether more was written before its reader came by than is held for one: it cannot go on. */
  get isOverrun(): boolean {
    return this.#walk.isOverrun;
  }

  /** Whoever does not read it to its end ends it. */
  end(): void {
    this.#walk.end();
  }

  /** Null when every znode was sent. Where there is nothing, one empty page says so. */
  nextPage(): Uint8Array | null {
    const limits = this.#limits;
    if (this.#isBegun && this.#next === undefined) return null;
    this.#isBegun = true;
    const texts: string[] = [];
    // What is left out was looked at, and takes its time as well.
    let [count, length] = [0, 0];
    while (this.#next !== undefined) {
      if (count >= limits.snapshotPageZnodesMax || length >= limits.snapshotPageBytesMax) break;
      const text = this.#selection.textOf(this.#next);
      if (text !== null) texts.push(text);
      count += 1;
      length += text?.length ?? 0;
      this.#next = this.#walk.next();
    }
    return this.#selection.snapshotFrame(this.zxid, texts);
  }
}
