// What really happened, kept apart from everything that tells of it: the transactions in order, and the tree as of
// any of them.

import { type Stat, statOf } from "../../src/core/tree/stat.ts";
import { rootZnode, type Znode } from "../../src/core/tree/znode.ts";
import type { Txn } from "../../src/core/txn.ts";

export interface ZnodeRecord {
  readonly path: string;
  readonly data: string;
  readonly stat: Stat;
}

/** What recordings are held against, wherever it is known from. */
export interface Happened {
  /** Transactions that watchers may be told of after `from`, up to and with `until`. */
  zxidsBetween(from: number, until: number): readonly number[];
  eventsAt(zxid: number): readonly { readonly type: string; readonly path: string }[];
  treeAt(zxid: number): readonly ZnodeRecord[];
}

export class Reference implements Happened {
  readonly #txns: readonly Txn[];

  /** @param txns every transaction since the store was empty, in zxid order */
  constructor(txns: readonly Txn[]) {
    this.#txns = txns;
  }

  /** After `from`, up to and with `until`. */
  zxidsBetween(from: number, until: number): number[] {
    return this.#txns.map(({ zxid }) => zxid).filter((zxid) => zxid > from && zxid <= until);
  }

  eventsAt(zxid: number): { type: string; path: string }[] {
    const changes = this.#txns.find((txn) => txn.zxid === zxid)?.changes ?? [];
    return changes.flatMap((change) =>
      change.type === "created" || change.type === "changed" || change.type === "deleted"
        ? [{ type: change.type, path: change.znode.path }]
        : [],
    );
  }

  treeAt(zxid: number): ZnodeRecord[] {
    const znodes = new Map<string, Znode>([["/", rootZnode()]]);
    for (const txn of this.#txns) {
      if (txn.zxid > zxid) break;
      for (const change of txn.changes) {
        if (!("znode" in change)) continue;
        if (change.type === "deleted") znodes.delete(change.znode.path);
        else znodes.set(change.znode.path, change.znode);
      }
    }
    return [...znodes.values()].map((znode) => ({
      path: znode.path,
      data: new TextDecoder().decode(znode.data),
      stat: statOf(znode),
    }));
  }
}
