// About what the state takes in memory, and what a command would add to it. Measured, and rounded up.

import { type Acl, textOfAcl } from "./acl/acl.ts";
import type { Create, ImportedZnode, SetData } from "./command.ts";
import type { State } from "./state.ts";
import { parentPath, rootPath } from "./tree/path.ts";
import type { Znode } from "./tree/znode.ts";

/** What a znode takes besides its path and data, and a session in all. */
const znodeBytes = 640;
export const sessionBytes = 1024;
/** A list takes these, and for each character of its text: it is there as entries and as the text it is found by. */
const aclBytes = 256;
const aclBytesPerCharacter = 4;

/** The same of a policy and of a token: it is there as it was set, and as what is asked again and again. */
const accessBytes = 512;
const accessBytesPerCharacter = 4;

/** About what the state takes in memory. */
export function memoryOf({ tree, sessionCount, acls, access }: State): number {
  const { count, bytes } = tree.usageOf(rootPath);
  return (
    count * znodeBytes +
    tree.pathLength +
    bytes +
    sessionCount * sessionBytes +
    sizeOfAcls(acls.size, acls.textLength) +
    sizeOfAccess(access.recordCount, access.textLength)
  );
}

/** What a command would make grow. */
export interface Measured {
  get(path: string): Pick<Znode, "data"> | undefined;
}

export function growthOfCreate({ path, data, parents, acl }: Create, tree: Measured): number {
  const missing = parents === true ? sizeOfMissing(parentPath(path), tree) : 0;
  return sizeOf(path, data) + missing + (acl === undefined ? 0 : growthOfAcl(acl));
}

/** As if no other znode had it. */
export function growthOfAcl(acl: Acl): number {
  return sizeOfAcls(1, textOfAcl(acl).length);
}

/** What is set to less, or to as much, makes nothing grow. */
export function growthOfSet({ path, data, create }: SetData, tree: Measured): number {
  const before = tree.get(path);
  if (before === undefined) return create === undefined ? 0 : sizeOf(path, data);
  return Math.max(0, data.byteLength - before.data.byteLength);
}

export function growthOfImported({ path, data, acl }: ImportedZnode, tree: Measured): number {
  const before = tree.get(path);
  const aclSize = acl === undefined ? 0 : growthOfAcl(acl);
  if (before !== undefined) return aclSize + Math.max(0, data.byteLength - before.data.byteLength);
  return aclSize + sizeOf(path, data) + sizeOfMissing(parentPath(path), tree);
}

/** Of something with a name: its znode, and the one above it. @param bytes what the command takes */
export function growthOfNamed(bytes: number): number {
  return 2 * znodeBytes + bytes;
}

/** As if there was none of its name. @param record of a policy or a token */
export function growthOfAccess(record: object): number {
  return sizeOfAccess(1, JSON.stringify(record).length);
}

function sizeOfAccess(count: number, textLength: number): number {
  return count * accessBytes + textLength * accessBytesPerCharacter;
}

function sizeOfAcls(count: number, textLength: number): number {
  return count * aclBytes + textLength * aclBytesPerCharacter;
}

function sizeOf(path: string, data: Uint8Array): number {
  return znodeBytes + path.length + data.byteLength;
}

/** The ancestors that would be made. A root is made by nobody, and that of a part of the tree may be gone. */
function sizeOfMissing(path: string, tree: Measured): number {
  let size = 0;
  for (let at = path; at !== rootPath && tree.get(at) === undefined; at = parentPath(at))
    size += znodeBytes + at.length;
  return size;
}
