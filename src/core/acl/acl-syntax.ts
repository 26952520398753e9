// What makes an access control list sound, and what is made of one as clients write it (A4-A8). A refusal says which entry
// is at fault and never repeats what stands in it: it may be a password in the wrong place.

import { KeeperError } from "../errors.ts";
import { aclEntriesMax, aclIdLengthMax } from "../limits.ts";
import {
  type Acl,
  type AclEntry,
  type AclScheme,
  allPermissions,
  everybody,
  type Permission,
  permissionBits,
  permissions,
} from "./acl.ts";
import { isNetwork } from "./addresses.ts";

const schemes: readonly AclScheme[] = ["world", "digest", "ip"];

/**
 * Reads a list as it stands in JSON. The scheme `auth` becomes one entry for each of the caller's digests (A6), and what
 * stands there twice stands there once (A4).
 * @param digests `user:hash` of each password the caller gave
 * @throws KeeperError `bad_acl`
 */
export function parseAcl(wire: unknown, digests: readonly string[]): Acl {
  if (!Array.isArray(wire)) throw badAcl("An access control list is a list of entries.");
  checkCount(wire.length);
  const entries = new Map<string, AclEntry>();
  for (const [index, one] of wire.entries()) {
    for (const entry of entriesOf(one, index, digests)) {
      checkEntry(entry, index);
      entries.set(`${entry.perms} ${entry.scheme} ${entry.id}`, entry);
    }
  }
  checkCount(entries.size);
  return [...entries.values()];
}

function entriesOf(wire: unknown, index: number, digests: readonly string[]): AclEntry[] {
  if (typeof wire !== "object" || wire === null || Array.isArray(wire))
    throw badEntry(index, "it must be an object with perms, scheme and id");
  const { perms: asked, scheme, id, ...others } = wire as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0)
    throw badEntry(index, "it may have perms, scheme and id, and no other member");
  const perms = permsOf(asked, index);
  if (scheme === "auth") {
    if (digests.length === 0)
      throw badEntry(
        index,
        "the scheme auth stands for what the request shows with Acl-Auth, and it shows nothing",
      );
    return digests.map((digest) => ({ perms, scheme: "digest", id: digest }));
  }
  if (typeof scheme !== "string" || typeof id !== "string")
    throw badEntry(index, "its scheme and its id must be texts");
  return [{ perms, scheme: scheme as AclScheme, id }];
}

function permsOf(names: unknown, index: number): number {
  if (!Array.isArray(names) || !names.every((name) => permissions.includes(name)))
    throw badEntry(index, `its perms must be a list of ${permissions.join(", ")}`);
  return names.reduce((sum: number, name: Permission) => sum | permissionBits[name], 0);
}

/** Names of the permissions, in the order of their bits. */
export function permissionNames(perms: number): Permission[] {
  return permissions.filter((name) => (perms & permissionBits[name]) !== 0);
}

/** @throws KeeperError `bad_acl` when the list is none that a znode may have */
export function validateAcl(acl: Acl): void {
  checkCount(acl.length);
  for (const [index, entry] of acl.entries()) checkEntry(entry, index);
}

function checkCount(count: number): void {
  if (count === 0)
    throw badAcl("An access control list has one entry or more: an empty one would lock all out.");
  if (count <= aclEntriesMax) return;
  throw new KeeperError(
    "bad_acl",
    `An access control list has at most ${aclEntriesMax} entries; this one has ${count}.`,
    { limit: "aclEntriesMax", limitValue: aclEntriesMax, size: count },
  );
}

function checkEntry(entry: AclEntry, index: number): void {
  const fault = faultOf(entry);
  if (fault !== null) throw badEntry(index, fault);
}

function faultOf({ perms, scheme, id }: AclEntry): string | null {
  if (!schemes.includes(scheme)) return `its scheme must be one of ${schemes.join(", ")}, auth`;
  if (!Number.isInteger(perms) || perms < 0 || perms > allPermissions)
    return "it has permissions that there are not";
  if (id.length > aclIdLengthMax) return `its id must have at most ${aclIdLengthMax} characters`;
  return isIdOf[scheme](id) ? null : `its id must be ${idForms[scheme]}`;
}

const isIdOf: Readonly<Record<AclScheme, (id: string) => boolean>> = {
  world: (id) => id === everybody,
  digest: (id) => id.isWellFormed() && isDigest(id),
  ip: isNetwork,
};

const idForms: Readonly<Record<AclScheme, string>> = {
  world: `${everybody}, as of all of the scheme world`,
  digest: "user:base64(SHA1(user:password)), as of all of the scheme digest",
  ip: "an IPv4 or IPv6 address, or one with /bits behind it, as of all of the scheme ip",
};

/** Two parts with a colon between them; colons at the end are none (A7). */
function isDigest(id: string): boolean {
  const parts = id.split(":");
  while (parts.at(-1) === "") parts.pop();
  return parts.length === 2;
}

/** The list of a text of `textOfAcl`; null where it is that of no sound list. @throws SyntaxError when it is no JSON */
export function aclOfText(text: string): Acl | null {
  return aclOfTriples(JSON.parse(text));
}

/** The same of a text that was read. */
export function aclOfTriples(read: unknown): Acl | null {
  if (!Array.isArray(read) || !read.every(isTriple)) return null;
  const acl = read.map(([perms, scheme, id]) => ({ perms, scheme, id }));
  return isSoundAcl(acl) ? acl : null;
}

function isTriple(one: unknown): one is [number, AclScheme, string] {
  if (!Array.isArray(one) || one.length !== 3) return false;
  const [perms, scheme, id] = one;
  return typeof perms === "number" && typeof scheme === "string" && typeof id === "string";
}

export function isSoundAcl(acl: Acl): boolean {
  return acl.length > 0 && acl.length <= aclEntriesMax && acl.every((entry) => faultOf(entry) === null);
}

function badEntry(index: number, reason: string): KeeperError {
  return badAcl(`Entry ${index} of the access control list is not valid: ${reason}.`);
}

function badAcl(message: string): KeeperError {
  return new KeeperError("bad_acl", message);
}
