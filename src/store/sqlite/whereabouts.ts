// Whether the files we write are still those that the next start will read. A file that was removed, moved or replaced
// goes on taking writes under no name at all: everybody is told that they are safe, and they are gone.

import { type BigIntStats, statSync } from "node:fs";

/** A path, and the file or directory that was behind it. */
export interface Place {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/** @throws Error when there is nothing there */
export function placeOf(path: string): Place {
  const { dev, ino } = statSync(path, { bigint: true });
  return { path, device: dev, inode: ino };
}

/** What has happened to the first place that is no longer what it was; null when all are. */
export function displacement(places: readonly Place[]): string | null {
  for (const place of places) {
    const stats = statSync(place.path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return `${place.path} was removed or moved while the service wrote to it.`;
    if (!isSame(stats, place)) return `${place.path} was replaced while the service wrote to it.`;
  }
  return null;
}

/** Neither number comes again while the file is open, as all of these are. */
function isSame({ dev, ino }: BigIntStats, { device, inode }: Place): boolean {
  return dev === device && ino === inode;
}
