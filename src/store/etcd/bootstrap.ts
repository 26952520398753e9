// What a server does before it opens its data directory: where its own rows end before the log in etcd begins, since it is
// new or was off for long, it takes the snapshot that all share. What it had is kept aside until the new file is open.
// Wherever this is broken off, the next time finds one whole database, and goes on.

import { machineVersion } from "../../core/machine-version.ts";
import { NewerVersionError } from "../../core/newer-version-error.ts";
import type { Lsn } from "../commit-log.ts";
import { claimDataDirectory, type DataDirectory, removeCopy } from "../sqlite/data-directory.ts";
import type { LogHome } from "../sqlite/log-home.ts";
import { install, lookInto, putBack, receive } from "../sqlite/replaced-tables.ts";
import { makeOrdinary, type OwnPlace, placeOfDatabase } from "../sqlite/snapshot-file.ts";
import { EntriesRead } from "./entries-read.ts";
import type { EtcdCalls } from "./etcd-calls.ts";
import { Keys } from "./keys.ts";
import { type Format, logIdOf, readFormat } from "./log-format.ts";
import type { Snapshot, SnapshotFacts } from "./manifest.ts";
import { restoredFromOlder } from "./own-entries.ts";
import { patiently } from "./patience.ts";
import { SnapshotGoneError, Snapshots } from "./snapshots.ts";

export interface Bootstrapped {
  /** What was taken; null where the server's own rows do. */
  readonly snapshot: SnapshotFacts | null;
  /** To be called when the database is open: what it has replaced goes. */
  finish(): void;
}

/** Each time another snapshot had come meanwhile. */
const triesMax = 5;

/**
 * Call before `openSqlite`.
 * @param prefix of all keys, as the log has it
 * @param clusterId of the log
 * @throws Error when no snapshot reaches the log, or it is damaged; NewerVersionError
 */
export async function bootstrap(
  dataDir: string,
  client: EtcdCalls,
  prefix: string,
  clusterId: string,
  options: { readonly allowUnsafeFilesystem: boolean } = { allowUnsafeFilesystem: false },
): Promise<Bootstrapped> {
  const directory = claimDataDirectory(dataDir, options);
  try {
    putBack(directory);
    const snapshot = await takeIfBehind(directory, { client, prefix, clusterId });
    return { snapshot, finish: () => removeCopy(directory.replacedFile) };
  } finally {
    directory.release();
  }
}

interface Source {
  readonly client: EtcdCalls;
  readonly prefix: string;
  readonly clusterId: string;
}

async function takeIfBehind(directory: DataDirectory, source: Source): Promise<SnapshotFacts | null> {
  const { client, prefix, clusterId } = source;
  const own = lookInto(directory, placeOfDatabase);
  // What is said of the directory of another cluster, and of one that was put back, is said when it is opened.
  if (own !== null && (own.clusterId !== clusterId || own.isPutBack)) return null;
  const format = (await patiently(() => readFormat(client, prefix)))?.format;
  const begins = format?.before ?? 0;
  const log = new EntriesRead(client, new Keys(prefix, begins));
  const snapshots = new Snapshots(client, prefix);
  const ownLsn = own === null || !isOfLog(own, format, directory) ? 0 : own.lsn;
  if (own !== null) await refuseAnotherPast(log, { ...own, lsn: ownLsn }, directory);
  for (let tries = 1; ; tries += 1) {
    const { first } = await patiently(() => log.extent());
    // Of an entry that is there it was seen that it is the same, and so are all that begin where the log does.
    if (ownLsn >= first || (ownLsn === begins && first === begins + 1)) return null;
    const snapshot = await snapshots.latest();
    assertUsable(snapshot, { ownLsn, first });
    try {
      await download(snapshots, snapshot, directory);
    } catch (error) {
      if (error instanceof SnapshotGoneError && tries < triesMax) continue;
      throw error;
    }
    makeOrdinary(directory.snapshotFile, { ...snapshot, clusterId });
    install(directory);
    return snapshot;
  }
}

/**
 * Whether its rows are of the past of this log: of another that the cluster has had they may be of a past that was left.
 * @throws Error for a directory that has a log of its own beside one that was moved
 */
function isOfLog(
  { logHome, tail }: { readonly logHome: LogHome | null; readonly tail: Lsn },
  format: Format | undefined,
  { path }: DataDirectory,
): boolean {
  if (format === undefined) return true;
  if (logHome !== null) return logHome.logId === logIdOf(format);
  // What never had an entry may have been named by a start that was broken off.
  if (format.logId === undefined || tail === 0) return true;
  throw new Error(
    `The directory ${path} has a log of its own, and so may have what the log in etcd has not: begin with an empty one.`,
  );
}

/**
 * A log in etcd that was put back to an earlier moment has other entries where the lost ones were, or none yet. What the
 * directory holds of those is in no log any more, and nothing is done to it.
 * @throws Error
 */
async function refuseAnotherPast(log: EntriesRead, own: OwnPlace, { path }: DataDirectory): Promise<void> {
  const { lsn, entryName } = own;
  if (lsn === 0) return;
  const { isBeyond, isAnother } = await patiently(() => log.lookAt({ lsn, name: entryName }));
  if (!isBeyond && !isAnother) return;
  const found = isBeyond ? "has not come so far" : "has another entry there";
  throw new Error(
    `What ${path} holds ends at entry ${lsn}, and the log in etcd ${found}: ${restoredFromOlder}, and this server has seen ` +
      "what is lost by that. Keep the directory until you need nothing of it any more, and start with an empty one and " +
      "--etcd-restored, as docs/cluster.md says.",
  );
}

function assertUsable(
  snapshot: Snapshot | null,
  { ownLsn, first }: { readonly ownLsn: Lsn; readonly first: Lsn },
): asserts snapshot is Snapshot {
  const begins = `The log in etcd begins at entry ${first}, and what this server has ends at ${ownLsn}.`;
  if (snapshot === null) throw new Error(`${begins} There is no snapshot that it could start from.`);
  if (snapshot.lsn + 1 < first)
    throw new Error(`${begins} The snapshot in etcd ends at ${snapshot.lsn}, which is too early as well.`);
  if (snapshot.machineVersion > machineVersion)
    throw new NewerVersionError("a later version put the snapshot into etcd");
}

async function download(snapshots: Snapshots, snapshot: Snapshot, directory: DataDirectory): Promise<void> {
  const { bytes } = snapshot;
  await receive({ pieces: snapshots.read(snapshot), bytes, what: "The snapshot in etcd" }, directory);
}
