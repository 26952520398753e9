// Which znodes go by themselves, and when (K2-K4). The sweeper asks to find candidates and `plan` asks again at the
// command's place in the log: what only one of them knew would be no rule.

import { ageMs, type Moment } from "./moment.ts";
import type { Znode } from "./tree/znode.ts";

export type SweepCause = "ttl" | "container";

/** Whether the znode goes by itself one day; that is settled when it is made and never changes (K5). */
export function isMortal(znode: Znode): boolean {
  return znode.container || znode.ttlMs !== null;
}

/**
 * Why the znode may go now; null when it may not.
 * @param neverUsedMsMax how long a container may wait for its first child; 0 is for ever
 */
export function causeToSweep(znode: Znode, now: Moment, neverUsedMsMax: number): SweepCause | null {
  if (znode.numChildren > 0) return null;
  if (znode.ttlMs !== null && idleMs(znode, now) > znode.ttlMs) return "ttl";
  if (znode.container && hasServed(znode, now, neverUsedMsMax)) return "container";
  return null;
}

/** A container has served once a child came and went, or when none came for too long (K2). */
function hasServed(container: Znode, now: Moment, neverUsedMsMax: number): boolean {
  if (container.cversion > 0) return true;
  return neverUsedMsMax > 0 && idleMs(container, now) > neverUsedMsMax;
}

/** Since the data was last written (K4). */
function idleMs({ mtimeMs, writtenRanMs }: Znode, now: Moment): number {
  return ageMs({ timeMs: mtimeMs, ranMs: writtenRanMs ?? 0 }, now);
}
