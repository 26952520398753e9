// What any write carries besides its operation: for whom it is done, under which fences, and which request it answers.
// What a symbol names stays with this server: it is not written down, and nothing is decided by it.

import type { Principal } from "./access/principal.ts";
import type { Shown } from "./acl/acl.ts";

/** One incarnation of a znode at one version: what an ETag names (S11, D13). */
export interface ZnodeTag {
  readonly czxid: number;
  readonly version: number;
  /** That of the transaction which wrote this version: numbers come again in a store that was rolled back. */
  readonly epoch?: string;
}

/** A write happens only while this znode exists with this czxid: a deposed master's late write is refused. */
export interface Fence {
  readonly path: string;
  readonly czxid: number;
  /** That of its czxid; a fence as people write it has none, and is compared by its number alone. */
  readonly epoch?: string;
}

/** What names a request, so that sending it again is not doing it again (D19). */
export interface Idempotency {
  /** SHA-256 of the client's key and of who sent it, hex: another's key of the same name is another key. */
  readonly key: string;
  /** SHA-256 of what the client asks, hex: the same key with another request is refused. */
  readonly request: string;
  /**
   * Whose share of the room for replies the answer takes, as `client` or `client/session`. Commands of versions that had
   * one pool for all have none, and are decided as they were then.
   */
  readonly scope?: string;
  /** Whether the answer to the very same request, key included, counts also where somebody else sent it. */
  readonly elsewhere?: true;
  /** What a version without scopes would have kept the answer under. */
  readonly unscoped?: { readonly key: string; readonly request: string };
  /** The bounds on kept replies that were in force when it was asked: a replay must forget the same ones. */
  readonly ageMsMax: number;
  readonly keysMax: number;
  readonly bytesMax: number;
}

/** Where a command says who follows it on its way. */
export const followedBy: unique symbol = Symbol("followedBy");

/** Between its arrival and its answer: in line, on its way to the log, being done and told. */
export type Stage = "queue wait" | "append" | "apply";

/** One command on its way. */
export interface CommandTrace {
  /** The stage before is over. */
  enter(stage: Stage): void;
  /** It has its answer. @param error what it was refused with */
  end(error?: unknown): void;
}

/** Whoever made the commands of one request. */
export interface CommandFollower {
  /** Undefined for one that is not followed. */
  follow(): CommandTrace | undefined;
}

/** By what a command is found again. */
export interface Traced {
  /** Which request it is, in the asker's own words (`traceparent.ts`): told with what it changes. */
  readonly traceparent?: string;
  readonly [followedBy]?: CommandFollower;
}

/** What any command carries that somebody asks for. */
export interface Asked extends Traced {
  /** Who asks. Without, it is nobody in particular, who may do nothing where access control is on. */
  readonly principal?: Principal;
}

/** What a command carries that the service may ask for in somebody's place. */
export interface OfNamespace {
  /** What is `/` in its names; the whole tree's, unless given. It counts where the service asks, and nowhere else. */
  readonly root?: string;
}

/** Where a command says whose share of the waiting room it takes. It goes no further than the line to the log. */
export const askedBy: unique symbol = Symbol("askedBy");

/** What any write carries besides its operation. */
export interface WriteContext extends Asked {
  /** The session the writer acts for; its ephemerals belong to it, and a dead one refuses the write. */
  readonly sessionId?: string;
  readonly fences?: readonly Fence[];
  readonly idempotency?: Idempotency;
  /** Whom the lists of znodes take the writer for; for nobody unless given. It counts at the command's place in the log. */
  readonly shown?: Partial<Shown>;
  readonly [askedBy]?: string;
}
