// What a follower keeps of a past that the server it follows does not have: nobody else has it. The folder for it is there, and
// empty, before the database is put aside. So wherever a start is broken off, the next one knows what is to be kept.

import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { privateDirectoryMode, syncDirectory } from "../../own-directory.ts";
import { type DataDirectory, removeCopy } from "../sqlite/data-directory.ts";
import { fileNames } from "../sqlite/privacy.ts";

const prefix = "replaced-";

/** Of a start that was broken off; null where there was none. */
export function folderWaiting({ path }: DataDirectory): string | null {
  const folders = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix))
    .map(({ name }) => join(path, name));
  return folders.find((folder) => readdirSync(folder).length === 0) ?? null;
}

/** Call while the database stands in its place; what is aside then, and waits for no folder, is of a past that goes on in it. */
export function makeFolder({ path, replacedFile }: DataDirectory): string {
  removeCopy(replacedFile);
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const folder = join(path, `${prefix}${time}-${randomBytes(2).toString("hex")}`);
  mkdirSync(folder, { mode: privateDirectoryMode });
  syncDirectory(path);
  return folder;
}

/** Whether anything was aside. */
export function keepForGood({ path, replacedFile }: DataDirectory, folder: string): boolean {
  if (statSync(replacedFile, { throwIfNoEntry: false }) === undefined) return false;
  renameSync(replacedFile, join(folder, fileNames.database));
  for (const changed of [folder, path]) syncDirectory(changed);
  return true;
}

/** Nothing is to be kept after all. */
export function removeFolder({ path }: DataDirectory, folder: string): void {
  rmdirSync(folder);
  syncDirectory(path);
}
