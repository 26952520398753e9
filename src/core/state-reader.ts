// The reader of a state. It is made for each read, so it holds no more than the state and for whom it is read. Paths are
// turned from those that are named into those of the tree, and back, here and in what is handed out from here.

import type { ReadonlyAccess } from "./access/access.ts";
import { forbidden, mayAs } from "./access/ask.ts";
import { inRoot, inTree } from "./access/root-paths.ts";
import { type Identities, shownTo } from "./acl/acl.ts";
import { keptOut, ListGate } from "./acl/list-gate.ts";
import type { ReadonlyClaimQueue } from "./coordination/claim-queue.ts";
import { queueShown } from "./coordination/queue-in-root.ts";
import type { ReadonlyEpochs } from "./epochs.ts";
import type { Housekeeper } from "./housekeeper.ts";
import { type Quota, quotaShown } from "./quotas/quota.ts";
import type { ReadContext, Reader, ShownList } from "./reader.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";
import { rootPath } from "./tree/path.ts";
import { TreeWalk, type WalkScope } from "./tree/tree-walk.ts";
import type { Znode } from "./tree/znode.ts";
import { scopeInTree, WalkInRoot } from "./walk-in-root.ts";

export class StateReader implements Reader {
  readonly context: ReadContext;
  readonly #state: State;
  /** What is `/` to whom it is read for. */
  readonly #root: string;
  readonly #lists: ListGate;

  constructor(state: State, context: ReadContext) {
    this.#state = state;
    this.context = context;
    this.#root = context.permits.root;
    this.#lists = new ListGate(context.permits, context.shown);
  }

  get zxid(): number {
    return this.#state.zxid;
  }

  get epochs(): ReadonlyEpochs {
    return this.#state.epochs;
  }

  get access(): ReadonlyAccess {
    return this.#state.access;
  }

  keeps(path: string, as: (keptPath: string) => boolean): boolean {
    return this.access.namespaces.keeps(inTree(this.#root, path), as);
  }

  get identities(): Identities {
    return this.#lists.identities;
  }

  mayRead(path: string): boolean {
    if (!this.mayReadByPolicy(path)) return false;
    const znode = this.#recordAt(path);
    return znode === undefined || this.#lists.mayRead(znode.acl);
  }

  /** Whatever lists say. */
  mayReadByPolicy(path: string): boolean {
    return mayAs(this.context.permits, path, "read");
  }

  get(path: string): Znode | undefined {
    this.#require(path);
    const znode = this.#recordAt(path);
    if (znode === undefined) return undefined;
    if (!this.#lists.mayRead(znode.acl)) throw keptOut(path, "read");
    return this.#root === rootPath ? znode : { ...znode, path };
  }

  childNames(path: string, from?: string): Iterable<string> {
    this.get(path);
    return this.#state.tree.childNames(inTree(this.#root, path), from);
  }

  listOf(path: string): ShownList | undefined {
    this.#require(path);
    const znode = this.#recordAt(path);
    if (znode === undefined) return undefined;
    const { acl, aversion } = znode;
    if (!this.#lists.maySee(acl)) throw keptOut(path, "read");
    return { acl: shownTo(this.identities, acl.entries), aversion };
  }

  #recordAt(path: string): Znode | undefined {
    return this.#state.tree.get(inTree(this.#root, path));
  }

  /** By policies alone: what recipes keep is theirs to show. */
  #require(path: string): void {
    if (!this.mayReadByPolicy(path)) throw forbidden(path, "read");
  }

  walk(scope: WalkScope): TreeWalk {
    const { permits } = this.context;
    const whole = scopeInTree(this.#root, scope);
    const seesAll = whole.roots.every((root) => permits.mayAllBelow(root, "read"));
    const seen: WalkScope = {
      ...whole,
      ...(!seesAll && { sees: (path) => permits.may(path, "read") }),
      ...(this.#state.acls.size > 0 && { tells: ({ acl }) => this.#lists.mayRead(acl) }),
    };
    if (this.#root !== rootPath) return new WalkInRoot(this.#state, seen, this.#root);
    return new TreeWalk(this.#state, seen);
  }

  get mortals(): ReadonlySet<string> {
    return this.#shown(this.#state.mortals);
  }

  session(id: string): Session | undefined {
    return this.#state.session(id);
  }

  sessions(): Iterable<Session> {
    return this.#state.sessions();
  }

  get housekeeper(): Housekeeper {
    return this.#state.housekeeper;
  }

  ephemeralsOf(sessionId: string): ReadonlySet<string> {
    return this.#shown(this.#state.ephemeralsOf(sessionId));
  }

  queue(path: string): ReadonlyClaimQueue | undefined {
    this.#require(path);
    return queueShown(this.#state.claims.queue(inTree(this.#root, path)), this.#root);
  }

  queueOf(path: string): ReadonlyClaimQueue | undefined {
    this.#require(path);
    return queueShown(this.#state.claims.queueOf(inTree(this.#root, path)), this.#root);
  }

  queues(): Iterable<ReadonlyClaimQueue> {
    if (this.#root === rootPath) return this.#state.claims.queues();
    return [...this.#state.claims.queues()].flatMap((queue) => queueShown(queue, this.#root) ?? []);
  }

  quota(path: string): Quota | undefined {
    this.#require(path);
    return quotaShown(this.#state.quotas.get(inTree(this.#root, path)), this.#root);
  }

  quotaOver(path: string): Quota | undefined {
    return quotaShown(this.#state.quotas.governing(inTree(this.#root, path)), this.#root);
  }

  *quotasFrom(path: string): Generator<Quota> {
    const quotas = this.#root === rootPath ? this.#state.quotas.from(path) : this.#quotasInRoot(path);
    for (const quota of quotas) if (this.mayRead(quota.path)) yield quota;
  }

  /** Those in the root are one piece of all: what begins as they do. */
  *#quotasInRoot(path: string): Generator<Quota> {
    const start = `${this.#root}/`;
    const from = path === "" || path === rootPath ? start : inTree(this.#root, path);
    for (const quota of this.#state.quotas.from(from)) {
      if (!quota.path.startsWith(start)) return;
      yield { ...quota, path: quota.path.slice(this.#root.length) };
    }
  }

  /** Those of the paths that can be named. */
  #shown(paths: ReadonlySet<string>): ReadonlySet<string> {
    if (this.#root === rootPath) return paths;
    return new Set([...paths].flatMap((path) => inRoot(this.#root, path) ?? []));
  }
}
