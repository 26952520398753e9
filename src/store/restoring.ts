// What a store does before anybody else may ask it for something, where it was put back to an earlier moment: it says so in
// its log, and ends the sessions of before. Killed meanwhile, the next start goes on where this one ended.

import { createHash } from "node:crypto";
import type { Restore } from "../core/command.ts";
import { KeeperError } from "../core/errors.ts";
import { systemContext } from "../core/reader.ts";
import { restoreOf } from "../core/restore-commands.ts";
import { isBeforeRestore, type Restored } from "../core/restored.ts";
import { endOfSession } from "../core/session-commands.ts";
import { nameDigits } from "./epoch-name.ts";
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

type Restorable = Pick<Store, "zxid" | "timeMs" | "restored" | "submit" | "submitAll" | "reader">;

/**
 * For a log that others keep and have put back: its last entry is of the moment that was put there.
 * @param name of the restore, as whoever did it calls it; empty where there was none
 */
export function noteOfRestoredLog(name: string, ofMs: number): RestoreNote | null {
  if (name === "") return null;
  const id = createHash("sha256").update(`restored ${name}`).digest("hex").slice(0, nameDigits);
  return { id, ofMs, sequencesAhead: sequencesAheadDefault };
}

/** What a parent may have given at once, besides what it gives while time passes. */
export const sequencesAheadDefault = 1_000_000;

/** For a machine whose clock is behind. */
const zxidsAheadMin = 1_000_000_000;
/** No store has come to a tenth of it. */
const zxidsPerMs = 100;
/** 2025-01-01. There was no store before. */
const firstStoreMs = 1_735_689_600_000;
/** Under one parent. */
const sequencesPerMs = 10;

/** Commands in line at once. */
const closesAtOnce = 500;

/**
 * How far the zxid goes ahead of all that may have been given since. It goes to where no store can have come by now, so that it is
 * above every past there was, also where this is neither the first restore nor one of the newest backup.
 */
function zxidsAheadOf(zxid: number, ofMs: number, nowMs: number): number {
  const givenSince = zxidsPerMs * Math.max(0, nowMs - ofMs);
  const outOfReach = zxidsPerMs * (nowMs - firstStoreMs);
  return outOfReach >= zxid + givenSince ? outOfReach - zxid : givenSince + zxidsAheadMin;
}

/** The same of numbers in names, for which fewer digits are worth something. */
function sequencesAheadOf({ ofMs, sequencesAhead }: RestoreNote, nowMs: number): number {
  return sequencesAhead + sequencesPerMs * Math.max(0, nowMs - ofMs);
}

/** What the note comes to for a store that is at this zxid. */
export function jumpOf(note: RestoreNote, zxid: number, nowMs: number): Omit<Restore, "type"> {
  const zxidsAhead = zxidsAheadOf(zxid, note.ofMs, nowMs);
  return { id: note.id, zxidsAhead, sequencesAhead: sequencesAheadOf(note, nowMs) };
}

/**
 * To be called once the log is replayed and before anybody is heard. Null where there was nothing to do.
 * @throws KeeperError when too few numbers would be left
 */
export async function finishRestore(
  store: Restorable,
  note: RestoreNote | null,
): Promise<RestoreDone | null> {
  const zxidBefore = store.zxid;
  const isNew = note !== null && store.restored.id !== note.id;
  if (isNew) {
    await store.submit(restoreOf(jumpOf(note, zxidBefore, store.timeMs)));
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
      // Another server that starts as well may have been first.
      if (answer.status === "rejected" && isEnded(answer.reason)) continue;
      if (answer.status === "rejected") throw answer.reason;
      if (answer.value.outcome.remaining === undefined) count += 1;
    }
  }
  return count;
}

function isEnded(reason: unknown): boolean {
  return reason instanceof KeeperError && reason.code === "session_expired";
}

function sessionsOfBefore(store: Restorable): readonly string[] {
  const ids: string[] = [];
  for (const { id, openedZxid } of store.reader(systemContext).sessions()) {
    if (isBeforeRestore(store.restored, openedZxid)) ids.push(id);
    if (ids.length === closesAtOnce) break;
  }
  return ids;
}
