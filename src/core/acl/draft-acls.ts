// The access control lists as a command in progress has left them so far: which are new, and which no znode has any more.

import { type Acl, type KeptAcl, openAcl, textOfAcl } from "./acl.ts";
import type { AclChange, Acls } from "./acls.ts";

export class DraftAcls {
  readonly #acls: Acls;
  readonly #changes: Pick<AclChange[], "push">;
  /** Those that are new, by their text. */
  readonly #kept = new Map<string, KeptAcl>();
  /** Znodes that have a list more than before, or less, by its id. */
  readonly #uses = new Map<number, number>();
  #nextId: number;

  /** @param changes where it is told which lists come and go */
  constructor(acls: Acls, changes: Pick<AclChange[], "push">) {
    this.#acls = acls;
    this.#changes = changes;
    this.#nextId = acls.nextId;
  }

  /** The list as the state will have it, for one more znode. */
  use(acl: Acl = openAcl.entries): KeptAcl {
    if (acl === openAcl.entries) return openAcl;
    const text = textOfAcl(acl);
    if (text === openText) return openAcl;
    const known = this.#kept.get(text) ?? this.#acls.find(text);
    const kept = known !== undefined && this.#usesOf(known) > 0 ? known : this.#keep(text, acl);
    this.#count(kept, 1);
    return kept;
  }

  #keep(text: string, entries: Acl): KeptAcl {
    const acl = { id: this.#nextId, entries };
    this.#nextId += 1;
    this.#kept.set(text, acl);
    this.#changes.push({ type: "aclKept", acl });
    return acl;
  }

  /** One znode less has it; to be told after the change of that znode. */
  release(acl: KeptAcl): void {
    if (acl === openAcl) return;
    this.#count(acl, -1);
    if (this.#usesOf(acl) === 0) this.#changes.push({ type: "aclForgotten", acl });
  }

  #usesOf({ id }: KeptAcl): number {
    return this.#acls.usesOf(id) + (this.#uses.get(id) ?? 0);
  }

  #count({ id }: KeptAcl, added: 1 | -1): void {
    this.#uses.set(id, (this.#uses.get(id) ?? 0) + added);
  }
}

const openText = textOfAcl(openAcl.entries);
