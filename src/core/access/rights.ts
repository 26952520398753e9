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
  #prefixLengthMax = 0;

  constructor(policies: Iterable<Policy>) {
    for (const { rules } of policies) {
      for (const { prefix, allow = [], deny = [] } of rules) {
        const said = this.#at(prefix);
        said.allow |= bitsOf(allow);
        said.deny |= bitsOf(deny);
      }
    }
  }

  #at(prefix: string): Said {
    const said = this.#byPrefix.get(prefix) ?? { allow: 0, deny: 0 };
    this.#byPrefix.set(prefix, said);
    this.#prefixLengthMax = Math.max(this.#prefixLengthMax, prefix.length);
    return said;
  }

  /**
   * Of the rules that name the verb, those with the longest prefix of the path decide; among them a denial. Nobody may
   * what no rule allows.
   */
  may(path: string, verb: Verb): boolean {
    const bit = bitOf[verb];
    for (let prefix = this.#longestPrefixOf(path); ; prefix = parentOf(prefix)) {
      const said = this.#byPrefix.get(prefix);
      if (said !== undefined) {
        if ((said.deny & bit) !== 0) return false;
        if ((said.allow & bit) !== 0) return true;
      }
      if (prefix === rootPath) return false;
    }
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
    for (const [prefix, { allow }] of this.#byPrefix)
      if ((allow & bitOf[verb]) !== 0 && prefix.startsWith(start) && this.may(prefix, verb)) return true;
    return false;
  }

  /** The longest that a rule could have: a path with thousands of segments costs no more than the longest rule. */
  #longestPrefixOf(path: string): string {
    if (path.length <= this.#prefixLengthMax) return path;
    return path.slice(0, path.lastIndexOf("/", this.#prefixLengthMax)) || rootPath;
  }
}

function parentOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf("/")) || rootPath;
}
