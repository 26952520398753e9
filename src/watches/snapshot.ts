// What is there as of one zxid, sent page by page at the reader's own pace, whatever is written meanwhile. It holds
// what was overwritten before it came by, and no more than a bound of that.

import { statText } from "../core/stat.ts";
import type { State } from "../core/state.ts";
import type { TreeWalk } from "../core/tree-walk.ts";
import type { Znode } from "../core/znode.ts";
import { dataText } from "../store/json-data.ts";
import { snapshotFrame } from "./frames.ts";
import type { WatchLimits } from "./limits.ts";
import type { Selection } from "./selection.ts";

export class Snapshot {
  readonly zxid: number;
  readonly #withData: boolean;
  readonly #limits: WatchLimits;
  readonly #walk: TreeWalk;
  #next: Znode | undefined;
  #isBegun = false;

  constructor(state: State, selection: Selection, limits: WatchLimits) {
    this.#limits = limits;
    this.zxid = state.zxid;
    this.#withData = selection.withData;
    this.#walk = selection.walk(state, limits.snapshotKeptBytesMax);
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
    const znodes: string[] = [];
    let length = 0;
    while (this.#next !== undefined) {
      if (znodes.length >= limits.snapshotPageZnodesMax || length >= limits.snapshotPageBytesMax) break;
      const text = this.#textOf(this.#next);
      znodes.push(text);
      length += text.length;
      this.#next = this.#walk.next();
    }
    return snapshotFrame(this.zxid, znodes);
  }

  #textOf(znode: Znode): string {
    const data = this.#withData ? `,${dataText(znode.data)}` : "";
    return `{"path":${JSON.stringify(znode.path)}${data},"stat":${statText(znode)}}`;
  }
}
