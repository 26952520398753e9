// The one door for reads. Whoever is not the state machine or the store sees the state through a reader: it shows
// records and queues that cannot be changed by it, as they are at the moment of each call, for somebody in particular.
// All paths are as they name them, and what they cannot name they are not shown.

import type { ReadonlyAccess } from "./access/access.ts";
import { type Permits, systemPermits } from "./access/permits.ts";
import type { Principal } from "./access/principal.ts";
import type { Acl, Identities, Shown } from "./acl/acl.ts";
import type { ReadonlyClaimQueue } from "./coordination/claim-queue.ts";
import type { ReadonlyEpochs } from "./epochs.ts";
import type { Housekeeper } from "./housekeeper.ts";
import type { Quota } from "./quotas/quota.ts";
import type { Session } from "./session.ts";
import { rootPath } from "./tree/path.ts";
import type { TreeWalk, WalkScope } from "./tree/tree-walk.ts";
import type { Znode } from "./tree/znode.ts";

/** For whom it is read. What somebody may see is decided by this and nowhere else. */
export interface ReadContext {
  readonly permits: Permits;
  /** Who it is, for whoever asks later what they may do by then. Absent for the service, and for nobody in particular. */
  readonly principal?: Exclude<Principal, "system"> | undefined;
  /** Of the secret they showed, where it was one of a token's: it may end before its token does. */
  readonly secretHash?: string;
  /** Whom the lists of znodes take them for, besides: for nobody unless given. */
  readonly shown?: Partial<Shown>;
}

/** For what the service does by itself: sweeps, expiry, the queues it keeps. */
export const systemContext: ReadContext = { permits: systemPermits };

/** The same in a part of the tree, in the paths of those to whom it is `/`. */
export function systemContextIn(root: string): ReadContext {
  return root === rootPath ? systemContext : { permits: { ...systemPermits, root } };
}

export interface ShownList {
  readonly acl: Acl;
  readonly aversion: number;
}

export interface Reader {
  readonly context: ReadContext;
  /** The last applied transaction (Z1, Z8): what is read now is as of this one. */
  readonly zxid: number;
  /** The pasts that zxids are of. */
  readonly epochs: ReadonlyEpochs;
  /** Who is known, and what they may do. */
  readonly access: ReadonlyAccess;
  /** Whether recipes keep the path, as something of theirs: that is asked of the path as they name it. */
  keeps(path: string, as: (keptPath: string) => boolean): boolean;
  /** Whom the lists of znodes take them for. */
  readonly identities: Identities;
  /**
   * Whether data, stat and children's names of the path may be told. Of what is not there policies alone speak; otherwise
   * the znode's list as well.
   */
  mayRead(path: string): boolean;
  /** @throws KeeperError `forbidden` when it may not be told: by policies, be it there or not; or by its list, if it is */
  get(path: string): Znode | undefined;
  /** The list of the znode as they may see it, if they may do so at all (A14). @throws KeeperError `forbidden` */
  listOf(path: string): ShownList | undefined;
  /** Names of the children in code-unit order, from the first that is not before `from`. @throws KeeperError `forbidden` */
  childNames(path: string, from?: string): Iterable<string>;
  /**
   * A part of the tree as it is now, to be read at leisure. Whoever begins a walk ends it. What may not be told is left
   * out, with all below it.
   */
  walk(scope: WalkScope): TreeWalk;
  /** Paths of the containers and the znodes with a TTL. */
  readonly mortals: ReadonlySet<string>;
  session(id: string): Session | undefined;
  sessions(): Iterable<Session>;
  /** Who keeps house among the servers. */
  readonly housekeeper: Housekeeper;
  /** Paths of the ephemerals a session owns, in no order that may matter. */
  ephemeralsOf(sessionId: string): ReadonlySet<string>;
  /** Undefined where there is no znode for the lock or election: nobody claims it. @throws KeeperError `forbidden` */
  queue(path: string): ReadonlyClaimQueue | undefined;
  /** The queue the znode stands in; undefined for one that is no claim. @throws KeeperError `forbidden` */
  queueOf(path: string): ReadonlyClaimQueue | undefined;
  /** Every queue, in no order that may matter. */
  queues(): Iterable<ReadonlyClaimQueue>;
  /** The quota that was set on the very path. @throws KeeperError `forbidden` */
  quota(path: string): Quota | undefined;
  /** The quota the path counts in: its own, or that of an ancestor (U4). Whether that may be told is asked with `mayRead`. */
  quotaOver(path: string): Quota | undefined;
  /** Quotas that may be told in code-unit order of their paths, from the first that is not before `path`. */
  quotasFrom(path: string): Iterable<Quota>;
}
