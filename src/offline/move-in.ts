// A log that moves from its directory into etcd: its rows become the snapshot that servers begin with, and positions go on
// from where they were. Until the last step there is no log in etcd, and before it the directory has a note by which it is
// served no more. Wherever this is broken off, it is finished by doing it again.

import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { isOutOfSpace } from "../store/etcd/etcd-errors.ts";
import {
  type Format,
  type FoundFormat,
  formatVersion,
  logIdOf,
  type Move,
  refusalOf,
} from "../store/etcd/log-format.ts";
import { MoveConflictError, Moves } from "../store/etcd/moves.ts";
import type { RoomInEtcd } from "../store/etcd/room-in-etcd.ts";
import { mayHaveRebooted } from "../store/sqlite/boot.ts";
import { openConnection } from "../store/sqlite/connection.ts";
import { claimDataDirectory, type DataDirectory, removeCopy } from "../store/sqlite/data-directory.ts";
import {
  dropLogHome,
  type LogHome,
  logIsElsewhere,
  noteLogHome,
  readLogHome,
} from "../store/sqlite/log-home.ts";
import { openSqlite } from "../store/sqlite/open-sqlite.ts";
import { readBack } from "../store/sqlite/read-back.ts";
import { copyAtRest, placeOfBackup, placeOfDatabase } from "../store/sqlite/snapshot-file.ts";
import { refuseDamagedWal } from "../store/sqlite/wal-check.ts";
import {
  type EtcdPlace,
  MigrateError,
  type MoveHooks,
  type MoveReport,
  newMoveId,
  placeHere,
} from "./move.ts";
import { factsOf } from "./move-facts.ts";
import { settle, withoutReserve } from "./settled-store.ts";

export interface MoveIn {
  readonly dataDir: string;
  readonly to: EtcdPlace;
  /** Of this program. */
  readonly version: string;
  readonly roomIn: () => Promise<RoomInEtcd>;
  readonly hooks: MoveHooks;
}

const mebibyte = 1_048_576;

/** @throws MigrateError; Error as the store and the system say it */
export async function moveIn(move: MoveIn): Promise<MoveReport> {
  const { dataDir, to, hooks } = move;
  const moves = new Moves(to.client, to.prefix);
  const source = inDirectory(dataDir, sourceIn);
  const found = await moves.look();
  const logId = await logIdFor(source, found, { moves, to, dataDir });
  if (source.logHome === null) await settleDirectory(dataDir, hooks);
  const directory = claim(dataDir);
  try {
    const home = { place: to.name, logId };
    const marker = { takenAtMs: Date.now(), version: move.version };
    copyAtRest(directory.databaseFile, directory.snapshotFile, { home, marker });
    readBack(directory.snapshotFile, () => {});
    const facts = factsOf(directory.snapshotFile);
    if (!isServed(found)) await put(move, { directory, moves, home, found });
    // A server over that log has its notes of it, too.
    else if (facts.position !== found?.format.before) throw new MigrateError(logIsElsewhere(dataDir, home));
    return { from: directory.path, to: to.name, ...facts };
  } finally {
    removeCopy(directory.snapshotFile);
    directory.release();
  }
}

/** Takes back what is not there yet. @throws MigrateError where it is */
export async function undoMoveIn({ dataDir, to }: Pick<MoveIn, "dataDir" | "to">): Promise<void> {
  const moves = new Moves(to.client, to.prefix);
  assertThere(dataDir);
  const directory = claim(dataDir);
  try {
    const { clusterId } = sourceIn(directory);
    // Nobody can finish it now but who has sent the last step already.
    const found = await moves.look();
    if (found === null || found.format.clusterId !== clusterId)
      throw new MigrateError(`Nothing of ${dataDir} is on its way to ${to.name}. Nothing was done.`);
    if (found.format.move?.state !== "coming") {
      refuseIfLeft(found, to);
      throw new MigrateError(logIsElsewhere(dataDir, { place: to.name, logId: logIdOf(found.format) }));
    }
    await takeBack(moves, found, directory);
  } finally {
    directory.release();
  }
}

/**
 * The key is written anew first, so that whatever is still on its way comes too late. Then the directory may be served. In this
 * order it is taken back by doing it again, wherever it is broken off.
 */
async function takeBack(moves: Moves, found: FoundFormat, { databaseFile }: DataDirectory): Promise<void> {
  const { format } = found;
  const forget = () => forgetHome(databaseFile, logIdOf(format));
  let anew: FoundFormat;
  try {
    anew = await moves.say({ ...format, move: { ...(format.move as Move), id: newMoveId() } }, found);
  } catch (error) {
    if (!isOutOfSpace(error)) throw error;
    // To remove the key does the same, and takes no room.
    await moves.clear(found);
    return forget();
  }
  forget();
  await moves.clear(anew);
}

interface Source {
  readonly clusterId: string;
  readonly logHome: LogHome | null;
}

function claim(dataDir: string): DataDirectory {
  return claimDataDirectory(dataDir, withoutReserve);
}

function assertThere(dataDir: string): void {
  if (!existsSync(dataDir)) throw new MigrateError(`${dataDir} is not there.`);
}

function inDirectory<T>(dataDir: string, work: (directory: DataDirectory) => T): T {
  assertThere(dataDir);
  const directory = claim(dataDir);
  try {
    return work(directory);
  } finally {
    directory.release();
  }
}

function sourceIn({ path, databaseFile, bootFile }: DataDirectory): Source {
  refuseDamagedWal(`${databaseFile}-wal`, { powerMayHaveFailed: mayHaveRebooted(bootFile) });
  if (!existsSync(databaseFile))
    throw new MigrateError(`${path} holds no treekeeper.db: it was never served.`);
  const connection = openConnection(databaseFile);
  try {
    const place = placeOfDatabase(connection, databaseFile);
    if (place === null) throw new MigrateError(`${path} holds nothing: it was never served.`);
    if (place.isPutBack)
      throw new MigrateError(`${path} was put back to an earlier moment: serve it once, then move it.`);
    return place;
  } finally {
    connection.close();
  }
}

/** Names the log that there will be. @throws MigrateError where there can be none */
async function logIdFor(
  { clusterId, logHome }: Source,
  found: FoundFormat | null,
  { moves, to, dataDir }: { readonly moves: Moves; readonly to: EtcdPlace; readonly dataDir: string },
): Promise<string> {
  const isOwn = found !== null && found.format.clusterId === clusterId;
  if (logHome !== null) {
    if (isOwn && logIdOf(found.format) === logHome.logId && found.format.before !== undefined) {
      refuseIfLeft(found, to);
      return logHome.logId;
    }
    throw new MigrateError(logIsElsewhere(dataDir, logHome));
  }
  // Begun before, and broken off before the note was there.
  if (isOwn && found.format.move?.state === "coming") return logIdOf(found.format);
  if (found === null && (await moves.keyCount()) === 0) return newMoveId();
  throw new MigrateError(
    `There is something in ${to.name} already. Name another prefix, or remove what is there with etcdctl: ` +
      `del --prefix ${to.prefix}. Nothing was done.`,
  );
}

/** It came to its end, and was moved on since, or is about to be. */
function refuseIfLeft({ format }: FoundFormat, { name, prefix }: EtcdPlace): void {
  const refusal = format.move?.state === "coming" ? null : refusalOf(format, prefix);
  if (refusal !== null) throw new MigrateError(`In ${name}, ${refusal}. Nothing was done.`);
}

/** Where the last answer of an earlier attempt got lost. */
function isServed(found: FoundFormat | null): boolean {
  return found !== null && found.format.move?.state !== "coming";
}

/** As a start of the service would find it, with all of its log in the rows. */
async function settleDirectory(dataDir: string, { onNote, onProgress }: MoveHooks): Promise<void> {
  const opened = await openSqlite(dataDir, withoutReserve);
  if (opened.loaded.isCopy)
    onNote(`${dataDir} is a copy of what was served last. If that goes on elsewhere, there will be two.`);
  await settle(opened, { onEntry: (lsn) => onProgress(lsn, "entries") });
}

interface Putting {
  readonly directory: DataDirectory;
  readonly moves: Moves;
  readonly home: LogHome;
  readonly found: FoundFormat | null;
}

async function put({ roomIn, hooks }: MoveIn, { directory, moves, home, found }: Putting): Promise<void> {
  const { snapshotFile, databaseFile, path } = directory;
  const { clusterId, position: before, bytes } = factsOf(snapshotFile);
  assertRoom(await roomIn(), bytes);
  const format: Format = { format: formatVersion, clusterId, logId: home.logId, before };
  const id = newMoveId();
  const coming = await moves.say({ ...format, move: { state: "coming", id, place: placeHere(path) } }, found);
  const { lsn, zxid, digest, machineVersion } = placeOfBackup(snapshotFile);
  const content = await open(snapshotFile, "r");
  let sent = 0;
  try {
    await moves.begin(
      content,
      { lsn, zxid, digest, machineVersion, bytes },
      {
        ...{ format, coming },
        onPiece: (count) => {
          sent += count;
          hooks.onProgress(Math.ceil(sent / mebibyte), "MiB", sent / bytes);
        },
        onAllThere: () => noteLogHome(databaseFile, home),
      },
    );
  } catch (error) {
    const isConflict = error instanceof MoveConflictError;
    if (!isConflict && !isOutOfSpace(error)) throw error;
    const now = await moves.look();
    // What said so got lost.
    if (now?.format.logId === home.logId && now.format.move === undefined) return;
    // From here on it cannot be done any more, whatever is still on its way: the log is where it was.
    if (now?.revision === coming.revision) await takeBack(moves, coming, directory);
    else forgetHome(databaseFile, home.logId);
    if (isConflict) throw new MigrateError(`${error.message}. The log stays in ${path}.`);
    throw new MigrateError(
      `etcd has no room for a file of ${bytes} bytes: give it a larger quota (--quota-backend-bytes), compact and defragment ` +
        `it, then etcdctl alarm disarm. What was put there is removed, and the log stays in ${path}.`,
    );
  } finally {
    await content.close();
  }
}

/** Compressed it is smaller; but there will be two of them, and the log. */
function assertRoom({ isFull, quotaBytes, usedBytes }: RoomInEtcd, bytes: number): void {
  if (isFull)
    throw new MigrateError(
      "etcd has no room, and takes no writes (alarm NOSPACE). Make room in it first; nothing was done.",
    );
  if (quotaBytes === 0 || usedBytes + bytes <= quotaBytes) return;
  throw new MigrateError(
    `The store has ${bytes} bytes, and etcd has room for ${Math.max(0, quotaBytes - usedBytes)}: its quota ` +
      `(--quota-backend-bytes) is ${quotaBytes}, of which ${usedBytes} are used. Nothing was done.`,
  );
}

/** Only of that log: it may have gone to another place since. */
function forgetHome(databaseFile: string, logId: string): void {
  const connection = openConnection(databaseFile);
  try {
    if (readLogHome(connection, databaseFile)?.logId !== logId) return;
    connection.transaction(() => dropLogHome(connection)).immediate();
    connection.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    connection.close();
  }
}
