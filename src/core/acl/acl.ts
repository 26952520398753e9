// Access control lists as ZooKeeper has them: each znode has one of its own, which is never inherited. An entry gives, and
// none takes away (A1, A2). Nothing here knows a password: an identity is what was made of it.

import { isAddressIn } from "./addresses.ts";

/** The permissions, by the bit each is (A1). */
export const permissionBits = { read: 1, write: 2, create: 4, delete: 8, admin: 16 } as const;

export type Permission = keyof typeof permissionBits;

export const permissions = Object.keys(permissionBits) as readonly Permission[];

export const allPermissions = 31;

/** What an entry may be about: everybody, who knows a password, who comes from an address. */
export type AclScheme = "world" | "digest" | "ip";

export interface AclEntry {
  /** A sum of `permissionBits`; 0 gives nothing. */
  readonly perms: number;
  readonly scheme: AclScheme;
  readonly id: string;
}

export type Acl = readonly AclEntry[];

/** A list as the state has it: once, however many znodes have it (A19). */
export interface KeptAcl {
  /** 0 for the open list, which is in no table. */
  readonly id: number;
  readonly entries: Acl;
}

export const everybody = "anyone";

/** Everybody may do everything: what a znode has that was made without a list (A17, A18). */
export const openAcl: KeptAcl = {
  id: 0,
  entries: [{ perms: allPermissions, scheme: "world", id: everybody }],
};

/** What a request shows of who asks. */
export interface Shown {
  /** `user:hash` for each password that was given; nobody asked whether there is such a user (A7). */
  readonly digests: readonly string[];
  /** Where the request comes from, IPv4 written as IPv4; null for what comes from nowhere. */
  readonly address: string | null;
}

/** Who asks. */
export interface Identities extends Shown {
  /** No list holds for it (A10). */
  readonly isSuper: boolean;
}

/** Who has shown nothing and comes from nowhere. */
export const nobodyKnown: Identities = { digests: [], address: null, isSuper: false };

/** Whether any entry gives any of the permissions to any of the identities (A2). @param perms a sum of `permissionBits` */
export function aclAllows(acl: Acl, perms: number, who: Identities): boolean {
  return who.isSuper || acl.some((entry) => (entry.perms & perms) !== 0 && isFor(entry, who));
}

function isFor({ scheme, id }: AclEntry, { digests, address }: Identities): boolean {
  switch (scheme) {
    case "world":
      return true;
    case "digest":
      return digests.includes(id);
    case "ip":
      return address !== null && isAddressIn(address, id);
  }
}

/** What stands in the place of a hash that is not shown. */
const mask = ":x";

/** The list as it is shown: to whom it does not give `admin`, whose passwords count and not their hashes (A14). */
export function shownTo(who: Identities, acl: Acl): Acl {
  if (aclAllows(acl, permissionBits.admin, who)) return acl;
  return acl.map((entry) =>
    entry.scheme === "digest" ? { ...entry, id: entry.id.slice(0, entry.id.indexOf(":")) + mask } : entry,
  );
}

/** Whether the list is what somebody was shown who did not see it whole. */
export function isMasked(acl: Acl): boolean {
  return acl.some(({ scheme, id }) => scheme === "digest" && id.endsWith(mask));
}

const textLengths = new WeakMap<Acl, number>();

/** Of its text, for those who ask of one list again and again. */
export function textLengthOf(acl: Acl): number {
  const length = textLengths.get(acl) ?? textOfAcl(acl).length;
  textLengths.set(acl, length);
  return length;
}

/** The list in few characters: two lists are the same when their texts are. */
export function textOfAcl(acl: Acl): string {
  return JSON.stringify(acl.map(({ perms, scheme, id }) => [perms, scheme, id]));
}
