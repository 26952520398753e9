// A znode as of one zxid. Records are never changed in place: a write makes a new record, so whoever holds an
// old one (a snapshot being sent, a change waiting for a slow reader) keeps reading the state it was taken at.

import { type KeptAcl, openAcl } from "../acl/acl.ts";

export interface Znode {
  /** Counts creations in this tree: a parent's id is smaller than its children's, and ids are never reused. */
  readonly id: number;
  readonly path: string;
  /** Never null: absent data and empty data are the same thing (C7, D12). */
  readonly data: Uint8Array;
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly aversion: number;
  /** Children created plus children deleted under this incarnation (S7). */
  readonly cversion: number;
  /** Moves on with every child created, never back, and past numbers found taken (Q1, Q4, D2). */
  readonly nextSequence: number;
  readonly numChildren: number;
  /** Id of the owning session, or null when the znode is not ephemeral (E1). */
  readonly ephemeralOwner: string | null;
  /** The number the server put into the name, or null when it did not. */
  readonly sequence: number | null;
  readonly ttlMs: number | null;
  readonly container: boolean;
  /** How long the service had run when the data was last written; null for one that does not go by itself. */
  readonly writtenRanMs: number | null;
  /**
   * Of a place in a queue or barrier: the requests that asked for it, none of which has given it up. Null where nobody may
   * give it up on behalf of a request, as for every other znode. No client sees it.
   */
  readonly attempts: readonly string[] | null;
  /** Who may do what with it: as it was when the record was made, whatever has become of the list since. */
  readonly acl: KeptAcl;
}

/** What a client asked a new znode to be; what can be written down is what can happen (C1). */
export type CreateMode =
  | { readonly kind: "persistent"; readonly sequential: boolean; readonly ttlMs?: number }
  | { readonly kind: "ephemeral"; readonly sequential: boolean }
  | { readonly kind: "container" };

export const emptyData: Uint8Array = new Uint8Array(0);

/** The root of a fresh tree. It was created by no transaction, so all of its numbers are 0 (D3). */
export function rootZnode(): Znode {
  return {
    id: 0,
    path: "/",
    data: emptyData,
    czxid: 0,
    mzxid: 0,
    pzxid: 0,
    ctimeMs: 0,
    mtimeMs: 0,
    version: 0,
    aversion: 0,
    cversion: 0,
    nextSequence: 0,
    numChildren: 0,
    ephemeralOwner: null,
    sequence: null,
    ttlMs: null,
    container: false,
    writtenRanMs: null,
    attempts: null,
    acl: openAcl,
  };
}
