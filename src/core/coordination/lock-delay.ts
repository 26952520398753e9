// The lock delay: when the session of a holder expires, the holder may still be at work and not know. For a while
// nobody new holds. It is written down with the end of the session, so that who holds still follows from the tree.

import type { Draft } from "../draft.ts";
import type { State } from "../state.ts";
import { baseName, parentPath } from "../tree/path.ts";
import type { Znode } from "../tree/znode.ts";
import type { ClaimQueue } from "./claim-queue.ts";
import { lockPath } from "./claims.ts";
import type { EndLockDelay } from "./coordination-command.ts";
import { formatLockSettings, type LockDelay, parseLockSettings } from "./lock-settings.ts";
import type { SessionEnd } from "./recipe.ts";

/** A session that was closed has let go of what it held: only one that expired may have a holder who does not know. */
export function planLockDelays(draft: Draft, state: State, { reason, lost }: SessionEnd): void {
  if (reason !== "session_expired") return;
  for (const queue of delayedQueues(state, lost)) {
    const settings = { ...queue.settings, delay: delayAfter(queue, draft.timeMs) };
    draft.setData(draft.get(queue.path) as Znode, formatLockSettings(settings));
  }
}

/** The locks with a delay that one of the znodes held, each once, in the order of the znodes. */
function delayedQueues(state: State, lost: readonly Znode[]): Set<ClaimQueue> {
  const queues = new Set<ClaimQueue>();
  for (const { path } of lost) {
    const queue = state.claims.queue(parentPath(path));
    const claim = queue?.get(baseName(path));
    if (queue === undefined || claim === undefined || queue.settings.lockDelayMs === 0) continue;
    if (queue.isHeld(claim)) queues.add(queue);
  }
  return queues;
}

/**
 * Whoever holds goes on holding. A delay that follows another ends later, also where the wall clock was set back between
 * the two: by its end it is known which of them is over.
 */
function delayAfter(queue: ClaimQueue, nowMs: number): LockDelay {
  const { lockDelayMs, delay } = queue.settings;
  const heldThrough = queue.holders().at(-1)?.sequence ?? -1;
  const untilMs = Math.max(nowMs + lockDelayMs, (delay?.untilMs ?? 0) + 1);
  // Somebody may have written the last number there is into the lock: one more would not be read back as a delay.
  return { untilMs: Math.min(untilMs, Number.MAX_SAFE_INTEGER), heldThrough };
}

/** Harmless when repeated, or late: it ends the delay it names and no other. */
export function planEndLockDelay(draft: Draft, { name, delayUntilMs }: EndLockDelay): { path: string } {
  const path = lockPath(name);
  const lock = draft.get(path);
  if (lock === undefined) return { path };
  const settings = parseLockSettings(lock.data);
  if (settings.delay?.untilMs === delayUntilMs) {
    draft.setData(lock, formatLockSettings({ ...settings, delay: null }));
  }
  return { path };
}
