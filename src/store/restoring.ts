// What a store does before anybody else may ask it for something, where it was put back to an earlier moment: it says so in
// its log, and ends the sessions of before. Killed meanwhile, the next start goes on where this one ended.

import type { Clock } from "../clock.ts";
import { systemContext } from "../core/reader.ts";
import { restoreOf } from "../core/restore-commands.ts";
import { isBeforeRestore, type Restored } from "../core/restored.ts";
import { endOfSession } from "../core/session-commands.ts";
import type { Store } from "./store.ts";

/** What whoever put the older moment there asks of the next start. */
export interface RestoreNote {
  /** Lower-case hex digits: a restore that is in the log already is not done again. */
  readonly id: string;
  /** Wall clock of the moment; 0 where nobody knows. */
  readonly ofMs: number;
  readonly sequencesAhead: number;
}

export interface RestoreDone {
  readonly restored: Restored;
  readonly zxidBefore: number;
  /** Sessions of before that were ended. */
  readonly sessions: number;
}

type Restorable = Pick<Store, "zxid" | "restored" | "submit" | "submitAll" | "reader">;

/** What a parent may have given in the time that is lost, unless whoever restores says more. */
export const sequencesAheadDefault = 1_000_000;

const zxidsAheadMin = 1_000_000_000;
/** No store has come to a tenth of it. */
const zxidsPerMs = 100;

/** Commands in line at once. */
const closesAtOnce = 500;

/** How far the zxid goes ahead of all that may have been given since. */
export function zxidsAheadOf(ofMs: number, nowMs: number): number {
  return zxidsAheadMin + Math.max(0, nowMs - ofMs) * zxidsPerMs;
}

/**
 * To be called once the log is replayed and before anybody is heard. Null where there was nothing to do.
 * @throws KeeperError when too few numbers would be left
 */
export async function finishRestore(
  store: Restorable,
  note: RestoreNote | null,
  clock: Clock,
): Promise<RestoreDone | null> {
  const zxidBefore = store.zxid;
  const isNew = note !== null && store.restored.id !== note.id;
  if (isNew) {
    const { id, ofMs, sequencesAhead } = note;
    await store.submit(restoreOf({ id, zxidsAhead: zxidsAheadOf(ofMs, clock.wallMs()), sequencesAhead }));
  }
  const sessions = await endSessionsOfBefore(store);
  return isNew || sessions > 0 ? { restored: store.restored, zxidBefore, sessions } : null;
}

/**
 * All of them: one that is in the backup may have ended since, and another may hold by now what it held. One that owns more
 * than may go at once is closed until nothing is left of it.
 */
async function endSessionsOfBefore(store: Restorable): Promise<number> {
  let count = 0;
  for (let ids = sessionsOfBefore(store); ids.length > 0; ids = sessionsOfBefore(store)) {
    for (const answer of await store.submitAll(ids.map(endOfSession))) {
      if (answer.status === "rejected") throw answer.reason;
      if (answer.value.outcome.remaining === undefined) count += 1;
    }
  }
  return count;
}

function sessionsOfBefore(store: Restorable): readonly string[] {
  const ids: string[] = [];
  for (const { id, openedZxid } of store.reader(systemContext).sessions()) {
    if (isBeforeRestore(store.restored, openedZxid)) ids.push(id);
    if (ids.length === closesAtOnce) break;
  }
  return ids;
}
