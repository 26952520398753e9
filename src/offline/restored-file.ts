// Makes a file one that goes on from an earlier moment: it leaves a note in it for the next start, and reads all of it as that
// start does, so that it is known what follows. It writes no tree.

import { randomBytes } from "node:crypto";
import { restoredBy } from "../core/plan-restore.ts";
import type { State } from "../core/state.ts";
import type { Lsn } from "../store/commit-log.ts";
import { jumpOf, type RestoreNote, sequencesAheadDefault } from "../store/restoring.ts";
import { dropBackupMarker, readBackupMarker } from "../store/sqlite/backup-marker.ts";
import { type Connection, openConnection } from "../store/sqlite/connection.ts";
import type { DataDirectory } from "../store/sqlite/data-directory.ts";
import { forgetIdentity } from "../store/sqlite/file-identity.ts";
import { dropFollowerNote } from "../store/sqlite/follower-note.ts";
import { loadStore } from "../store/sqlite/load.ts";
import { dropLogHome } from "../store/sqlite/log-home.ts";
import { prepareEntriesAfter, readEntries } from "../store/sqlite/log-rows.ts";
import { dropMoveNote } from "../store/sqlite/move-note.ts";
import { leaveRestoreNote } from "../store/sqlite/restore-note.ts";
import { replay } from "./replay.ts";

/** What the next start does, as far as it is known before. */
export interface RestoreReport {
  readonly dataDir: string;
  readonly clusterId: string;
  /** Where the store stood then. */
  readonly zxid: number;
  /** Of which moment it is, by the clock of the machine it was on; 0 where nobody knows. */
  readonly ofMs: number;
  /** Where the zxid goes on if the start is now. */
  readonly zxidAhead: number;
  /** The same of numbers in names of sequential znodes. */
  readonly sequenceFloor: number;
  /** What ends. */
  readonly sessions: number;
  readonly ephemerals: number;
  /** Whether tokens and policies count: what was revoked since is not revoked any more. */
  readonly hasAccess: boolean;
  /** Where what was in the directory is now; null where there was nothing. */
  readonly movedTo: string | null;
}

export interface Preparation {
  readonly directory: DataDirectory;
  readonly sequencesAhead: number | undefined;
  /** What else is done to the file in the transaction that leaves the note. */
  readonly alsoDo?: (connection: Connection) => void;
}

/**
 * Leaves the note, and then reads all of the file as a start does: one that would not start is not put into place. The note
 * comes first, so that from there on nothing starts on the file without it.
 */
export function prepare(
  file: string,
  { directory, sequencesAhead = sequencesAheadDefault, alsoDo = () => {} }: Preparation,
): Omit<RestoreReport, "movedTo"> {
  const id = randomBytes(idBytes).toString("hex");
  const marker = leaveNote(file, { id, ofMs: 0, sequencesAhead }, alsoDo);
  const { clusterId, state, position } = loadStore(file);
  doRestOfLog(file, state, position.appliedLsn);
  const ofMs = marker?.takenAtMs ?? momentOf(state);
  const note = { id, ofMs, sequencesAhead };
  const { zxid, sequenceFloor } = restoredBy(
    state,
    jumpOf(note, state.zxid, Math.max(Date.now(), state.timeMs)),
  );
  leaveNote(file, note, () => {});
  const ephemerals = [...state.sessions()].reduce((sum, { id: of }) => sum + state.ephemeralsOf(of).size, 0);
  return {
    ...{ dataDir: directory.path, clusterId, zxid: state.zxid, ofMs, zxidAhead: zxid },
    ...{ sequenceFloor, sessions: state.sessionCount, ephemerals, hasAccess: state.access.isOn },
  };
}

/** Reads all of the file as `prepare` does, which it leaves as it was, but for the tables of an earlier version. @throws the same */
export function rehearse(
  file: string,
  { sequencesAhead = sequencesAheadDefault }: Pick<Partial<Preparation>, "sequencesAhead">,
): void {
  const { state, position } = loadStore(file);
  doRestOfLog(file, state, position.appliedLsn);
  const note = { id: randomBytes(idBytes).toString("hex"), ofMs: momentOf(state), sequencesAhead };
  restoredBy(state, jumpOf(note, state.zxid, Math.max(Date.now(), state.timeMs)));
}

/** In memory alone: the next start does it again. */
function doRestOfLog(file: string, state: State, appliedLsn: Lsn): void {
  const connection = openConnection(file);
  try {
    const tail = connection.prepare("SELECT coalesce(max(lsn), 0) FROM log").pluck().get() as Lsn;
    replay(state, readEntries(prepareEntriesAfter(connection), { file, after: appliedLsn, tail }));
  } finally {
    connection.close();
  }
}

/** Versions that had no clock of the log say when znodes were written. Too early is on the safe side. */
function momentOf({ timeMs, tree }: State): number {
  if (timeMs > 0) return timeMs;
  let newest = 0;
  for (const { mtimeMs } of tree.values()) newest = Math.max(newest, mtimeMs);
  return newest;
}

/** An epoch is named by it. */
const idBytes = 5;

/** Answers what the file said of itself as a backup, which it is no more. */
function leaveNote(
  file: string,
  note: RestoreNote,
  alsoDo: (connection: Connection) => void,
): ReturnType<typeof readBackupMarker> {
  const connection = openConnection(file);
  try {
    const leave = connection.transaction(() => {
      const marker = readBackupMarker(connection, file);
      dropBackupMarker(connection);
      // A backup of a follower is one of the store all the same.
      dropFollowerNote(connection);
      alsoDo(connection);
      leaveRestoreNote(connection, note);
      // Whatever was served from there, this one goes on by itself.
      dropLogHome(connection);
      dropMoveNote(connection);
      forgetIdentity(connection);
      // It is of a service that ran, and did not stop for it.
      if (marker !== null) connection.exec("UPDATE meta SET clean_shutdown = 1");
      return marker;
    });
    const marker = leave.immediate();
    connection.pragma("wal_checkpoint(TRUNCATE)");
    return marker;
  } finally {
    connection.close();
  }
}
