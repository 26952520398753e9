// What becomes of a store that was put back to an earlier moment: its numbers jump ahead of all that may have been given in
// the time that is lost, and an epoch begins that nobody has seen yet. The sessions of before are ended by commands of
// their own, since they may be more than one transaction may change.

import type { Restore } from "./command.ts";
import type { Draft } from "./draft.ts";
import { validateEpochId } from "./epochs.ts";
import { KeeperError } from "./errors.ts";
import { planBeginEpoch } from "./plan-epoch.ts";
import {
  countedSequenceMax,
  type Restored,
  restoredZxidMax,
  sequencesAheadMax,
  zxidsAheadMax,
} from "./restored.ts";
import type { State } from "./state.ts";

/** @throws KeeperError */
export function validateRestore({ id, zxidsAhead, sequencesAhead }: Restore): void {
  validateEpochId(id);
  validateAhead("zxidsAhead", zxidsAhead, zxidsAheadMax);
  validateAhead("sequencesAhead", sequencesAhead, sequencesAheadMax);
}

function validateAhead(name: string, value: number, limitValue: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= limitValue) return;
  throw new KeeperError("bad_request", `${name} is an integer from 1 to ${limitValue}, not ${value}.`, {
    limit: `${name}Max`,
    limitValue,
  });
}

/**
 * Told again, by a start that does not know yet that it was heard, it changes nothing.
 * @throws KeeperError when too few numbers would be left
 */
export function planRestore(draft: Draft, state: State, restore: Restore): Restored {
  const before = state.restored;
  if (before.id === restore.id) return before;
  const restored = restoredBy(state, restore);
  // It begins at once, so that what was given in the time that is lost is of none that is known here.
  planBeginEpoch(draft, state, { type: "beginEpoch", epoch: restore.id });
  draft.jumpTo(restored.zxid);
  draft.changes.push({ type: "restored", restored, before });
  return restored;
}

/**
 * Where the numbers go on.
 * @throws KeeperError when too few would be left
 */
export function restoredBy(
  state: State,
  { id, zxidsAhead, sequencesAhead }: Omit<Restore, "type">,
): Restored {
  const zxid = state.zxid + zxidsAhead;
  if (zxid > restoredZxidMax) throw tooFewLeft("zxid", state.zxid, zxidsAhead, restoredZxidMax);
  const highest = highestNumberOf(state);
  const sequenceFloor = highest + sequencesAhead;
  if (sequenceFloor > countedSequenceMax)
    throw tooFewLeft("sequence", highest, sequencesAhead, countedSequenceMax);
  return { id, zxid, sequenceFloor };
}

/** The next one of the znode that has come furthest, but for those of which `nextNumberOf` speaks. */
function highestNumberOf({ tree, restored }: State): number {
  let highest = restored.sequenceFloor;
  for (const { nextSequence } of tree.values())
    if (nextSequence > highest && nextSequence <= countedSequenceMax) highest = nextSequence;
  return highest;
}

function tooFewLeft(name: string, reached: number, ahead: number, limitValue: number): KeeperError {
  return new KeeperError(
    "bad_request",
    `The store is at ${name} ${reached}, and ${ahead} more would be over ${limitValue}: too few numbers would be left.`,
    { limit: `${name}AfterRestoreMax`, limitValue, size: reached + ahead },
  );
}
