// Tables in memory that keep every write they were given, and can be told to refuse or to wait.

import { type AccessRecord, accessKey } from "../../src/core/access/access.ts";
import type { KeptAcl } from "../../src/core/acl/acl.ts";
import type { Epoch } from "../../src/core/epochs.ts";
import type { Quota } from "../../src/core/quotas/quota.ts";
import type { Reply } from "../../src/core/replies/reply.ts";
import type { Session } from "../../src/core/session.ts";
import { State } from "../../src/core/state.ts";
import type { Znode } from "../../src/core/tree/znode.ts";
import type { Covering } from "../../src/store/commit-log.ts";
import type { RowChanges, Tables } from "../../src/store/tables.ts";

export class RecordingTables implements Tables {
  readonly clusterId: string;
  readonly writes: RowChanges[] = [];
  readonly #znodes = new Map<number, Znode>([[0, rootOf(State.fresh())]]);
  readonly #sessions = new Map<string, Session>();
  readonly #replies = new Map<number, Reply>();
  readonly #quotas = new Map<string, Pick<Quota, "path" | "limits">>();
  readonly #acls = new Map<number, KeptAcl>();
  readonly #epochs = new Map<number, Epoch>();
  readonly #access = new Map<string, AccessRecord>();
  readonly #listeners: ((covering: Covering) => void)[] = [];
  attempts = 0;
  #fault: Error | null = null;
  #gate: PromiseWithResolvers<void> | null = null;

  constructor(clusterId = "memory") {
    this.clusterId = clusterId;
  }

  /** The next write is rejected. */
  injectFault(fault: Error): void {
    this.#fault = fault;
  }

  /** Writes wait, as without room, until `release`. */
  hold(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  async write(rows: RowChanges): Promise<void> {
    this.attempts += 1;
    if (this.#fault !== null) throw this.#fault;
    await this.#gate?.promise;
    this.writes.push(rows);
    this.#tellDurable();
    for (const znode of [...rows.created, ...rows.changed]) this.#znodes.set(znode.id, znode);
    for (const parent of rows.parents) this.#moveCounters(parent);
    for (const id of rows.deletedZnodeIds) this.#znodes.delete(id);
    for (const session of rows.sessions) this.#sessions.set(session.id, session);
    for (const id of rows.closedSessionIds) this.#sessions.delete(id);
    for (const reply of rows.replies) this.#replies.set(reply.zxid, reply);
    for (const zxid of rows.forgottenReplyZxids) this.#replies.delete(zxid);
    for (const quota of rows.quotas) this.#quotas.set(quota.path, quota);
    for (const path of rows.deletedQuotaPaths) this.#quotas.delete(path);
    for (const record of rows.removedAccess) this.#access.delete(accessKey(record));
    for (const record of rows.access) this.#access.set(accessKey(record), record);
    for (const id of rows.forgottenAclIds) this.#acls.delete(id);
    for (const acl of rows.acls) this.#acls.set(acl.id, acl);
    for (const zxid of rows.forgottenEpochZxids) this.#epochs.delete(zxid);
    for (const epoch of rows.epochs) this.#epochs.set(epoch.firstZxid, epoch);
  }

  onDurable(listener: (covering: Covering) => void): void {
    this.#listeners.push(listener);
    this.#tellDurable();
  }

  #tellDurable(): void {
    const position = this.writes.at(-1)?.position;
    if (position === undefined) return;
    const { appliedLsn: lsn, zxid, digest } = position;
    for (const listener of this.#listeners) listener({ lsn, zxid, digest });
  }

  async close(): Promise<void> {}

  /** A row for a parent carries its counters alone. */
  #moveCounters({ id, pzxid, cversion, nextSequence, numChildren }: Znode): void {
    const row = this.#znodes.get(id);
    if (row === undefined) throw new Error(`there is no row ${id}`);
    this.#znodes.set(id, { ...row, pzxid, cversion, nextSequence, numChildren });
  }

  /** The state the rows make, as a start from them would load it. */
  load(): State {
    const state = new State();
    for (const record of this.#access.values()) state.restoreAccess(record);
    for (const acl of this.#acls.values()) state.restoreAcl(acl);
    const byAge = [...this.#znodes.values()].sort((a, b) => a.id - b.id);
    for (const znode of byAge) state.restoreZnode(znode);
    for (const session of this.#sessions.values()) state.restoreSession(session);
    for (const reply of [...this.#replies.values()].sort((a, b) => a.zxid - b.zxid)) {
      state.restoreReply(reply);
    }
    for (const quota of this.#quotas.values()) state.restoreQuota(quota);
    const epochs = [...this.#epochs.values()].sort((a, b) => a.firstZxid - b.firstZxid);
    for (const epoch of epochs) state.restoreEpoch(epoch);
    const position = this.writes.at(-1)?.position;
    state.restoreCounters(position ?? { zxid: 0, nextZnodeId: 1, ranMs: 0 });
    return state;
  }
}

function rootOf(state: State): Znode {
  return state.tree.get("/") as Znode;
}
