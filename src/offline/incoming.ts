// A directory that a log is moved into, as it is made: in a folder of its own within it, that has the name of the move. It is
// made as that of a new server is, from the snapshot and all entries, and put into its place when it is whole.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { systemClock } from "../clock.ts";
import { privateDirectoryMode, privateFileMode, syncDirectory } from "../own-directory.ts";
import { bootstrap } from "../store/etcd/bootstrap.ts";
import { EtcdLog } from "../store/etcd/etcd-log.ts";
import { type FoundFormat, logIdOf } from "../store/etcd/log-format.ts";
import { openConnection } from "../store/sqlite/connection.ts";
import type { DataDirectory } from "../store/sqlite/data-directory.ts";
import { dropLogHome, readLogHome } from "../store/sqlite/log-home.ts";
import { leaveMoveNote, readMoveNote } from "../store/sqlite/move-note.ts";
import { openSqlite } from "../store/sqlite/open-sqlite.ts";
import { fileNames } from "../store/sqlite/privacy.ts";
import { readBack } from "../store/sqlite/read-back.ts";
import type { EtcdPlace, MoveHooks } from "./move.ts";
import { settle, withoutReserve } from "./settled-store.ts";

/** What is on its way into a directory. */
export interface MoveName {
  /** Names the attempt. */
  readonly id: string;
  /** Names the log. */
  readonly logId: string;
}

const nameFile = "move";
/** Beside it: the directory that is made. */
const madeFolder = "data";

/** Null where nothing is on its way. */
export function nameIn({ incomingFolder }: DataDirectory): MoveName | null {
  const file = join(incomingFolder, nameFile);
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as MoveName;
  } catch {
    // Broken off before it was written, and so before anybody was told.
    return null;
  }
}

/** Durable when it returns. */
export function giveName({ incomingFolder, path }: DataDirectory, name: MoveName): void {
  rmSync(incomingFolder, { recursive: true, force: true });
  mkdirSync(incomingFolder, { mode: privateDirectoryMode });
  const options = { mode: privateFileMode, flush: true };
  writeFileSync(join(incomingFolder, nameFile), JSON.stringify(name), options);
  for (const folder of [incomingFolder, path]) syncDirectory(folder);
}

export function dropIncoming({ incomingFolder }: DataDirectory): void {
  rmSync(incomingFolder, { recursive: true, force: true });
}

/** Whether the database came by that move, and its log is still beside it. */
export function isPutInPlace({ databaseFile }: DataDirectory, id: string): boolean {
  if (!existsSync(databaseFile)) return false;
  const connection = new Sqlite(databaseFile, { fileMustExist: true, readonly: true });
  try {
    return readMoveNote(connection, databaseFile) === id && readLogHome(connection, databaseFile) === null;
  } finally {
    connection.close();
  }
}

/** Whether it is whole, where the move went past making it. */
export function isMade({ incomingFolder }: DataDirectory): boolean {
  return existsSync(join(incomingFolder, madeFolder, fileNames.database));
}

interface Making {
  readonly from: EtcdPlace;
  readonly hooks: MoveHooks;
  /** The key, which says that the log goes. */
  readonly moved: FoundFormat;
  readonly id: string;
}

/** Makes it anew, whole and durable, and not in its place yet. */
export async function make({ incomingFolder }: DataDirectory, making: Making): Promise<void> {
  const folder = join(incomingFolder, madeFolder);
  rmSync(folder, { recursive: true, force: true });
  await fill(folder, making);
  const made = join(folder, fileNames.database);
  makeOwn(made, making.id);
  readBack(made, () => {});
  for (const changed of [folder, incomingFolder]) syncDirectory(changed);
}

/** From here on a start would serve it. */
export function putInPlace({ incomingFolder, databaseFile, path }: DataDirectory): void {
  renameSync(join(incomingFolder, madeFolder, fileNames.database), databaseFile);
  syncDirectory(path);
}

/** As a new server would, up to the end of the log, which is one by now. */
async function fill(folder: string, { from, hooks, moved }: Making): Promise<void> {
  const { client, prefix, name } = from;
  const { clusterId } = moved.format;
  const log = await EtcdLog.open({ client, clock: systemClock, prefix, moved });
  try {
    log.onState((state) => {
      if (state.state === "suspended") hooks.onNote(`waiting for etcd: ${state.cause}`);
    });
    const end = await log.tail();
    const { finish } = await bootstrap(folder, client, prefix, clusterId, withoutReserve);
    const opened = await openSqlite(folder, {
      ...withoutReserve,
      ...{ clusterId, isLogElsewhere: true, logHome: { place: name, logId: logIdOf(moved.format) } },
    });
    finish();
    const from = opened.loaded.position.appliedLsn;
    const onEntry = (lsn: number) => hooks.onProgress(lsn - from, "entries", (lsn - from) / (end - from));
    const last = await settle(opened, { log, onEntry });
    if (last !== end)
      throw new Error(`The log in etcd ends at entry ${end}, and ${last} was the last that was heard of.`);
  } finally {
    await log.close();
  }
}

/** Its log is beside it, and it has the name of the move. Durable when it returns. */
function makeOwn(database: string, id: string): void {
  const connection = openConnection(database);
  try {
    const make = connection.transaction(() => {
      dropLogHome(connection);
      leaveMoveNote(connection, id);
    });
    make.immediate();
    connection.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    connection.close();
  }
}
