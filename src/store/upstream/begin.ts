// What a follower does before it opens its data directory: where the server that it follows cannot tell it all that came
// since, be it new, off for long, or of another past, it takes a backup of that server for its tables. What it had is kept
// aside until the new file is open; what was of another past is kept for good.

import { createHash } from "node:crypto";
import type { Stamp } from "../recent-entries.ts";
import { claimDataDirectory, type DataDirectory, removeCopy } from "../sqlite/data-directory.ts";
import { install, lookInto, NoRoomHereError, putBack, receive } from "../sqlite/replaced-tables.ts";
import { makeFollowing, placeOfFollower } from "../sqlite/snapshot-file.ts";
import { folderWaiting, keepForGood, makeFolder, removeFolder } from "./kept-past.ts";
import { type Surroundings, untilAnswered } from "./patience.ts";
import { FinalError, UpstreamRefusal } from "./refusals.ts";
import type { Upstream } from "./upstream.ts";

export interface Begun {
  /** What was taken; null where the server's own rows do. */
  readonly taken: { readonly bytes: number } | null;
  /** Where what was of another past is kept, once `finish` was called; null where there was none. */
  readonly keptAt: string | null;
  /** To be called when the database is open: what it has replaced goes. */
  finish(): void;
}

export interface BeginOptions extends Surroundings {
  readonly dataDir: string;
  readonly allowUnsafeFilesystem: boolean;
  /** Of the log that is followed. */
  readonly clusterId: string;
}

/** Each time the log had gone on too far by the time the backup was here, or the backup was damaged. */
const triesMax = 5;

/** Call before `openSqlite`. @throws Error when the directory is none of a follower; UpstreamRefusal; the signal's reason */
export async function begin(upstream: Upstream, options: BeginOptions): Promise<Begun> {
  const directory = claimDataDirectory(options.dataDir, options);
  try {
    putBack(directory);
    return await beginIn(directory, upstream, options);
  } finally {
    directory.release();
  }
}

async function beginIn(directory: DataDirectory, upstream: Upstream, options: BeginOptions): Promise<Begun> {
  const keptBefore = finishBrokenOff(directory);
  const first = await gapBehind(directory, upstream, options);
  const folder = folderFor(directory, first);
  let gap = first;
  let bytes = 0;
  for (let tries = 0; gap !== null; tries += 1) {
    if (tries === triesMax) throw new Error(tooSlow);
    bytes = await takeBackup(directory, upstream, options);
    gap = await gapBehind(directory, upstream, options);
  }
  return {
    taken: first === null ? null : { bytes },
    keptAt: folder ?? keptBefore,
    finish() {
      if (folder === null) removeCopy(directory.replacedFile);
      else keepForGood(directory, folder);
    },
  };
}

/** What an earlier start has put aside for good and not got into its folder: another stands in its place by now. */
function finishBrokenOff(directory: DataDirectory): string | null {
  const folder = folderWaiting(directory);
  return folder !== null && keepForGood(directory, folder) ? folder : null;
}

/** Before anything is put aside: where it is kept. One that was made before was made for what still stands there. */
function folderFor(directory: DataDirectory, gap: Gap | null): string | null {
  const waiting = folderWaiting(directory);
  if (gap !== null) return waiting ?? (gap === "another past" ? makeFolder(directory) : null);
  if (waiting !== null) removeFolder(directory, waiting);
  return null;
}

const tooSlow =
  "Each backup of the server that is followed was too old by the time it was here: give that server a larger " +
  "--recent-entries-bytes-max, so that it keeps what is written while a backup is taken and sent.";

type Gap = "nothing there" | "too old" | "another past";

/** Why the server that is followed cannot go on from the rows that are here; null where it can. */
async function gapBehind(
  directory: DataDirectory,
  upstream: Upstream,
  options: BeginOptions,
): Promise<Gap | null> {
  const place = lookInto(directory, placeOfFollower);
  if (place === null) return "nothing there";
  assertFollowing(place, directory, options);
  const { lsn, zxid, epoch } = place;
  return await untilAnswered(upstream, options, () =>
    probe({ lsn, zxid, epoch, author: null }, upstream, options),
  );
}

/** @throws Error */
function assertFollowing(
  { clusterId, upstream, isPutBack }: NonNullable<ReturnType<typeof placeOfFollower>>,
  { path }: DataDirectory,
  expected: BeginOptions,
): void {
  if (upstream === null)
    throw new Error(
      `The data directory ${path} has a store of its own, which is no copy of the server to follow: follow with an empty one.`,
    );
  if (isPutBack)
    throw new Error(
      `The database in ${path} is a backup that was laid there, and says nothing of how far it was followed: follow with an ` +
        "empty directory.",
    );
  if (clusterId !== expected.clusterId)
    throw new Error(
      `The data directory ${path} follows cluster ${clusterId} (${upstream}), and the server to follow is of cluster ` +
        `${expected.clusterId}: follow with an empty one.`,
    );
}

async function probe(stamp: Stamp, upstream: Upstream, { signal }: BeginOptions): Promise<Gap | null> {
  const attempt = new AbortController();
  try {
    for await (const _ of upstream.frames(stamp, AbortSignal.any([signal, attempt.signal]))) break;
    return null;
  } catch (error) {
    if (!(error instanceof UpstreamRefusal) || error.code !== "log_trimmed") throw error;
    return error.isOfAnotherPast ? "another past" : "too old";
  } finally {
    attempt.abort();
  }
}

async function takeBackup(
  directory: DataDirectory,
  upstream: Upstream,
  options: BeginOptions,
): Promise<number> {
  const { clusterId } = options;
  let damaged = 0;
  const bytes = await untilAnswered(upstream, options, async () => {
    const found = await download(directory, upstream, options);
    if (found.isWhole) return found.bytes;
    removeCopy(directory.snapshotFile);
    damaged += 1;
    throw damaged === triesMax
      ? new FinalError(alwaysDamaged)
      : new Error("the backup was damaged on its way");
  });
  makeFollowing(directory.snapshotFile, {
    clusterId,
    upstream: upstream.urls.map(({ origin }) => origin).join(","),
  });
  install(directory);
  return bytes;
}

const alwaysDamaged =
  `The backup of the server that is followed was damaged on its way ${triesMax} times: its digest is another than was said. ` +
  "See to what is between the two servers, and to their memory and disks.";

/** @throws Error where it did not come to its end; FinalError where there is no room for it here */
async function download(directory: DataDirectory, upstream: Upstream, { signal }: BeginOptions) {
  const { bytes, sha256, pieces } = await upstream.backup(signal);
  const hash = createHash("sha256");
  const hashed = async function* () {
    for await (const piece of pieces) {
      hash.update(piece);
      yield piece;
    }
  };
  const what = "The backup of the server that is followed";
  await receive({ pieces: hashed(), bytes, what }, directory).catch((error: unknown) => {
    throw error instanceof NoRoomHereError ? new FinalError(error.message, { cause: error }) : error;
  });
  return { bytes, isWhole: hash.digest("base64") === sha256 };
}
