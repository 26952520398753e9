// Entries of access control lists as ZooKeeper's own command line writes them: `scheme:id:permissions`, with a letter for
// each permission.

import { InvalidArgumentError } from "commander";
import type { AclEntry, Permission } from "../client/index.ts";

/** In the order in which ZooKeeper prints them. */
const letters: readonly (readonly [string, Permission])[] = [
  ["c", "create"],
  ["d", "delete"],
  ["r", "read"],
  ["w", "write"],
  ["a", "admin"],
];

/** For an argument that may be there several times. */
export function addAclEntry(text: string, before: readonly AclEntry[] = []): readonly AclEntry[] {
  const [, scheme, id, given] = /^([^:]+):(.*):([cdrwa]*)$/.exec(text) ?? [];
  if (scheme === undefined || id === undefined || given === undefined) {
    throw new InvalidArgumentError(
      "It is SCHEME:ID:PERMISSIONS, such as world:anyone:r or ip:10.0.0.0/8:cdrwa; PERMISSIONS are some of cdrwa.",
    );
  }
  const perms = letters.filter(([letter]) => given.includes(letter)).map(([, name]) => name);
  return [...before, { perms, scheme: scheme as AclEntry["scheme"], ...(scheme !== "auth" && { id }) }];
}

export function aclEntryText({ perms, scheme, id = "" }: AclEntry): string {
  const given = letters.filter(([, name]) => perms.includes(name)).map(([letter]) => letter);
  return `${scheme}:${id}:${given.join("")}`;
}
