// What some policies together give: whether somebody may do something to a path follows from the path alone, and never
// from what is there, so that a refusal says nothing of the tree (docs/decisions/0036).

import { rootPath } from "../tree/path.ts";
import { Namespaces } from "./namespaces.ts";
import type { Policy } from "./policy.ts";
import { allBits, bitOf, bitsOf, type Verb, verbs } from "./verbs.ts";

interface Said {
  allow: number;
  deny: number;
}

/** What was last found of a path, and by whose rights. Paths of which the same was found share a record. */
interface Found {
  readonly rights: Rights;
  /** Bits of the verbs that may be done to it. */
  readonly allowed: number;
  /** The same with bare hands: what recipes keep is written by them, and else by an admin alone. */
  readonly byHand: number;
}

/** Paths of which something is remembered: those of all requests under way, many times over. */
const foundMax = 10_000;

const writes = bitsOf(["write", "create", "delete"]);

/**
 * What was found lately, by path, for all rights together: one request asks for a path again and again, and many ask for
 * the same ones. It never says anything that would not be found anew; call `clear` when any policy or namespace changes.
 */
export class FoundRights {
  readonly #namespaces: Pick<Namespaces, "keeps">;
  readonly #byPath = new Map<string, Found>();
  /** One command asks of one path several times in a row. */
  #lastPath = "";
  #last: Found | null = null;

  constructor(namespaces: Pick<Namespaces, "keeps"> = new Namespaces()) {
    this.#namespaces = namespaces;
  }

  of(rights: Rights, path: string): Found {
    const last = this.#last;
    if (last !== null && last.rights === rights && path === this.#lastPath) return last;
    const known = this.#byPath.get(path);
    const found = known?.rights === rights ? known : this.#find(rights, path);
    this.#last = found;
    this.#lastPath = path;
    return found;
  }

  #find(rights: Rights, path: string): Found {
    const allowed = rights.allowedOn(path);
    const isKept = this.#namespaces.keeps(path);
    const found = rights.foundAs(allowed, isKept ? keptByHand(allowed) : allowed);
    if (this.#byPath.size >= foundMax) this.#byPath.clear();
    this.#byPath.set(path, found);
    return found;
  }

  /** Of rights that count no more nothing is kept. */
  clear(): void {
    this.#byPath.clear();
    this.#last = null;
  }
}

function keptByHand(allowed: number): number {
  return (allowed & bitOf.admin) === 0 ? allowed & ~writes : allowed | writes;
}

export class Rights {
  /** What all rules about a prefix say together. */
  readonly #byPrefix = new Map<string, Said>();
  /** How long prefixes are, the longest first, but for the root: no others of a path need to be looked for. */
  readonly #lengths: readonly number[];
  readonly #found: FoundRights;
  readonly #records = new Map<number, Found>();

  constructor(policies: Iterable<Policy>, found = new FoundRights()) {
    this.#found = found;
    for (const { rules } of policies) {
      for (const { prefix, allow = [], deny = [] } of rules) {
        const said = this.#at(prefix);
        said.allow |= bitsOf(allow);
        said.deny |= bitsOf(deny);
      }
    }
    const lengths = new Set([...this.#byPrefix.keys()].map((prefix) => prefix.length));
    this.#lengths = [...lengths].filter((length) => length > rootPath.length).sort((a, b) => b - a);
  }

  #at(prefix: string): Said {
    const said = this.#byPrefix.get(prefix) ?? { allow: 0, deny: 0 };
    this.#byPrefix.set(prefix, said);
    return said;
  }

  /**
   * Of the rules that name the verb, those with the longest prefix of the path decide; among them a denial. Nobody may
   * what no rule allows.
   */
  may(path: string, verb: Verb): boolean {
    return (this.#found.of(this, path).allowed & bitOf[verb]) !== 0;
  }

  /** The same with bare hands. */
  mayByHand(path: string, verb: Verb): boolean {
    return (this.#found.of(this, path).byHand & bitOf[verb]) !== 0;
  }

  /** The same record for the same bits: there are few, so that those in use are in the processor's cache. */
  foundAs(allowed: number, byHand: number): Found {
    const bits = allowed | (byHand << verbs.length);
    const found = this.#records.get(bits) ?? { rights: this, allowed, byHand };
    this.#records.set(bits, found);
    return found;
  }

  /** Bits of all verbs that may be done to the path. */
  allowedOn(path: string): number {
    let allowed = 0;
    let open = allBits;
    for (const length of this.#lengths) {
      if (!hasPrefixOf(path, length)) continue;
      const said = this.#byPrefix.get(length === path.length ? path : path.slice(0, length));
      if (said === undefined) continue;
      allowed |= said.allow & ~said.deny & open;
      open &= ~(said.allow | said.deny);
      if (open === 0) return allowed;
    }
    const said = this.#byPrefix.get(rootPath);
    return said === undefined ? allowed : allowed | (said.allow & ~said.deny & open);
  }

  /** Whether it may be done to the path and to all that is or ever will be below it. */
  mayAllBelow(path: string, verb: Verb): boolean {
    if (!this.may(path, verb)) return false;
    const start = path === rootPath ? rootPath : `${path}/`;
    for (const [prefix, { deny }] of this.#byPrefix)
      if ((deny & bitOf[verb]) !== 0 && prefix.startsWith(start) && prefix !== path) return false;
    return true;
  }

  /** Whether it may be done to the path or to anything below it: for whoever looks where to go. */
  mayAnyBelow(path: string, verb: Verb): boolean {
    if (this.may(path, verb)) return true;
    const start = path === rootPath ? rootPath : `${path}/`;
    for (const [prefix, said] of this.#byPrefix)
      if (allows(said, bitOf[verb]) && prefix.startsWith(start)) return true;
    return false;
  }
}

/** Whether so many characters of the path are whole segments. */
function hasPrefixOf(path: string, length: number): boolean {
  return length === path.length || (length < path.length && path[length] === "/");
}

/** Where a rule names the verb, it decides by itself. */
function allows({ allow, deny }: Said, bit: number): boolean {
  return (allow & bit) !== 0 && (deny & bit) === 0;
}
