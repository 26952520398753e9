// Whose a place in a queue or a barrier is while nobody has been told of it. Each request that asks for it and may go
// away names itself by an attempt; an attempt that its request has given up is taken off again, and the place goes with
// the last. One whose request was answered stays: then no other can take the place away. It stands in the state, so every
// server decides the same, whichever of them a request has come to.

import type { Draft } from "../draft.ts";
import type { Znode } from "../tree/znode.ts";

/** Attempts that one place remembers; asked for by more, it is kept for good. */
export const attemptsMax = 8;

/** A place was made or found. @param attempt none when its request will come back for it: it is kept for good */
export function noteAttempt(draft: Draft, path: string, attempt: string | undefined): void {
  const znode = draft.get(path) as Znode;
  const isMade = znode.czxid === draft.zxid;
  const attempts = attempt === undefined ? null : withAttempt(isMade ? [] : znode.attempts, attempt);
  if (attempts !== znode.attempts) draft.setAttempts(znode, attempts);
}

function withAttempt(attempts: readonly string[] | null, attempt: string): readonly string[] | null {
  if (attempts === null || attempts.includes(attempt)) return attempts;
  return attempts.length === attemptsMax ? null : [...attempts, attempt];
}

/** The attempt was given up. Says whether the place is to go: no request stands for it any more. */
export function withdrawAttempt(draft: Draft, path: string, attempt: string): boolean {
  const znode = draft.get(path);
  if (znode?.attempts?.includes(attempt) !== true) return false;
  const others = znode.attempts.filter((other) => other !== attempt);
  if (others.length > 0) draft.setAttempts(znode, others);
  return others.length === 0;
}
