// The tree as a command in progress sees it: the state, overlaid with what the command has decided so far. The
// state itself is not touched; when the command is refused, the draft is dropped and nothing ever happened (M8).

import type { ReadonlyAccess } from "./access/access.ts";
import { forbidden, mayAs } from "./access/ask.ts";
import { openPermits, type Permits } from "./access/permits.ts";
import { inRoot, inTree } from "./access/root-paths.ts";
import type { Verb } from "./access/verbs.ts";
import type { Acl, Permission, Shown } from "./acl/acl.ts";
import { DraftAcls } from "./acl/draft-acls.ts";
import { keptOut, ListGate } from "./acl/list-gate.ts";
import { deletedLength, type TransactionBounds, unbounded, writtenLength } from "./bounds.ts";
import type { ReadonlyClaimQueue } from "./coordination/claim-queue.ts";
import { queueShown } from "./coordination/queue-in-root.ts";
import { DraftSpending, lengthOfAcl } from "./draft-spending.ts";
import type { ReadonlyEpochs } from "./epochs.ts";
import type { PlacedMoment } from "./moment.ts";
import { DraftQuotas } from "./quotas/draft-quotas.ts";
import { type Quota, type QuotaLimits, quotaShown } from "./quotas/quota.ts";
import type { Restored } from "./restored.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";
import { parentPath, rootPath } from "./tree/path.ts";
import { sequenceAfter } from "./tree/sequence.ts";
import { type Stat, statOf } from "./tree/stat.ts";
import type { Usage } from "./tree/tree.ts";
import { type CreateMode, emptyData, type Znode } from "./tree/znode.ts";
import type { Cause, Change, Note } from "./txn.ts";

/** How a command is decided. */
export interface DraftOptions {
  readonly bounds?: TransactionBounds;
  /** What whoever asks may do, and what is `/` to them. Everything, unless given. */
  readonly permits?: Permits;
  /** Whom the lists of znodes take whoever asks for. */
  readonly shown?: Partial<Shown> | undefined;
  /** Whether it changes znodes as the service and not as whoever asks, who needs no right to each. */
  readonly isOwnWork?: boolean;
  /** What is `/` in its paths. As whoever asks names paths, unless given. */
  readonly root?: string;
}

export interface NewZnode {
  readonly path: string;
  readonly data: Uint8Array;
  readonly mode: CreateMode;
  /** The session an ephemeral belongs to. */
  readonly owner: string | null;
  readonly sequence: number | null;
  /** Where the numbers of its children begin; 0 unless given. */
  readonly nextSequence?: number;
  /** Open to all where it is absent. */
  readonly acl?: Acl | undefined;
}

export class Draft {
  readonly moment: PlacedMoment;
  readonly changes: Change[] = [];
  /** Why the changes happen; a sweep knows only once it has looked. */
  cause: Cause = "request";
  /** The session it ends. */
  endedSessionId: string | null = null;
  /** What is noted beside the changes, if there are any. */
  readonly notes: Note[] = [];
  readonly #state: State;
  #zxid: number;
  readonly #overlay = new Map<string, Znode | null>();
  readonly #quotas: DraftQuotas;
  readonly #spending: DraftSpending;
  /** Where in the changes a parent's latest record stands, while it is the latest. */
  readonly #parentChanges = new Map<string, number>();
  readonly #acls: DraftAcls;
  #nextZnodeId: number;
  readonly permits: Permits;
  /** What the lists of znodes say of whoever asks. */
  readonly lists: ListGate;
  readonly #root: string;
  readonly #isOwnWork: boolean;

  constructor(state: State, moment: PlacedMoment, options: DraftOptions = {}) {
    const { bounds = unbounded, permits = openPermits, isOwnWork = false, root = permits.root } = options;
    this.#state = state;
    this.#spending = new DraftSpending(state, bounds);
    this.#quotas = new DraftQuotas(state, this.changes);
    this.permits = permits;
    this.lists = new ListGate(permits, options.shown);
    this.#root = root;
    this.#isOwnWork = isOwnWork;
    this.#nextZnodeId = state.nextZnodeId;
    this.#acls = new DraftAcls(state.acls, this.changes);
    this.#zxid = state.zxid + 1;
    this.moment = moment;
  }

  /** Of the transaction. */
  get zxid(): number {
    return this.#zxid;
  }

  /** Before anything is changed: changes have the zxid of their transaction. */
  jumpTo(zxid: number): void {
    this.#zxid = zxid;
  }

  /** The last time that the store was put back to an earlier moment. */
  get restored(): Restored {
    return this.#state.restored;
  }

  /** For people to read. */
  get timeMs(): number {
    return this.moment.timeMs;
  }

  /** The place in the log of the entry that the command came in. */
  get lsn(): number {
    return this.moment.lsn ?? 0;
  }

  /** How long the service has run. */
  get ranMs(): number {
    return this.#state.ranMs;
  }

  /** Who is known, and what they may do. */
  get access(): ReadonlyAccess {
    return this.#state.access;
  }

  /** The pasts of the state. */
  get epochs(): ReadonlyEpochs {
    return this.#state.epochs;
  }

  /** Whether its entry sets bounds; those from before there were any are decided as they were then. */
  get isBounded(): boolean {
    return this.#spending.isBounded;
  }

  /** Whether what is told of the path may be told to whoever asks. */
  mayRead(path: string): boolean {
    return mayAs(this.permits, path, "read");
  }

  /** Whether what is said of the znode, which is there, may be told to whoever asks: by policies and by its list. */
  mayTell({ path, acl }: Znode): boolean {
    return this.mayRead(path) && this.lists.mayRead(acl);
  }

  /** The stat as whoever asks may be told it, to be spread into what is told. */
  statFor(znode: Znode): { readonly stat?: Stat } {
    return this.mayTell(znode) ? { stat: statOf(znode) } : {};
  }

  /** Whether znodes had lists before the command. */
  get hasLists(): boolean {
    return this.#state.acls.size > 0;
  }

  /** Whether the list of the znode lets whoever asks do it, or what they ask for is the service's own work. */
  isLet({ acl }: Znode, permission: Permission): boolean {
    return this.#isOwnWork || this.lists.allows(acl, permission);
  }

  /**
   * Asked where the znode is found, before anything else is told of it, and once more by each change.
   * @throws KeeperError `forbidden`
   */
  requireOf(znode: Znode, ...permissions: readonly Permission[]): void {
    for (const permission of permissions)
      if (!this.isLet(znode, permission)) throw keptOut(znode.path, permission);
  }

  /**
   * Asked before anything is told of the path, and once more by each change, as the last gate.
   * @param named what is said instead of a path that whoever asks did not name
   * @throws KeeperError `forbidden`
   */
  require(path: string, verb: Verb, named = path): void {
    if (this.#isOwnWork || mayAs(this.permits, path, verb)) return;
    throw forbidden(named, verb);
  }

  /** Paths here are those that whoever asks names; records of the state have those of the whole tree. */
  get(path: string): Znode | undefined {
    const record = this.#recordAt(inTree(this.#root, path));
    return record === undefined || this.#root === rootPath ? record : { ...record, path };
  }

  /** Znodes and bytes of data in the subtree, as they were before the command. */
  usageOf(path: string): Usage {
    return this.#state.tree.usageOf(inTree(this.#root, path));
  }

  /** The subtree as it was before the command, parents before their children. */
  *subtree(path: string): Generator<Znode> {
    for (const znode of this.#state.tree.subtree(inTree(this.#root, path))) yield this.#shown(znode);
  }

  /** The same, children before their parents. */
  *leavesFirst(path: string): Generator<Znode> {
    for (const znode of this.#state.tree.leavesFirst(inTree(this.#root, path))) yield this.#shown(znode);
  }

  session(id: string): Session | undefined {
    return this.#state.session(id);
  }

  /** Paths of the ephemerals a session owned before the command, in no order that may matter. */
  *ephemeralsOf(sessionId: string): Generator<string> {
    for (const path of this.#state.ephemeralsOf(sessionId)) {
      const name = this.nameOf(path);
      if (name !== undefined) yield name;
    }
  }

  /** How many there are, those included that whoever asks cannot name. */
  ephemeralCountOf(sessionId: string): number {
    return this.#state.ephemeralsOf(sessionId).size;
  }

  /** The queue of a lock or an election as it was before the command; undefined where nobody claims it. */
  queue(path: string): ReadonlyClaimQueue | undefined {
    return queueShown(this.#state.claims.queue(inTree(this.#root, path)), this.#root);
  }

  /** Whether recipes keep the path, as something of theirs: that is asked of the path as they name it. */
  keeps(path: string, as: (keptPath: string) => boolean): boolean {
    return this.access.namespaces.keeps(inTree(this.#root, path), as);
  }

  /** As `deletedLength` counts, and its list. */
  deletedLength(shown: Znode): number {
    return this.#lengthOf(this.#recordOf(shown)) + lengthOfAcl(shown.acl);
  }

  #lengthOf(record: Znode): number {
    return deletedLength(record, this.access.namespaces);
  }

  /** How whoever asks names a path of the whole tree; undefined where they cannot. */
  nameOf(path: string): string | undefined {
    return inRoot(this.#root, path);
  }

  #recordAt(path: string): Znode | undefined {
    const drafted = this.#overlay.get(path);
    return drafted === undefined ? this.#state.tree.get(path) : (drafted ?? undefined);
  }

  #recordOf(znode: Znode): Znode {
    return this.#root === rootPath ? znode : { ...znode, path: inTree(this.#root, znode.path) };
  }

  #shown(record: Znode): Znode {
    if (this.#root === rootPath) return record;
    return { ...record, path: inRoot(this.#root, record.path) as string };
  }

  /**
   * The quota a path counts in, with what the command has done so far counted (U4, D4). Its path is that of the whole tree:
   * it may govern more than whoever asks can name.
   */
  governing(path: string): Quota | undefined {
    return this.#quotas.over(inTree(this.#root, path));
  }

  /** The same, if whoever asks can name where it was set. */
  quotaOver(path: string): Quota | undefined {
    return quotaShown(this.governing(path), this.#root);
  }

  /** The quota that was set on the very path. */
  quota(path: string): Quota | undefined {
    return quotaShown(this.#quotas.at(inTree(this.#root, path)), this.#root);
  }

  /** The first that was set below the path. */
  quotaBelow(path: string): Quota | undefined {
    return quotaShown(this.#quotas.below(inTree(this.#root, path)), this.#root);
  }

  /** Puts limits on a znode that is there, instead of those it had. */
  setQuota(shown: string, limits: QuotaLimits): Quota {
    return { ...this.#quotas.set(inTree(this.#root, shown), limits), path: shown };
  }

  /** Nothing happens where there is none. */
  deleteQuota(path: string): void {
    this.#quotas.delete(inTree(this.#root, path));
  }

  /** Adds a znode under a parent that is there; the parent's sequence counter moves on with it (Q2, Q11). */
  create(added: NewZnode): Znode {
    this.require(added.path, "create");
    const path = inTree(this.#root, added.path);
    const above = this.#recordAt(parentPath(path)) as Znode;
    if (!this.isLet(above, "create")) throw keptOut(parentPath(added.path), "create");
    const znode = this.#newZnode({ ...added, path });
    this.#spending.spend(writtenLength(znode), znode.acl);
    if (znode.ephemeralOwner !== null) this.#spending.own(znode.ephemeralOwner, 1, this.#lengthOf(znode));
    this.#overlay.set(znode.path, znode);
    this.changes.push({ type: "created", znode });
    this.#quotas.count(znode.path, { count: 1, bytes: znode.data.byteLength });
    const parent = this.#recordAt(parentPath(path)) as Znode;
    this.#replaceParent(parent, {
      ...parent,
      pzxid: this.zxid,
      cversion: parent.cversion + 1,
      nextSequence: sequenceAfter(Math.max(parent.nextSequence, added.sequence ?? 0)),
      numChildren: parent.numChildren + 1,
    });
    return this.#shown(znode);
  }

  #newZnode({ path, data, mode, owner, sequence, nextSequence = 0, acl }: NewZnode): Znode {
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
      writtenRanMs: goesByItself(mode) ? this.ranMs : null,
      attempts: null,
      acl: this.#acls.use(acl),
    };
  }

  /** Replaces the whole value (O12); equal bytes are a change like any other (S5, W6). */
  setData(shown: Znode, data: Uint8Array): Znode {
    this.require(shown.path, "write");
    this.requireOf(shown, "write");
    const znode = this.#recordOf(shown);
    const changed = {
      ...znode,
      data: data.byteLength === 0 ? emptyData : data,
      mzxid: this.zxid,
      mtimeMs: this.timeMs,
      version: znode.version + 1,
      writtenRanMs: znode.writtenRanMs === null ? null : this.ranMs,
    };
    this.#spending.spend(writtenLength(changed), changed.acl);
    if (znode.ephemeralOwner !== null)
      this.#spending.own(znode.ephemeralOwner, 0, this.#lengthOf(changed) - this.#lengthOf(znode));
    this.#overlay.set(znode.path, changed);
    this.changes.push({ type: "changed", znode: changed, before: znode });
    this.#parentChanges.delete(znode.path);
    this.#quotas.count(znode.path, { count: 0, bytes: changed.data.byteLength - znode.data.byteLength });
    return this.#shown(changed);
  }

  /** Says which requests a place is for. To clients the znode is as it was. */
  setAttempts(shown: Znode, attempts: readonly string[] | null): void {
    const znode = this.#recordOf(shown);
    const changed = { ...znode, attempts };
    this.#overlay.set(znode.path, changed);
    this.changes.push({ type: "attemptsChanged", znode: changed, before: znode });
  }

  /** Gives the znode this list; its data, and when it was written, are as they were (A15). */
  setAcl(shown: Znode, acl: Acl): Znode {
    this.require(shown.path, "admin");
    this.requireOf(shown, "admin");
    const znode = this.#recordOf(shown);
    const changed = { ...znode, acl: this.#acls.use(acl), aversion: znode.aversion + 1 };
    this.#overlay.set(znode.path, changed);
    this.changes.push({ type: "aclChanged", znode: changed, before: znode });
    this.#parentChanges.delete(znode.path);
    this.#acls.release(znode.acl);
    return this.#shown(changed);
  }

  /** Removes a znode without children; a quota goes with the znode it was set on. */
  delete(shown: Znode): void {
    this.require(shown.path, "delete");
    const znode = this.#recordOf(shown);
    const above = this.#recordAt(parentPath(znode.path)) as Znode;
    if (!this.isLet(above, "delete")) throw keptOut(parentPath(shown.path), "delete");
    const length = this.#lengthOf(znode);
    this.#spending.spend(length, znode.acl, true);
    if (znode.ephemeralOwner !== null) this.#spending.own(znode.ephemeralOwner, -1, -length);
    this.#overlay.set(znode.path, null);
    this.changes.push({ type: "deleted", znode });
    this.#acls.release(znode.acl);
    this.#parentChanges.delete(znode.path);
    this.#quotas.count(znode.path, { count: -1, bytes: -znode.data.byteLength });
    this.#quotas.delete(znode.path);
    const parent = this.#recordAt(parentPath(znode.path)) as Znode;
    this.#replaceParent(parent, {
      ...parent,
      pzxid: this.zxid,
      cversion: parent.cversion + 1,
      numChildren: parent.numChildren - 1,
    });
  }

  /** However many children come and go, their parent's record is replaced once: nobody sees those in between. */
  #replaceParent(before: Znode, znode: Znode): void {
    this.#overlay.set(znode.path, znode);
    const index = this.#parentChanges.get(znode.path);
    if (index === undefined) {
      this.#parentChanges.set(znode.path, this.changes.length);
      this.changes.push({ type: "childrenChanged", znode, before });
      return;
    }
    const { before: first } = this.changes[index] as Change & { type: "childrenChanged" };
    this.changes[index] = { type: "childrenChanged", znode, before: first };
  }

  /** @throws KeeperError `too_many_changes` when so many are too many */
  assertMayChange(count: number): void {
    this.#spending.assertMayChange(count);
  }

  /**
   * How many of a session's ephemerals, from the first, may go in this transaction. The session's end is never refused:
   * what it does besides is bounded by them, and is not measured.
   */
  endsAtOnce(owned: readonly Znode[]): readonly Znode[] {
    return this.#spending.endsAtOnce(owned, (znode) => this.deletedLength(znode));
  }
}

function goesByItself(mode: CreateMode): boolean {
  return mode.kind === "container" || (mode.kind === "persistent" && mode.ttlMs !== undefined);
}
