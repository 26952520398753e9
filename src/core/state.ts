// The whole state of the service as of one zxid. It changes only by `apply`, which cannot fail, reads no clock and
// asks nobody; two states that applied the same transactions are equal. Time passes by what the log says of it.

import { Access, type AccessRecord } from "./access/access.ts";
import type { KeptAcl } from "./acl/acl.ts";
import { Acls } from "./acl/acls.ts";
import { Claims } from "./coordination/claims.ts";
import { Ephemerals } from "./ephemerals.ts";
import { type Epoch, Epochs } from "./epochs.ts";
import { type Housekeeper, nobody } from "./housekeeper.ts";
import { type QuotaLimits, Quotas } from "./quotas/quota.ts";
import { Replies } from "./replies/replies.ts";
import type { Reply } from "./replies/reply.ts";
import { neverRestored, type Restored } from "./restored.ts";
import type { Session } from "./session.ts";
import { isMortal } from "./sweep.ts";
import { Past } from "./tree/past.ts";
import { Tree } from "./tree/tree.ts";
import { rootZnode, type Znode } from "./tree/znode.ts";
import type { Change, Note, Txn } from "./txn.ts";

export class State {
  readonly tree = new Tree((znode: Znode) => znode.data.byteLength);
  /** What walks over the tree have still to see of it. */
  readonly past = new Past(this.tree);
  readonly access = new Access();
  readonly claims = new Claims(this.access.namespaces);
  readonly #replies = new Replies();
  readonly quotas = new Quotas();
  readonly epochs = new Epochs();
  readonly acls = new Acls();
  readonly #sessions = new Map<string, Session>();
  readonly #ephemerals = new Ephemerals(this.access.namespaces);
  readonly #mortals = new Set<string>();
  #zxid = 0;
  #nextZnodeId = 1;
  #ranMs = 0;
  #timeMs = 0;
  #housekeeper = nobody;
  #restored = neverRestored;

  /** A fresh tree: the root alone, at zxid 0. */
  static fresh(): State {
    const state = new State();
    state.restoreZnode(rootZnode());
    return state;
  }

  /** The last applied transaction (Z1, Z8). */
  get zxid(): number {
    return this.#zxid;
  }

  /** The id the next created znode gets. */
  get nextZnodeId(): number {
    return this.#nextZnodeId;
  }

  /** How long the service has run, as of the last entry of the log: the clock that ages are judged by. */
  get ranMs(): number {
    return this.#ranMs;
  }

  /** An entry of the log says how long the service has run. It never goes back, whoever says so. */
  reach(ranMs: number): void {
    this.#ranMs = Math.max(this.#ranMs, ranMs);
  }

  /** The wall clock of the log, since it is kept from going back; 0 before. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** The wall clock of an entry: not before that of any entry before it. */
  steady(timeMs: number): number {
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    return this.#timeMs;
  }

  /** Who keeps house among the servers. */
  get housekeeper(): Housekeeper {
    return this.#housekeeper;
  }

  /** The last time that it was put back to an earlier moment. */
  get restored(): Restored {
    return this.#restored;
  }

  get(path: string): Znode | undefined {
    return this.tree.get(path);
  }

  session(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Paths of the ephemerals a session owns, in no order that may matter. */
  ephemeralsOf(sessionId: string): ReadonlySet<string> {
    return this.#ephemerals.of(sessionId);
  }

  /** What telling of their end would take, as `deletedLength` counts. */
  ephemeralBytesOf(sessionId: string): number {
    return this.#ephemerals.bytesOf(sessionId);
  }

  /** Paths of the containers and the znodes with a TTL: a sweep looks at these and at no others. */
  get mortals(): ReadonlySet<string> {
    return this.#mortals;
  }

  /** What was answered to requests that may be sent again, oldest first. */
  get replies(): Omit<Replies, "add" | "delete"> {
    return this.#replies;
  }

  /** Does what was decided. The transaction's zxid is the next one, or one that a restore has put it forward to. */
  apply(txn: Txn): void {
    for (const change of txn.changes) this.#applyChange(change);
    this.#zxid = txn.zxid;
  }

  /** Does what was noted: no transaction, so the zxid stays. */
  note(note: Note): void {
    switch (note.type) {
      case "sessionTouched":
        this.restoreSession(note.session);
        break;
      case "housekeeperChanged":
        this.#housekeeper = note.housekeeper;
        break;
      case "epochBegun":
        this.restoreEpoch(note.epoch);
        break;
      case "epochForgotten":
        this.epochs.forgetOldest();
        break;
    }
  }

  #applyChange(change: Change): void {
    switch (change.type) {
      case "created":
        this.restoreZnode(change.znode);
        this.#nextZnodeId = change.znode.id + 1;
        this.quotas.count(change.znode.path, { count: 1, bytes: change.znode.data.byteLength });
        break;
      case "changed":
        this.tree.replace(change.znode);
        this.#ephemerals.changed(change.znode, change.before);
        this.quotas.count(change.znode.path, {
          count: 0,
          bytes: change.znode.data.byteLength - change.before.data.byteLength,
        });
        this.claims.changed(change.znode);
        break;
      case "childrenChanged":
      case "attemptsChanged":
        this.tree.replace(change.znode);
        break;
      case "aclChanged":
        this.tree.replace(change.znode);
        this.acls.count(change.before.acl, -1);
        this.acls.count(change.znode.acl, 1);
        break;
      case "deleted":
        this.acls.count(change.znode.acl, -1);
        this.tree.remove(change.znode.path);
        this.#ephemerals.removed(change.znode);
        this.#mortals.delete(change.znode.path);
        this.quotas.count(change.znode.path, { count: -1, bytes: -change.znode.data.byteLength });
        this.claims.removed(change.znode);
        break;
      case "aclKept":
        this.restoreAcl(change.acl);
        break;
      case "aclForgotten":
        this.acls.remove(change.acl);
        break;
      case "sessionOpened":
        this.restoreSession(change.session);
        break;
      case "sessionClosed":
        this.#sessions.delete(change.session.id);
        break;
      case "replyKept":
        this.restoreReply(change.reply);
        break;
      case "replyForgotten":
        this.#replies.delete(change.reply);
        break;
      case "quotaSet":
        this.quotas.put(change.quota);
        break;
      case "quotaDeleted":
        this.quotas.remove(change.quota.path);
        break;
      case "accessSet":
        this.access.put(change.record);
        break;
      case "accessRemoved":
        this.access.remove(change.record);
        break;
      case "restored":
        this.#restored = change.restored;
        break;
    }
  }

  /** Puts back an access control list as it was saved, before the znodes that have it. */
  restoreAcl(acl: KeptAcl): void {
    this.acls.put(acl);
  }

  /** Puts back a znode as it was saved; parents come before their children. */
  restoreZnode(znode: Znode): void {
    this.tree.add(znode);
    this.acls.count(znode.acl, 1);
    if (isMortal(znode)) this.#mortals.add(znode.path);
    this.claims.added(znode);
    this.#ephemerals.added(znode);
  }

  /** Puts back a session as it was saved. */
  restoreSession(session: Session): void {
    this.#sessions.set(session.id, session);
  }

  /** Puts back a record of who may do what; before the znodes, some of which are what they are by it. */
  restoreAccess(record: AccessRecord): void {
    this.access.put(record);
  }

  /** Puts back a reply as it was saved, oldest first. */
  restoreReply(reply: Reply): void {
    this.#replies.add(reply);
  }

  /** Puts back a quota as it was saved, after the znodes: its usage is theirs (U11). */
  restoreQuota(quota: { readonly path: string; readonly limits: QuotaLimits }): void {
    this.quotas.put({ ...quota, ...this.tree.usageOf(quota.path) });
  }

  /** Puts back an epoch as it was saved, oldest first. */
  restoreEpoch(epoch: Epoch): void {
    this.epochs.begin(epoch);
  }

  /** Puts back the counters as they were saved, after the znodes and sessions. */
  restoreCounters(counters: Counters): void {
    this.#zxid = counters.zxid;
    this.#ranMs = counters.ranMs;
    this.#timeMs = counters.timeMs ?? 0;
    this.#nextZnodeId = counters.nextZnodeId;
    this.#housekeeper = counters.housekeeper ?? nobody;
    this.#restored = counters.restored ?? neverRestored;
  }
}

interface Counters {
  readonly zxid: number;
  readonly nextZnodeId: number;
  readonly ranMs: number;
  readonly timeMs?: number;
  readonly housekeeper?: Housekeeper;
  readonly restored?: Restored;
}
