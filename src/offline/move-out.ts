// A log that moves out of etcd into a directory. First etcd is told that it goes: from then on nobody appends to it, and who
// still serves it stops. Then the directory is made as that of a server is, from the snapshot and all entries, in a folder of
// its own; it is put into its place whole. Wherever this is broken off, it is finished by doing it again.

import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { machineVersion } from "../core/machine-version.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import { privateDirectoryMode, privateFileMode, syncDirectory } from "../own-directory.ts";
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
  const found = await foundIn(moves, from);
  const directory = claim(dataDir);
  try {
    if (!isThere(directory, found)) {
      refuseUnlessEmpty(directory);
      refuseIfElsewhere(found, directory, move);
      const going = found.format.move === undefined ? await begin(move, directory, { moves, found }) : found;
      await make(move, directory, going);
    }
    await sayItIsGone(moves, from);
    rmSync(directory.incomingFolder, { recursive: true, force: true });
    return { from: from.name, to: directory.path, ...factsOf(directory.databaseFile) };
  } finally {
    directory.release();
  }
}

/** Takes back what is not there yet. @throws MigrateError where it is */
export async function undoMoveOut({ from, dataDir }: Pick<MoveOut, "from" | "dataDir">): Promise<void> {
  const moves = new Moves(from.client, from.prefix);
  const found = await foundIn(moves, from);
  const directory = claim(dataDir);
  try {
    if (found.format.move === undefined && nameIn(directory) === null)
      throw new MigrateError(`Nothing of ${from.name} is on its way to ${dataDir}. Nothing was done.`);
    if (isThere(directory, found))
      throw new MigrateError(
        `It is in ${dataDir} already. Move it back into etcd, below another prefix, with: treekeeper migrate --from ${dataDir}.`,
      );
    refuseIfElsewhere(found, directory, { from, dataDir });
    const { move, ...format } = found.format;
    if (move !== undefined) await moves.say(format, found);
    rmSync(directory.incomingFolder, { recursive: true });
  } finally {
    directory.release();
  }
}

function claim(dataDir: string): DataDirectory {
  return claimDataDirectory(dataDir, withoutReserve);
}

/** @throws MigrateError where there is no log */
async function foundIn(moves: Moves, { name }: EtcdPlace): Promise<FoundFormat> {
  const found = await moves.look();
  if (found === null) throw new MigrateError(`There is no log in ${name}.`);
  const { move } = found.format;
  if (move?.state !== "coming") return found;
  throw new MigrateError(`There is no log in ${name} yet: what ${move.place} holds is on its way there.`);
}

/** Put into its place by an attempt that was broken off behind that, or came to its end. */
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

/** Into one directory alone it goes: the one that has its name. What is gone is the past of what it has become there. */
function refuseIfElsewhere(
  { format: { move } }: FoundFormat,
  directory: DataDirectory,
  { from, dataDir }: Pick<MoveOut, "from" | "dataDir">,
): void {
  if (move === undefined || (move.state === "going" && nameIn(directory) === move.id)) return;
  if (move.state === "gone")
    throw new MigrateError(
      `The log in ${from.name} was moved to ${move.place}, and ${dataDir} has it not. Nothing was done.`,
    );
  throw new MigrateError(
    `The log in ${from.name} is on its way to ${move.place}, and not to ${dataDir}. Nothing was done.`,
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

/** In the folder of what is on its way: which move that is. */
const nameOfMove = "move";
/** Beside it: the directory that is made. */
const madeFolder = "data";

/** Null where nothing is on its way. */
function nameIn({ incomingFolder }: DataDirectory): string | null {
  const file = join(incomingFolder, nameOfMove);
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** The directory has the name first: whatever it is called by then, it is known for the one. */
async function begin(
  move: MoveOut,
  directory: DataDirectory,
  { moves, found }: { readonly moves: Moves; readonly found: FoundFormat },
): Promise<FoundFormat> {
  await assertTakable(move, directory);
  const { path, incomingFolder } = directory;
  const id = randomBytes(idBytes).toString("hex");
  rmSync(incomingFolder, { recursive: true, force: true });
  mkdirSync(incomingFolder, { mode: privateDirectoryMode });
  writeFileSync(join(incomingFolder, nameOfMove), id, { mode: privateFileMode, flush: true });
  for (const folder of [incomingFolder, path]) syncDirectory(folder);
  return await moves.say(
    { ...found.format, move: { state: "going", id, place: `${hostname()}:${path}` } },
    found,
  );
}

async function sayItIsGone(moves: Moves, from: EtcdPlace): Promise<void> {
  const now = await foundIn(moves, from);
  const { move } = now.format;
  if (move?.state === "going") await moves.say({ ...now.format, move: { ...move, state: "gone" } }, now);
}

async function make(move: MoveOut, directory: DataDirectory, going: FoundFormat): Promise<void> {
  const { path, incomingFolder, databaseFile } = directory;
  const folder = join(incomingFolder, madeFolder);
  rmSync(folder, { recursive: true, force: true });
  await fill(move, folder, going);
  const made = join(folder, fileNames.database);
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
