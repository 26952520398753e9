// What can be asked of znodes besides the path.

import type { Fence, ZnodeTag } from "../../core/write-context.ts";
import type { CallOptions, ReadOptions } from "../calls/calls.ts";
import type { AclEntry, NewZnodeMode } from "./operations.ts";

export interface WaitOptions extends ReadOptions {
  /** Hold the answer back until there was a change after this transaction. */
  readonly waitAfterZxid?: number | undefined;
  /** For so long at most; then what is there is the answer. */
  readonly waitMs?: number | undefined;
}

export interface WriteOptions extends CallOptions {
  /** The write happens only while each of these znodes exists with this czxid; else `fence_stale`. */
  readonly fences?: readonly Fence[] | undefined;
}

/** `stale` is for what is read. */
export type BatchOptions = WriteOptions & Pick<ReadOptions, "stale">;

export interface CreateOptions extends WriteOptions {
  readonly mode?: NewZnodeMode | undefined;
  /** Make missing parents, in the same transaction. */
  readonly parents?: boolean | undefined;
  /** Who may do what with it, but not with parents that are made; everybody everything unless given. */
  readonly acl?: readonly AclEntry[] | undefined;
}

export interface SetAclOptions extends WriteOptions {
  /** The aversion the znode must be at. */
  readonly aversion?: number | undefined;
}

export interface ChangeOptions extends WriteOptions {
  /** The version the znode must be at. */
  readonly version?: number | undefined;
  /**
   * The incarnation and version it must be: the `etag` that was read or written, or numbers such as those of a stat, which
   * mean something else in a store that was rolled back to an older copy.
   */
  readonly ifMatch?: ZnodeTag | string | undefined;
}

export interface SetOptions extends ChangeOptions {
  /** `upsert` makes the znode when there is none; `only` refuses when there is one. */
  readonly create?: "upsert" | "only" | undefined;
}

export interface DeleteOptions extends ChangeOptions {
  /** Take the whole subtree, in one transaction; what is too large for one `client.deleteTree` takes in parts. */
  readonly recursive?: boolean | undefined;
}

export interface ChildrenOptions extends ReadOptions {
  /** Only names that start so. */
  readonly prefix?: string | undefined;
  /** Go on after this name. */
  readonly after?: string | undefined;
  /** In one page. */
  readonly limit?: number | undefined;
}

interface WalkOptions extends Pick<ReadOptions, "signal" | "stale"> {
  /** Whether to give the data as well as the stat. */
  readonly data?: boolean | undefined;
}

/** Which children, in a list that goes on to its end. */
export type ChildZnodesOptions = WalkOptions & Pick<ChildrenOptions, "prefix" | "after">;

export interface SubtreeOptions extends WalkOptions {
  /** Whether to give access control lists: an import of what was given then makes the znodes as closed as they are. */
  readonly acl?: boolean | undefined;
  /** Levels below the znode; all unless given. */
  readonly depth?: number | undefined;
  /** Go on after this path, which is in the subtree. */
  readonly after?: string | undefined;
}
