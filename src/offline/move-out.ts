// A log that moves out of etcd into a directory. First etcd is told that it goes: from then on nobody appends to it, and who
// still serves it stops. Then the directory is made, beside its place; etcd is told that the log is gone; and last the directory
// is put into its place. Until it is gone it can be taken back, and from then on only that directory has it. Wherever this is
// broken off, it is finished by doing it again.

import { readdirSync, statfsSync } from "node:fs";
import { resolve } from "node:path";
import { machineVersion } from "../core/machine-version.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import { type FoundFormat, logIdOf } from "../store/etcd/log-format.ts";
import { Moves } from "../store/etcd/moves.ts";
import { Snapshots } from "../store/etcd/snapshots.ts";
import { claimDataDirectory, type DataDirectory } from "../store/sqlite/data-directory.ts";
import { fileNames } from "../store/sqlite/privacy.ts";
import { dropIncoming, giveName, isMade, isPutInPlace, make, nameIn, putInPlace } from "./incoming.ts";
import {
  type EtcdPlace,
  MigrateError,
  type MoveHooks,
  type MoveReport,
  newMoveId,
  placeHere,
} from "./move.ts";
import { factsOf } from "./move-facts.ts";
import { withoutReserve } from "./settled-store.ts";

export interface MoveOut {
  readonly from: EtcdPlace;
  readonly dataDir: string;
  readonly hooks: MoveHooks;
}

type Sides = Pick<MoveOut, "from" | "dataDir">;

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
    refuseIfElsewhere(found, directory, move);
    if (!hasArrived(directory, found)) {
      refuseUnlessEmpty(directory);
      await finish(move, directory, moves, await begun(move, directory, moves, found));
    }
    dropIncoming(directory);
    return { from: from.name, to: directory.path, ...factsOf(directory.databaseFile) };
  } finally {
    directory.release();
  }
}

/** Takes back what is not there yet. @throws MigrateError where it is */
export async function undoMoveOut(sides: Sides): Promise<void> {
  const { from, dataDir } = sides;
  const moves = new Moves(from.client, from.prefix);
  const found = await foundIn(moves, from);
  const directory = claim(dataDir);
  try {
    const { move, ...format } = found.format;
    const isNamed = nameIn(directory)?.logId === logIdOf(format);
    if (move === undefined && !isNamed)
      throw new MigrateError(`Nothing of ${from.name} is on its way to ${dataDir}. Nothing was done.`);
    refuseIfElsewhere(found, directory, sides);
    if (move?.state === "gone") throw new MigrateError(cameToItsEnd(sides, hasArrived(directory, found)));
    // Where nothing is said of it, that it goes may be on its way there: by this it comes too late.
    await moves.say(format, found);
    dropIncoming(directory);
  } finally {
    directory.release();
  }
}

/**
 * Takes back what was on its way into a directory that is lost. As long as etcd does not say that the log is gone, nobody has
 * been served from there, and whoever still has the directory cannot finish it any more.
 * @throws MigrateError where nothing is on its way there
 */
export async function abandonMoveOut({ from, dataDir }: Sides): Promise<void> {
  const moves = new Moves(from.client, from.prefix);
  const found = await foundIn(moves, from);
  const { move, ...format } = found.format;
  if (move === undefined)
    throw new MigrateError(`Nothing of ${from.name} is on its way to ${dataDir}. Nothing was done.`);
  if (move.state === "gone") throw new MigrateError(isGone(move.place, { from, dataDir }));
  // The machine is perhaps lost as well.
  if (!move.place.endsWith(`:${resolve(dataDir)}`))
    throw new MigrateError(goesElsewhere(move.place, { from, dataDir }));
  await moves.say(format, found);
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
function hasArrived(directory: DataDirectory, { format: { move } }: FoundFormat): boolean {
  return move?.state === "gone" && isPutInPlace(directory, move.id);
}

function refuseUnlessEmpty({ path }: DataDirectory): void {
  const other = readdirSync(path).find((name) => !harmless.has(name));
  if (other === undefined) return;
  throw new MigrateError(
    `${path} is not empty (${JSON.stringify(other)} is there): name one that is missing or empty. Nothing was done.`,
  );
}

/** Into one directory alone it goes: the one that has its name. What is gone is the past of what it has become there. */
function refuseIfElsewhere(found: FoundFormat, directory: DataDirectory, sides: Sides): void {
  const { move } = found.format;
  if (move === undefined || nameIn(directory)?.id === move.id || hasArrived(directory, found)) return;
  throw new MigrateError(
    move.state === "gone" ? isGone(move.place, sides) : goesElsewhere(move.place, sides),
  );
}

function isGone(place: string, { from, dataDir }: Sides): string {
  return `The log in ${from.name} was moved to ${place}, and ${dataDir} has it not. Nothing was done.`;
}

function goesElsewhere(place: string, { from, dataDir }: Sides): string {
  return (
    `The log in ${from.name} is on its way to ${place}, and ${dataDir} has nothing of it. Nothing was done. If that ` +
    "directory is lost, --undo --abandoned with its name takes the move back without it."
  );
}

function cameToItsEnd({ from, dataDir }: Sides, hasArrived: boolean): string {
  const again = `Move it back into etcd, below another prefix, with: treekeeper migrate --from ${dataDir}.`;
  if (hasArrived) return `It is in ${dataDir} already. ${again}`;
  return `All of ${from.name} is in ${dataDir} already, but for the last step: run the same without --undo. ${again}`;
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

interface Begun {
  readonly found: FoundFormat;
  readonly going: NonNullable<FoundFormat["format"]["move"]>;
}

/** The directory has the name first: whatever it is called by then, it is known for the one. */
async function begun(
  move: MoveOut,
  directory: DataDirectory,
  moves: Moves,
  found: FoundFormat,
): Promise<Begun> {
  const { move: before, ...format } = found.format;
  if (before !== undefined) return { found, going: before };
  await assertTakable(move, directory);
  const id = nameFor(logIdOf(format), directory);
  const going = { state: "going", id, place: placeHere(directory.path) } as const;
  return { found: await moves.say({ ...format, move: going }, found), going };
}

/** That of before where there is one: by it etcd may be told of the move yet. */
function nameFor(logId: string, directory: DataDirectory): string {
  const named = nameIn(directory);
  if (named?.logId === logId) return named.id;
  if (named !== null)
    throw new MigrateError(
      `What is on its way into ${directory.path} is of another log. Take that back with --undo, or remove ` +
        `${directory.incomingFolder}. Nothing was done.`,
    );
  const id = newMoveId();
  giveName(directory, { id, logId });
  return id;
}

async function finish(move: MoveOut, directory: DataDirectory, moves: Moves, begun: Begun): Promise<void> {
  const { from, hooks } = move;
  const { found: moved, going } = begun;
  if (going.state === "going" || !isMade(directory))
    await make(directory, { from, hooks, moved, id: going.id });
  // Not if it was taken back meanwhile.
  if (going.state === "going") await moves.say({ ...moved.format, move: { ...going, state: "gone" } }, moved);
  putInPlace(directory);
}
