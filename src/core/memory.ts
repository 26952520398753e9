// About what the state takes in memory, and what a command would add to it. Measured, and rounded up.

import { type Acl, textOfAcl } from "./acl/acl.ts";
import type { Create, ImportedZnode, SetData } from "./command.ts";
import type { State } from "./state.ts";
import { parentPath, rootPath } from "./tree/path.ts";

/** What a znode takes besides its path and data, and a session in all. */
const znodeBytes = 640;
export const sessionBytes = 1024;
/** A list takes these, and for each character of its text: it is there as entries and as the text it is found by. */
const aclBytes = 256;
const aclBytesPerCharacter = 4;

/** About what the state takes in memory. */
export function memoryOf({ tree, sessionCount, acls }: State): number {
  const { count, bytes } = tree.usageOf(rootPath);
  return (
    count * znodeBytes +
    tree.pathLength +
    bytes +
    sessionCount * sessionBytes +
    sizeOfAcls(acls.size, acls.textLength)
  );
}

export function growthOfCreate({ path, data, parents, acl }: Create, state: State): number {
  const missing = parents === true ? sizeOfMissing(parentPath(path), state) : 0;
  return sizeOf(path, data) + missing + (acl === undefined ? 0 : growthOfAcl(acl));
}

/** As if no other znode had it. */
export function growthOfAcl(acl: Acl): number {
  return sizeOfAcls(1, textOfAcl(acl).length);
}

/** What is set to less, or to as much, makes nothing grow. */
export function growthOfSet({ path, data, create }: SetData, { tree }: State): number {
  const before = tree.get(path);
  if (before === undefined) return create === undefined ? 0 : sizeOf(path, data);
  return Math.max(0, data.byteLength - before.data.byteLength);
}

export function growthOfImported({ path, data, acl }: ImportedZnode, state: State): number {
  const before = state.tree.get(path);
  const aclSize = acl === undefined ? 0 : growthOfAcl(acl);
  if (before !== undefined) return aclSize + Math.max(0, data.byteLength - before.data.byteLength);
  return aclSize + sizeOf(path, data) + sizeOfMissing(parentPath(path), state);
}

/** Of something with a name: its znode, and the one above it. @param bytes what the command takes */
export function growthOfNamed(bytes: number): number {
  return 2 * znodeBytes + bytes;
}

function sizeOfAcls(count: number, textLength: number): number {
  return count * aclBytes + textLength * aclBytesPerCharacter;
}

function sizeOf(path: string, data: Uint8Array): number {
  return znodeBytes + path.length + data.byteLength;
}

/** The ancestors that would be made. */
function sizeOfMissing(path: string, { tree }: State): number {
  let size = 0;
  for (let at = path; tree.get(at) === undefined; at = parentPath(at)) size += znodeBytes + at.length;
  return size;
}
