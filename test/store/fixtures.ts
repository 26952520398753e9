// Directories of earlier versions: the files in which a server of each was killed, and what its clients had been told.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const folder = join(import.meta.dirname, "fixtures");

/** What its clients had been told. */
export interface Known {
  readonly holder: { readonly id: string; readonly token: string };
  readonly waiter: { readonly id: string; readonly token: string };
  /** The claim of `holder` on the lock `report`. */
  readonly held: { readonly id: string; readonly fenceHeader: string };
  /** That of `waiter`. */
  readonly waiting: { readonly id: string };
  /** Children of /queue, in their order. */
  readonly numbered: readonly string[];
  /** Made there by a request with the key "the-job". */
  readonly job: string;
  /** The last id that a watcher of everything had; one transaction came after it. */
  readonly seenId: string;
  readonly zxid: number;
  /** What this version could do, of what not all can: keys, quotas, services, lists. */
  readonly has: readonly string[];
}

export function fixtureFile(version: number, suffix: string): string {
  return join(folder, `version-${version}.db${suffix}.gz`);
}

export function knownFile(version: number): string {
  return join(folder, `version-${version}.json`);
}

export function readKnown(version: number): Known {
  return JSON.parse(readFileSync(knownFile(version), "utf8")) as Known;
}

/** Lays the files of a version into a directory, which is made. */
export function unpackFixture(version: number, directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const suffix of ["", "-wal"]) {
    const content = gunzipSync(readFileSync(fixtureFile(version, suffix)));
    writeFileSync(join(directory, `treekeeper.db${suffix}`), content, { mode: 0o600 });
  }
}
