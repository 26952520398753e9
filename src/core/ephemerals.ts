// The ephemeral znodes of each session, and how much telling their end would take: it is told all at once.

import type { Namespaces } from "./access/namespaces.ts";
import { deletedLength } from "./bounds.ts";
import type { Znode } from "./tree/znode.ts";

interface Owned {
  readonly paths: Set<string>;
  bytes: number;
}

export class Ephemerals {
  readonly #bySession = new Map<string, Owned>();
  readonly #namespaces: Namespaces;

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  /** In no order that may matter. */
  of(sessionId: string): ReadonlySet<string> {
    return this.#bySession.get(sessionId)?.paths ?? noPaths;
  }

  /** As `deletedLength` counts. */
  bytesOf(sessionId: string): number {
    return this.#bySession.get(sessionId)?.bytes ?? 0;
  }

  added(znode: Znode): void {
    if (znode.ephemeralOwner === null) return;
    let owned = this.#bySession.get(znode.ephemeralOwner);
    if (owned === undefined) {
      owned = { paths: new Set(), bytes: 0 };
      this.#bySession.set(znode.ephemeralOwner, owned);
    }
    owned.paths.add(znode.path);
    owned.bytes += this.#lengthOf(znode);
  }

  changed(znode: Znode, before: Znode): void {
    if (znode.ephemeralOwner === null) return;
    const owned = this.#bySession.get(znode.ephemeralOwner) as Owned;
    owned.bytes += this.#lengthOf(znode) - this.#lengthOf(before);
  }

  removed(znode: Znode): void {
    if (znode.ephemeralOwner === null) return;
    const owned = this.#bySession.get(znode.ephemeralOwner) as Owned;
    owned.paths.delete(znode.path);
    owned.bytes -= this.#lengthOf(znode);
    if (owned.paths.size === 0) this.#bySession.delete(znode.ephemeralOwner);
  }

  #lengthOf(znode: Znode): number {
    return deletedLength(znode, this.#namespaces);
  }
}

const noPaths: ReadonlySet<string> = new Set();
