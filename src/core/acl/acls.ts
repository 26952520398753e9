// The access control lists there are, each once, with the number of znodes that have it (A19). A list that no znode has any
// more is forgotten. Ids are given out by what is there alone, so that every server and every restart gives the same.

import { type KeptAcl, openAcl, textOfAcl } from "./acl.ts";

/** How a list came or went: it comes before the first znode that has it, and goes after the last one. */
export interface AclChange {
  readonly type: "aclKept" | "aclForgotten";
  readonly acl: KeptAcl;
}

interface Place {
  readonly acl: KeptAcl;
  readonly text: string;
  uses: number;
}

export class Acls {
  /** By id; nothing where none has it, and never at the end. */
  readonly #byId: (Place | undefined)[] = [];
  readonly #byText = new Map<string, Place>();
  #textLength = 0;

  /** How many there are, the open one not counted. */
  get size(): number {
    return this.#byText.size;
  }

  /** Characters of all of them. */
  get textLength(): number {
    return this.#textLength;
  }

  /** Behind all that there are; id 0 is that of the open list. */
  get nextId(): number {
    return Math.max(openAcl.id + 1, this.#byId.length);
  }

  get(id: number): KeptAcl | undefined {
    return id === openAcl.id ? openAcl : this.#byId[id]?.acl;
  }

  find(text: string): KeptAcl | undefined {
    return this.#byText.get(text)?.acl;
  }

  /** Znodes that have it. */
  usesOf(id: number): number {
    return this.#byId[id]?.uses ?? 0;
  }

  /** Every list but the open one, by id. */
  *values(): Generator<KeptAcl> {
    for (const place of this.#byId) if (place !== undefined) yield place.acl;
  }

  put(acl: KeptAcl): void {
    const place: Place = { acl, text: textOfAcl(acl.entries), uses: 0 };
    this.#byId[acl.id] = place;
    this.#byText.set(place.text, place);
    this.#textLength += place.text.length;
  }

  remove({ id }: KeptAcl): void {
    const place = this.#byId[id];
    if (place === undefined) return;
    this.#byText.delete(place.text);
    this.#textLength -= place.text.length;
    this.#byId[id] = undefined;
    while (this.#byId.length > 0 && this.#byId.at(-1) === undefined) this.#byId.pop();
  }

  /** A znode has it, or has it no more. */
  count({ id }: KeptAcl, added: 1 | -1): void {
    const place = this.#byId[id];
    if (place !== undefined) place.uses += added;
  }
}
