// What some policies together give: whether somebody may do something to a path follows from the path alone, and never
// from what is there, so that a refusal says nothing of the tree (docs/decisions/0036).

import { rootPath } from "../tree/path.ts";
import type { Policy } from "./policy.ts";
import { bitOf, bitsOf, type Verb } from "./verbs.ts";

interface Said {
  allow: number;
  deny: number;
}

export class Rights {
  /** What all rules about a prefix say together. */
  readonly #byPrefix = new Map<string, Said>();
  /** How long prefixes are, the longest first, but for the root: no others of a path need to be looked for. */
  readonly #lengths: readonly number[];

  constructor(policies: Iterable<Policy>) {
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
    const bit = bitOf[verb];
    for (const length of this.#lengths) {
      if (!hasPrefixOf(path, length)) continue;
      const said = this.#byPrefix.get(length === path.length ? path : path.slice(0, length));
      if (said !== undefined && ((said.allow | said.deny) & bit) !== 0) return allows(said, bit);
    }
    const said = this.#byPrefix.get(rootPath);
    return said !== undefined && allows(said, bit);
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
