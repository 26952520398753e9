// The stat clients see (S1-S12): what a znode's record says about itself, without its data.

import type { Znode } from "./znode.ts";

export interface Stat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  /** Epoch milliseconds, taken once per batch by the server that ordered it; never use them for ordering (S9). */
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  /** Creations plus deletions of children (S7). */
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: string | null;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly sequence?: number;
  readonly ttlMs?: number;
  readonly container?: true;
}

export function statOf(znode: Znode): Stat {
  const stat = {
    czxid: znode.czxid,
    mzxid: znode.mzxid,
    pzxid: znode.pzxid,
    ctimeMs: znode.ctimeMs,
    mtimeMs: znode.mtimeMs,
    version: znode.version,
    cversion: znode.cversion,
    aversion: znode.aversion,
    ephemeralOwner: znode.ephemeralOwner,
    dataLength: znode.data.byteLength,
    numChildren: znode.numChildren,
  };
  if (znode.sequence === null && znode.ttlMs === null && !znode.container) return stat;
  return {
    ...stat,
    ...(znode.sequence !== null && { sequence: znode.sequence }),
    ...(znode.ttlMs !== null && { ttlMs: znode.ttlMs }),
    ...(znode.container && { container: true as const }),
  };
}

/**
 * The stat as JSON, to the byte what `JSON.stringify(statOf(znode))` gives, without the object between: listings and
 * watches make very many, and none of them outlives its text.
 */
export function statText(znode: Znode): string {
  const { ephemeralOwner: owner, sequence, ttlMs, container } = znode;
  return (
    `{"czxid":${znode.czxid},"mzxid":${znode.mzxid},"pzxid":${znode.pzxid},"ctimeMs":${znode.ctimeMs},` +
    `"mtimeMs":${znode.mtimeMs},"version":${znode.version},"cversion":${znode.cversion},` +
    `"aversion":${znode.aversion},"ephemeralOwner":${owner === null ? "null" : `"${owner}"`},` +
    `"dataLength":${znode.data.byteLength},"numChildren":${znode.numChildren}` +
    `${sequence === null ? "" : `,"sequence":${sequence}`}${ttlMs === null ? "" : `,"ttlMs":${ttlMs}`}` +
    `${container ? ',"container":true' : ""}}`
  );
}
