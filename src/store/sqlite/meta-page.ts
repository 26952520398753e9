// Where the table `meta` stands in the file. It is the first that was made, so its page is the first a table can have.

import { closeSync, openSync, readSync } from "node:fs";

const first = 2;
/** In a file that gives pages back, page 2 says of others who points at them. */
const firstBehindPointers = 3;

/** @param autoVacuum as SQLite says it of the file: 0 where it gives nothing back */
export function metaPageWith(autoVacuum: number): number {
  return autoVacuum === 0 ? first : firstBehindPointers;
}

/** Where the head of the file has the largest page that a table begins at; 0 in files that give nothing back. */
const largestRootOffset = 52;

/** Looks into the file itself: for when SQLite must not open it yet. No connection may be open, which would lose its locks. */
export function metaPageOf(databaseFile: string): number {
  const head = Buffer.alloc(largestRootOffset + 4);
  try {
    const descriptor = openSync(databaseFile, "r");
    try {
      readSync(descriptor, head, 0, head.byteLength, 0);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    // Without a file, what its log says is judged as one that was made before.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return metaPageWith(head.readUInt32BE(largestRootOffset));
}
