// How far the directory had come: a file beside the database says so at each start and each clean stop. An older database
// that is put in the place of a newer one is behind what its neighbour saw. Where the whole directory is put back, the
// neighbour is as old, and nothing is noticed.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { privateFileMode } from "../../own-directory.ts";
import type { Lsn } from "../commit-log.ts";

export interface Seen {
  readonly clusterId: string;
  /** The log had this entry. */
  readonly lsn: Lsn;
}

/** @throws Error when the database is older than one that was here */
export function refuseOlder(witnessFile: string, { clusterId, lsn }: Seen, directory: string): void {
  const seen = readWitness(witnessFile);
  if (seen === null || !isOlder({ clusterId, lsn }, seen)) return;
  throw new Error(
    `The database in ${directory} ends at entry ${lsn} of its log, and this directory had come to entry ${seen.lsn}: an ` +
      "older copy was put in its place. Served as it is, numbers that were given since would be given again. Put the newer " +
      `one back, or go on from the older one with: treekeeper restore --rolled-back --data-dir ${directory}`,
  );
}

/** For whoever only looks. */
export function isOlderThanSeen(witnessFile: string, found: Seen): boolean {
  const seen = readWitness(witnessFile);
  return seen !== null && isOlder(found, seen);
}

function isOlder({ clusterId, lsn }: Seen, seen: Seen): boolean {
  return seen.clusterId === clusterId && seen.lsn > lsn;
}

/** Where it cannot be noted, less is noticed one day. */
export function noteSeen(witnessFile: string, seen: Seen): void {
  try {
    writeFileSync(witnessFile, JSON.stringify(seen), { mode: privateFileMode });
  } catch {
    // The database is what counts.
  }
}

/** For a database that is put there on purpose. */
export function forgetSeen(witnessFile: string): void {
  rmSync(witnessFile, { force: true });
}

/** Null where there is none, or none that can be read: a crash may have cut it off. */
function readWitness(witnessFile: string): Seen | null {
  try {
    const { clusterId, lsn } = JSON.parse(readFileSync(witnessFile, "utf8")) as Partial<Seen>;
    return typeof clusterId === "string" && Number.isSafeInteger(lsn) ? { clusterId, lsn: lsn as Lsn } : null;
  } catch {
    return null;
  }
}
