// Collects what changed since the tables were last written, each row once however often it changed, and keeps the
// digest of what the tables will hold. It decides nothing and waits for nobody.

import { type AccessRecord, accessKey } from "../core/access/access.ts";
import type { KeptAcl } from "../core/acl/acl.ts";
import { Digest } from "../core/digest.ts";
import type { Epoch } from "../core/epochs.ts";
import type { Quota } from "../core/quotas/quota.ts";
import type { Reply } from "../core/replies/reply.ts";
import type { Session } from "../core/session.ts";
import type { State } from "../core/state.ts";
import type { Znode } from "../core/tree/znode.ts";
import type { Change, Note, Txn } from "../core/txn.ts";
import type { ChangeMessage } from "../told/change-message.ts";
import type { ChangeRow, Position, RowChanges } from "./tables.ts";

/** A row as the tables have it and as they shall have it; null where there is none. */
interface Dirty<Row> {
  readonly before: Row | null;
  after: Row | null;
}

/** The entry that the state is as of. */
export type TakenAt = Pick<Position, "appliedLsn" | "entryName">;

export class WriteBehind {
  readonly #digest: Digest;
  #znodes = new Map<number, Dirty<Znode>>();
  #sessions = new Map<string, Dirty<Session>>();
  /** By zxid: a key whose reply has expired gets another one. */
  #replies = new Map<number, Dirty<Reply>>();
  #quotas = new Map<string, Dirty<Quota>>();
  /** By first zxid: one takes the place of another in which nothing was written. */
  #epochs = new Map<number, Dirty<Epoch>>();
  readonly #access = new Map<string, Dirty<AccessRecord>>();
  /** By id: another list may come in the place of one that is forgotten. */
  #acls = new Map<number, Dirty<KeptAcl>>();
  #changes: ChangeRow[] = [];
  #isRegisterDirty = false;

  /** @param state the state as of the tables' position */
  constructor(state: State) {
    this.#digest = Digest.of(state);
  }

  /** Rows waiting to be written. */
  get rowCount(): number {
    const rows = [
      this.#znodes,
      this.#sessions,
      this.#replies,
      this.#quotas,
      this.#epochs,
      this.#access,
      this.#acls,
    ];
    return rows.reduce(
      (count, { size }) => count + size,
      this.#changes.length + (this.#isRegisterDirty ? 1 : 0),
    );
  }

  collect(txn: Txn, message: ChangeMessage | null): void {
    for (const change of txn.changes) this.#collectChange(change);
    if (message !== null) {
      this.#changes.push({ zxid: txn.zxid, ranMs: txn.ranMs, message: message.text });
    }
  }

  /** The register is in the row of the position, which every write writes. */
  collectNote(noted: Note): void {
    switch (noted.type) {
      case "sessionTouched":
        note(this.#sessions, noted.session.id, noted.before, noted.session);
        break;
      case "housekeeperChanged":
        this.#digest.removeHousekeeper(noted.before);
        this.#digest.addHousekeeper(noted.housekeeper);
        this.#isRegisterDirty = true;
        break;
      case "epochBegun":
        note(this.#epochs, noted.epoch.firstZxid, noted.before, noted.epoch);
        break;
      case "epochForgotten":
        note(this.#epochs, noted.epoch.firstZxid, noted.epoch, null);
        break;
    }
  }

  #collectChange(change: Change): void {
    switch (change.type) {
      case "created":
        note(this.#znodes, change.znode.id, null, change.znode);
        break;
      case "changed":
      case "childrenChanged":
      case "attemptsChanged":
      case "aclChanged":
        note(this.#znodes, change.znode.id, change.before, change.znode);
        break;
      case "deleted":
        note(this.#znodes, change.znode.id, change.znode, null);
        break;
      case "sessionOpened":
        note(this.#sessions, change.session.id, null, change.session);
        break;
      case "sessionClosed":
        note(this.#sessions, change.session.id, change.session, null);
        break;
      case "replyKept":
        note(this.#replies, change.reply.zxid, null, change.reply);
        break;
      case "replyForgotten":
        note(this.#replies, change.reply.zxid, change.reply, null);
        break;
      case "quotaSet":
        note(this.#quotas, change.quota.path, change.before, change.quota);
        break;
      case "quotaDeleted":
        note(this.#quotas, change.quota.path, change.quota, null);
        break;
      case "accessSet":
        note(this.#access, accessKey(change.record), change.before, change.record);
        break;
      case "accessRemoved":
        note(this.#access, accessKey(change.record), change.record, null);
        break;
      case "aclKept":
        note(this.#acls, change.acl.id, null, change.acl);
        break;
      case "aclForgotten":
        note(this.#acls, change.acl.id, change.acl, null);
        break;
      case "restored":
        this.#digest.removeRestored(change.before);
        this.#digest.addRestored(change.restored);
        this.#isRegisterDirty = true;
        break;
    }
  }

  /** Of what nobody can resume from any more nothing is kept, however long rows have to wait for room. */
  forgetChanges(floorZxid: number): void {
    const kept = this.#changes.findIndex(({ zxid }) => zxid > floorZxid);
    if (kept !== 0) this.#changes.splice(0, kept === -1 ? this.#changes.length : kept);
  }

  /** Everything collected, as rows at the given position; what comes after belongs to the next call. */
  take(state: State, at: TakenAt, historyFloorZxid: number): RowChanges {
    const created: Znode[] = [];
    const changed: Znode[] = [];
    const parents: Znode[] = [];
    const deletedZnodeIds: number[] = [];
    for (const [id, { before, after }] of this.#znodes) {
      if (before !== null) this.#digest.removeZnode(before);
      if (after === null) {
        if (before !== null) deletedZnodeIds.push(id);
        continue;
      }
      this.#digest.addZnode(after);
      if (before === null) created.push(after);
      else if (hasOtherColumns(before, after)) changed.push(after);
      if (after.cversion !== (before?.cversion ?? 0)) parents.push(after);
    }
    const sessions = this.#takeSessions();
    const replies = this.#takeReplies();
    const quotas = this.#takeQuotas();
    const epochs = this.#takeEpochs();
    const access = this.#takeAccess();
    const acls = this.#takeAcls();
    const changes = this.#changes;
    this.#znodes = new Map();
    this.#changes = [];
    this.#isRegisterDirty = false;
    const position = {
      ...at,
      zxid: state.zxid,
      nextZnodeId: state.nextZnodeId,
      ranMs: state.ranMs,
      timeMs: state.timeMs,
      housekeeper: state.housekeeper,
      restored: state.restored,
      digest: this.#digest.toString(),
      historyFloorZxid,
    };
    return {
      position,
      created,
      changed,
      parents,
      deletedZnodeIds,
      ...sessions,
      ...replies,
      ...quotas,
      ...epochs,
      ...access,
      ...acls,
      changes,
    };
  }

  #takeSessions(): Pick<RowChanges, "sessions" | "closedSessionIds"> {
    const sessions: Session[] = [];
    const closedSessionIds: string[] = [];
    for (const [id, { before, after }] of this.#sessions) {
      if (before !== null) this.#digest.removeSession(before);
      if (after !== null) {
        this.#digest.addSession(after);
        sessions.push(after);
      } else if (before !== null) closedSessionIds.push(id);
    }
    this.#sessions = new Map();
    return { sessions, closedSessionIds };
  }

  #takeReplies(): Pick<RowChanges, "replies" | "forgottenReplyZxids"> {
    const replies: Reply[] = [];
    const forgottenReplyZxids: number[] = [];
    for (const [zxid, { before, after }] of this.#replies) {
      if (before !== null) this.#digest.removeReply(before);
      if (after !== null) {
        this.#digest.addReply(after);
        replies.push(after);
      } else if (before !== null) forgottenReplyZxids.push(zxid);
    }
    this.#replies = new Map();
    return { replies, forgottenReplyZxids };
  }

  #takeQuotas(): Pick<RowChanges, "quotas" | "deletedQuotaPaths"> {
    const quotas: Pick<Quota, "path" | "limits">[] = [];
    const deletedQuotaPaths: string[] = [];
    for (const [path, { before, after }] of this.#quotas) {
      if (before !== null) this.#digest.removeQuota(before);
      if (after !== null) {
        this.#digest.addQuota(after);
        quotas.push({ path, limits: after.limits });
      } else if (before !== null) deletedQuotaPaths.push(path);
    }
    this.#quotas = new Map();
    return { quotas, deletedQuotaPaths };
  }

  #takeEpochs(): Pick<RowChanges, "epochs" | "forgottenEpochZxids"> {
    const epochs: Epoch[] = [];
    const forgottenEpochZxids: number[] = [];
    for (const [firstZxid, { before, after }] of this.#epochs) {
      if (before !== null) this.#digest.removeEpoch(before);
      if (after !== null) {
        this.#digest.addEpoch(after);
        epochs.push(after);
      } else if (before !== null) forgottenEpochZxids.push(firstZxid);
    }
    this.#epochs = new Map();
    return { epochs, forgottenEpochZxids };
  }

  #takeAccess(): Pick<RowChanges, "access" | "removedAccess"> {
    const access: AccessRecord[] = [];
    const removedAccess: AccessRecord[] = [];
    for (const { before, after } of this.#access.values()) {
      if (before !== null) this.#digest.removeAccess(before);
      if (after !== null) {
        this.#digest.addAccess(after);
        access.push(after);
      } else if (before !== null) removedAccess.push(before);
    }
    this.#access.clear();
    return { access, removedAccess };
  }

  #takeAcls(): Pick<RowChanges, "acls" | "forgottenAclIds"> {
    const acls: KeptAcl[] = [];
    const forgottenAclIds: number[] = [];
    for (const [id, { before, after }] of this.#acls) {
      if (before !== null) this.#digest.removeAcl(before);
      if (after !== null) {
        this.#digest.addAcl(after);
        acls.push(after);
      } else if (before !== null) forgottenAclIds.push(id);
    }
    this.#acls = new Map();
    return { acls, forgottenAclIds };
  }
}

/** Whether more than its children is otherwise. */
function hasOtherColumns(before: Znode, after: Znode): boolean {
  return (
    before.mzxid !== after.mzxid || before.attempts !== after.attempts || before.aversion !== after.aversion
  );
}

function note<Key, Row>(rows: Map<Key, Dirty<Row>>, key: Key, before: Row | null, after: Row | null): void {
  const dirty = rows.get(key);
  if (dirty === undefined) rows.set(key, { before, after });
  else dirty.after = after;
}
