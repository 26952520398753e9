// The reader of a state. It is made for each read, so it holds no more than the state and for whom it is read.

import type { ReadonlyAccess } from "./access/access.ts";
import { forbidden, mayAs } from "./access/ask.ts";
import type { ReadonlyClaimQueue } from "./coordination/claim-queue.ts";
import type { ReadonlyEpochs } from "./epochs.ts";
import type { Housekeeper } from "./housekeeper.ts";
import type { Quota } from "./quotas/quota.ts";
import type { ReadContext, Reader } from "./reader.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";
import { TreeWalk, type WalkScope } from "./tree/tree-walk.ts";
import type { Znode } from "./tree/znode.ts";

export class StateReader implements Reader {
  readonly context: ReadContext;
  readonly #state: State;

  constructor(state: State, context: ReadContext) {
    this.#state = state;
    this.context = context;
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

  mayRead(path: string): boolean {
    return mayAs(this.context.permits, path, "read");
  }

  get(path: string): Znode | undefined {
    this.#require(path);
    return this.#state.tree.get(path);
  }

  childNames(path: string, from?: string): Iterable<string> {
    this.#require(path);
    return this.#state.tree.childNames(path, from);
  }

  #require(path: string): void {
    if (!this.mayRead(path)) throw forbidden(path, "read");
  }

  walk(scope: WalkScope): TreeWalk {
    const { permits } = this.context;
    if (scope.roots.every((root) => permits.mayAllBelow(root, "read")))
      return new TreeWalk(this.#state, scope);
    return new TreeWalk(this.#state, { ...scope, sees: (path) => this.mayRead(path) });
  }

  get mortals(): ReadonlySet<string> {
    return this.#state.mortals;
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
    return this.#state.ephemeralsOf(sessionId);
  }

  queue(path: string): ReadonlyClaimQueue | undefined {
    this.#require(path);
    return this.#state.claims.queue(path);
  }

  queueOf(path: string): ReadonlyClaimQueue | undefined {
    this.#require(path);
    return this.#state.claims.queueOf(path);
  }

  queues(): Iterable<ReadonlyClaimQueue> {
    return this.#state.claims.queues();
  }

  quota(path: string): Quota | undefined {
    this.#require(path);
    return this.#state.quotas.get(path);
  }

  quotaOver(path: string): Quota | undefined {
    return this.#state.quotas.governing(path);
  }

  *quotasFrom(path: string): Generator<Quota> {
    for (const quota of this.#state.quotas.from(path)) if (this.mayRead(quota.path)) yield quota;
  }
}
