// What somebody may know, worked out by hand from rules and docs/decisions/0036: of which parts of the tree two worlds must
// be the same for them, and in which they may differ. It shares nothing with the code that it is a measure for.

import type { Rule } from "../../src/core/access/policy.ts";
import type { Verb } from "../../src/core/access/verbs.ts";

const recipeRoots = ["/locks", "/elections", "/services", "/barriers", "/counters"];
const rawWrites: readonly Verb[] = ["write", "create", "delete"];
const aboutOne: readonly Verb[] = ["read", "write", "create", "delete", "admin"];

export class Knowledge {
  readonly #rules: readonly Rule[];
  readonly #paths: readonly string[];

  /** @param paths all that rules and worlds are about, parents before their children */
  constructor(rules: readonly Rule[], paths: readonly string[]) {
    this.#rules = rules;
    this.#paths = paths;
  }

  may(path: string, verb: Verb): boolean {
    const isRaw = rawWrites.includes(verb) && recipeRoots.some((root) => isWithin(path, root));
    return isRaw ? this.#mayByRules(path, "admin") : this.#mayByRules(path, verb);
  }

  #mayByRules(path: string, verb: Verb): boolean {
    const about = this.#rules.filter(
      ({ prefix, allow = [], deny = [] }) => isWithin(path, prefix) && [...allow, ...deny].includes(verb),
    );
    const longest = Math.max(...about.map(({ prefix }) => prefix.length));
    const deciding = about.filter(({ prefix }) => prefix.length === longest);
    return deciding.length > 0 && deciding.every(({ deny = [] }) => !deny.includes(verb));
  }

  mayAny(path: string, verbs: readonly Verb[] = aboutOne): boolean {
    return verbs.some((verb) => this.may(path, verb));
  }

  /** Who sets quotas is told how much the whole subtree holds. */
  knowsUsage(path: string): boolean {
    return this.#paths.some((above) => isWithin(path, above) && this.may(above, "admin"));
  }

  knowsData(path: string): boolean {
    return this.may(path, "read") || this.knowsUsage(path);
  }

  /** A write that was done is answered with the stat. */
  knowsStat(path: string): boolean {
    return this.mayAny(path, ["read", "write"]) || this.knowsUsage(path);
  }

  knowsVersion(path: string): boolean {
    return this.mayAny(path) || this.knowsUsage(path);
  }

  /** Whether it has children at all is told to whoever may delete it, and how far numbers have come to who may create. */
  knowsChildren(path: string): boolean {
    return this.knowsVersion(path);
  }

  knowsAllBelow(path: string): boolean {
    return this.#paths.filter((each) => isWithin(each, path)).every((each) => this.knowsChildren(each));
  }

  /** Its name is its parent's; whoever may create below it knows that it is there, and of what kind. */
  knowsExistence(path: string): boolean {
    if (this.knowsVersion(path)) return true;
    if (path !== "/" && this.knowsChildren(parentOf(path))) return true;
    return this.#childrenOf(path).some((child) => this.knowsExistence(child));
  }

  /** Whether it is an ephemeral, which can have no children. */
  knowsKind(path: string): boolean {
    return this.knowsVersion(path) || this.#childrenOf(path).some((child) => this.knowsExistence(child));
  }

  /** Whether one is set above or below shows when another is to be set. */
  knowsQuota(path: string): boolean {
    return this.knowsData(path) || this.#paths.some((any) => this.may(any, "admin"));
  }

  /** How many take part, and under which names: whoever coordinates meets them. */
  knowsPlaces(path: string): boolean {
    return this.mayAny(path, ["read", "coordinate", "admin"]) || this.knowsUsage(path);
  }

  #childrenOf(path: string): readonly string[] {
    return this.#paths.filter((each) => each !== "/" && parentOf(each) === path);
  }
}

function isWithin(path: string, prefix: string): boolean {
  return prefix === "/" || path === prefix || path.startsWith(`${prefix}/`);
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
