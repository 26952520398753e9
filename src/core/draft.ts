// The tree as a command in progress sees it: the state, overlaid with what the command has decided so far. The
// state itself is not touched; when the command is refused, the draft is dropped and nothing ever happened (M8).

import { parentPath } from "./path.ts";
import { governingQuota, type Quota, type Usage, withAdded } from "./quota.ts";
import { sequenceAfter } from "./sequence.ts";
import type { State } from "./state.ts";
import type { Cause, Change } from "./txn.ts";
import { type CreateMode, emptyData, type Znode } from "./znode.ts";

export interface NewZnode {
  readonly path: string;
  readonly data: Uint8Array;
  readonly mode: CreateMode;
  /** The session an ephemeral belongs to. */
  readonly owner: string | null;
  readonly sequence: number | null;
  /** Where the numbers of its children begin; 0 unless given. */
  readonly nextSequence?: number;
}

export class Draft {
  readonly zxid: number;
  readonly timeMs: number;
  readonly changes: Change[] = [];
  /** Why the changes happen; a sweep knows only once it has looked. */
  cause: Cause = "request";
  readonly #state: State;
  readonly #overlay = new Map<string, Znode | null>();
  /** Quotas as the command has left them so far; null where it deleted one. */
  readonly #quotas = new Map<string, Quota | null>();
  #nextZnodeId: number;

  constructor(state: State, timeMs: number) {
    this.#state = state;
    this.#nextZnodeId = state.nextZnodeId;
    this.zxid = state.zxid + 1;
    this.timeMs = timeMs;
  }

  get(path: string): Znode | undefined {
    const drafted = this.#overlay.get(path);
    return drafted === undefined ? this.#state.tree.get(path) : (drafted ?? undefined);
  }

  /** The quota a path counts in, with what the command has done so far counted (U4, D4). */
  quotaOver(path: string): Quota | undefined {
    if (this.#state.quotas.size === 0) return undefined;
    return governingQuota(path, (at) => this.#quotaAt(at));
  }

  #quotaAt(path: string): Quota | undefined {
    const drafted = this.#quotas.get(path);
    return drafted === undefined ? this.#state.quotas.get(path) : (drafted ?? undefined);
  }

  #count(path: string, added: Usage): void {
    const quota = this.quotaOver(path);
    if (quota !== undefined) this.#quotas.set(quota.path, withAdded(quota, added));
  }

  /** Adds a znode under a parent that is there; the parent's sequence counter moves on with it (Q2, Q11). */
  create(added: NewZnode): Znode {
    const znode = this.#newZnode(added);
    this.#overlay.set(znode.path, znode);
    this.changes.push({ type: "created", znode });
    this.#count(znode.path, { count: 1, bytes: znode.data.byteLength });
    const parent = this.get(parentPath(added.path)) as Znode;
    this.#replace("childrenChanged", parent, {
      ...parent,
      pzxid: this.zxid,
      cversion: parent.cversion + 1,
      nextSequence: sequenceAfter(Math.max(parent.nextSequence, added.sequence ?? 0)),
      numChildren: parent.numChildren + 1,
    });
    return znode;
  }

  #newZnode({ path, data, mode, owner, sequence, nextSequence = 0 }: NewZnode): Znode {
    const id = this.#nextZnodeId;
    this.#nextZnodeId += 1;
    return {
      id,
      path,
      data: data.byteLength === 0 ? emptyData : data,
      czxid: this.zxid,
      mzxid: this.zxid,
      pzxid: this.zxid,
      ctimeMs: this.timeMs,
      mtimeMs: this.timeMs,
      version: 0,
      cversion: 0,
      aversion: 0,
      nextSequence,
      numChildren: 0,
      ephemeralOwner: owner,
      sequence,
      ttlMs: mode.kind === "persistent" ? (mode.ttlMs ?? null) : null,
      container: mode.kind === "container",
    };
  }

  /** Replaces the whole value (O12); equal bytes are a change like any other (S5, W6). */
  setData(znode: Znode, data: Uint8Array): Znode {
    const changed = {
      ...znode,
      data: data.byteLength === 0 ? emptyData : data,
      mzxid: this.zxid,
      mtimeMs: this.timeMs,
      version: znode.version + 1,
    };
    this.#replace("changed", znode, changed);
    this.#count(znode.path, { count: 0, bytes: changed.data.byteLength - znode.data.byteLength });
    return changed;
  }

  /** Removes a znode without children; a quota goes with the znode it was set on. */
  delete(znode: Znode): void {
    this.#overlay.set(znode.path, null);
    this.changes.push({ type: "deleted", znode });
    this.#count(znode.path, { count: -1, bytes: -znode.data.byteLength });
    this.#deleteQuotaOf(znode);
    const parent = this.get(parentPath(znode.path)) as Znode;
    this.#replace("childrenChanged", parent, {
      ...parent,
      pzxid: this.zxid,
      cversion: parent.cversion + 1,
      numChildren: parent.numChildren - 1,
    });
  }

  #deleteQuotaOf({ path }: Znode): void {
    const quota = this.#quotaAt(path);
    if (quota === undefined) return;
    this.#quotas.set(path, null);
    this.changes.push({ type: "quotaDeleted", quota });
  }

  #replace(type: "changed" | "childrenChanged", before: Znode, znode: Znode): void {
    this.#overlay.set(znode.path, znode);
    this.changes.push({ type, znode, before });
  }
}
