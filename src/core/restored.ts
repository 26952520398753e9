// What a store knows of having been restored: where its numbers go on, so that none comes again that was given in the time
// that is lost. The time between the backup and the restore is known to nobody, so what it may have used is left out.

import { sequenceMax } from "./tree/sequence.ts";
import type { Znode } from "./tree/znode.ts";

/** The last time that a store was put back to an earlier moment. */
export interface Restored {
  /** Its name, by chance, and that of the epoch that it began; empty where it never happened. */
  readonly id: string;
  /** Its own transaction. What has this number or a smaller one is from before. */
  readonly zxid: number;
  /** No child gets a smaller number from here on. */
  readonly sequenceFloor: number;
}

export const neverRestored: Restored = { id: "", zxid: 0, sequenceFloor: 0 };

/**
 * Up to here the zxid may be put forward, and counters of children count for how far all others are. From the first on a
 * million a second last for a hundred years, from the second on for seventy.
 */
export const restoredZxidMax = 2 ** 52;
export const countedSequenceMax = 2 ** 52 + 2 ** 51;

/** How far ahead numbers may go at once. */
export const zxidsAheadMax = 2 ** 51;
export const sequencesAheadMax = 2 ** 46;

/** Whether it was given before the last restore: what became of it in the time that is lost, nobody knows. */
export function isBeforeRestore({ id, zxid }: Restored, given: number): boolean {
  return id !== "" && given <= zxid;
}

/**
 * The next number for a child. One that counted so far that no floor could be put above it has none left: it might have
 * given the next ones in the time that is lost.
 */
export function nextNumberOf(parent: Pick<Znode, "czxid" | "nextSequence">, restored: Restored): number {
  if (parent.nextSequence > countedSequenceMax && isBeforeRestore(restored, parent.czxid))
    return sequenceMax + 1;
  return Math.max(parent.nextSequence, restored.sequenceFloor);
}

/** Whether the transaction is a restore: nothing before it can be told, or resumed from. */
export function isRestore({ changes }: { readonly changes: readonly { readonly type: string }[] }): boolean {
  return changes[0]?.type === "restored";
}
