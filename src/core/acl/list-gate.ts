// The second gate: what the list of a znode says of somebody, besides their policies. Most znodes are open to all, and of
// those nothing is asked. A list speaks of its own znode, so it is looked at where the znode is found, and says nothing of
// one that is not there.

import type { Permits } from "../access/permits.ts";
import { KeeperError } from "../errors.ts";
import {
  type Acl,
  aclAllows,
  type Identities,
  type KeptAcl,
  nobodyKnown,
  openAcl,
  type Permission,
  permissionBits,
  type Shown,
} from "./acl.ts";

const { read, admin } = permissionBits;

export class ListGate {
  readonly #permits: Pick<Permits, "skipsLists">;
  readonly #shown: Partial<Shown>;
  #identities: Identities | null = null;
  /** The last list that was asked for `read`, and its answer: what is met in a row often has the same. */
  #lastRead: { readonly acl: Acl; readonly isAllowed: boolean } | null = null;

  /** @param shown what they showed and where they come from; nothing and nowhere unless given */
  constructor(permits: Pick<Permits, "skipsLists">, shown: Partial<Shown> = nobodyKnown) {
    this.#permits = permits;
    this.#shown = shown;
  }

  /** Whom lists take them for. It is found out when a list is met that is not open to all. */
  get identities(): Identities {
    const { digests = nobodyKnown.digests, address = nobodyKnown.address } = this.#shown;
    this.#identities ??= { digests, address, isSuper: this.#permits.skipsLists() };
    return this.#identities;
  }

  allows(acl: KeptAcl, permission: Permission): boolean {
    return acl.id === openAcl.id || aclAllows(acl.entries, permissionBits[permission], this.identities);
  }

  /** Whether data, stat and children's names of a znode that has the list may be told. */
  mayRead(acl: KeptAcl): boolean {
    return acl.id === openAcl.id || this.mayReadBy(acl.entries);
  }

  /** The same by the entries alone, as a message has them. */
  mayReadBy(acl: Acl): boolean {
    if (this.#lastRead?.acl !== acl)
      this.#lastRead = { acl, isAllowed: aclAllows(acl, read, this.identities) };
    return this.#lastRead.isAllowed;
  }

  /** Whether they may see the list itself (A14). */
  maySee(acl: KeptAcl): boolean {
    return acl.id === openAcl.id || aclAllows(acl.entries, read | admin, this.identities);
  }
}

/** @param path of the znode that has the list, as whoever asks names it */
export function keptOut(path: string, permission: Permission): KeeperError {
  return new KeeperError(
    "forbidden",
    `The access control list of ${path} does not give you the permission \`${permission}\`.`,
    { path },
  );
}
