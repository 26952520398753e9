// A log that moves out of etcd into a directory. First etcd is told that it goes: from then on nobody appends to it, and who
// still serves it stops. Then the directory is made as that of a server is, from the snapshot and all entries, in a folder of
// its own; it is put into its place whole. Wherever this is broken off, it is finished by doing it again.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { machineVersion } from "../core/machine-version.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import { privateDirectoryMode, syncDirectory } from "../own-directory.ts";
import { bootstrap } from "../store/etcd/bootstrap.ts";
import { EtcdLog } from "../store/etcd/etcd-log.ts";
import { type FoundFormat, logIdOf } from "../store/etcd/log-format.ts";
import { Moves } from "../store/etcd/moves.ts";
import { Snapshots } from "../store/etcd/snapshots.ts";
import { openConnection } from "../store/sqlite/connection.ts";
import { claimDataDirectory, type DataDirectory } from "../store/sqlite/data-directory.ts";
import { dropLogHome } from "../store/sqlite/log-home.ts";
import { openSqlite } from "../store/sqlite/open-sqlite.ts";
import { fileNames } from "../store/sqlite/privacy.ts";
import { readBack } from "../store/sqlite/read-back.ts";
import { type EtcdPlace, MigrateError, type MoveHooks, type MoveReport } from "./move.ts";
import { factsOf } from "./move-facts.ts";
import { settle, withoutReserve } from "./settled-store.ts";

export interface MoveOut {
  readonly from: EtcdPlace;
  readonly dataDir: string;
  readonly hooks: MoveHooks;
}

const idBytes = 16;
/** What is there of a directory that was named before, or that is a filesystem of its own. */
const harmless = new Set<string>([fileNames.lock, fileNames.incoming, "lost+found"]);
/** A directory grows while the rest of the log is done to it. */
const growth = 1.25;
const slackBytes = 16_777_216;

/** @throws MigrateError; Error as the store and the system say it */
export async function moveOut(move: MoveOut): Promise<MoveReport> {
  const { from, dataDir } = move;
  const moves = new Moves(from.client, from.prefix);
  const found = await foundIn(moves, move);
  const directory = claim(dataDir);
  try {
    if (!isThere(directory, found)) {
      refuseUnlessEmpty(directory);
      refuseIfGone(found, move);
      await assertTakable(move, directory);
      const going = found.format.move === undefined ? await sayItGoes(moves, found, directory) : found;
      await make(move, directory, going);
    }
    const now = await foundIn(moves, move);
    if (now.format.move?.state === "going")
      await moves.say({ ...now.format, move: { ...now.format.move, state: "gone" } }, now);
    rmSync(directory.incomingFolder, { recursive: true, force: true });
    return { from: from.name, to: directory.path, ...factsOf(directory.databaseFile) };
  } finally {
    directory.release();
  }
}

/** Takes back what is not there yet. @throws MigrateError where it is */
export async function undoMoveOut({ from, dataDir }: Pick<MoveOut, "from" | "dataDir">): Promise<void> {
  const moves = new Moves(from.client, from.prefix);
  const found = await foundIn(moves, { from, dataDir });
  if (found.format.move === undefined)
    throw new MigrateError(`Nothing of ${from.name} is on its way to ${dataDir}. Nothing was done.`);
  const directory = claim(dataDir);
  try {
    if (found.format.move.state === "gone" || isThere(directory, found))
      throw new MigrateError(
        `It is in ${dataDir} already. Move it back into etcd, below another prefix, with: treekeeper migrate --from ${dataDir}.`,
      );
    rmSync(directory.incomingFolder, { recursive: true, force: true });
    const { move: _, ...format } = found.format;
    await moves.say(format, found);
  } finally {
    directory.release();
  }
}

function claim(dataDir: string): DataDirectory {
  return claimDataDirectory(dataDir, withoutReserve);
}

/** As others read it, on whichever machine they are. */
function placeNamed(dataDir: string): string {
  return `${hostname()}:${resolve(dataDir)}`;
}

/** @throws MigrateError where there is no log, or one that goes elsewhere */
async function foundIn(
  moves: Moves,
  { from, dataDir }: Pick<MoveOut, "from" | "dataDir">,
): Promise<FoundFormat> {
  const found = await moves.look();
  if (found === null) throw new MigrateError(`There is no log in ${from.name}.`);
  const { move } = found.format;
  if (move === undefined || (move.state !== "coming" && move.place === placeNamed(dataDir))) return found;
  if (move.state === "coming")
    throw new MigrateError(
      `There is no log in ${from.name} yet: what ${move.place} holds is on its way there.`,
    );
  const how = move.state === "gone" ? "was moved to" : "is on its way to";
  throw new MigrateError(`The log in ${from.name} ${how} ${move.place}. Nothing was done.`);
}

/** Put into its place by an attempt that was broken off behind that. */
function isThere({ databaseFile }: DataDirectory, { format }: FoundFormat): boolean {
  if (format.move === undefined || !existsSync(databaseFile)) return false;
  return factsOf(databaseFile).clusterId === format.clusterId;
}

function refuseUnlessEmpty({ path }: DataDirectory): void {
  const other = readdirSync(path).find((name) => !harmless.has(name));
  if (other === undefined) return;
  throw new MigrateError(
    `${path} is not empty (${JSON.stringify(other)} is there): name one that is missing or empty. Nothing was done.`,
  );
}

/** What is in etcd is the past of what it has become there. */
function refuseIfGone({ format }: FoundFormat, { from, dataDir }: MoveOut): void {
  if (format.move?.state !== "gone") return;
  throw new MigrateError(
    `The log in ${from.name} was moved to ${dataDir}, and is not there any more. Restore a backup of it; nothing was done.`,
  );
}

/** Before anybody is stopped for it. @throws MigrateError | NewerVersionError */
async function assertTakable({ from }: MoveOut, { path }: DataDirectory): Promise<void> {
  const snapshot = await new Snapshots(from.client, from.prefix).latest();
  if (snapshot !== null && snapshot.machineVersion > machineVersion)
    throw new NewerVersionError("a later version put the snapshot into etcd");
  const { bavail, bsize } = statfsSync(path);
  const wanted = Math.ceil((snapshot?.bytes ?? 0) * growth) + slackBytes;
  if (bavail * bsize >= wanted) return;
  throw new MigrateError(
    `The disk of ${path} has ${bavail * bsize} bytes left, and ${wanted} are wanted. Nothing was done.`,
  );
}

async function sayItGoes(moves: Moves, found: FoundFormat, { path }: DataDirectory): Promise<FoundFormat> {
  const id = randomBytes(idBytes).toString("hex");
  return await moves.say({ ...found.format, move: { state: "going", id, place: placeNamed(path) } }, found);
}

async function make(move: MoveOut, directory: DataDirectory, going: FoundFormat): Promise<void> {
  const { path, incomingFolder, databaseFile } = directory;
  rmSync(incomingFolder, { recursive: true, force: true });
  mkdirSync(incomingFolder, { mode: privateDirectoryMode });
  syncDirectory(path);
  await fill(move, incomingFolder, going);
  const made = join(incomingFolder, fileNames.database);
  makeOwn(made);
  readBack(made, () => {});
  renameSync(made, databaseFile);
  syncDirectory(path);
}

/** As a new server would, up to the end of the log, which is one by now. */
async function fill({ from, hooks }: MoveOut, folder: string, moved: FoundFormat): Promise<void> {
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

/** From here on its log is in the directory. Durable when it returns. */
function makeOwn(database: string): void {
  const connection = openConnection(database);
  try {
    connection.transaction(() => dropLogHome(connection)).immediate();
    connection.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    connection.close();
  }
}
