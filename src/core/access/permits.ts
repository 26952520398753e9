// What somebody may do, wherever they ask from: what a command, a read and a stream are held against. Paths are those
// of the whole tree.

import { KeeperError } from "../errors.ts";
import { rootPath } from "../tree/path.ts";
import type { Namespaces } from "./namespaces.ts";
import type { Policy } from "./policy.ts";
import type { Rights } from "./rights.ts";
import type { Verb } from "./verbs.ts";

export interface Permits {
  /** Who it is, as people are told; null where nobody is asked who they are. */
  readonly by: string | null;
  /** Whose is what they open and ask for: a token that was made again under its name is another one. Null as `by` is. */
  readonly owner: string | null;
  /** What is `/` to them. */
  readonly root: string;
  /** Permits with equal keys allow the same. */
  readonly key: string;
  /** When they end, epoch milliseconds; null for never. */
  readonly validUntilMs: number | null;
  may(path: string, verb: Verb): boolean;
  /** The same with bare hands: what recipes keep is written by them, and else by an admin alone. */
  mayByHand(path: string, verb: Verb): boolean;
  /** To the path and to all that is or ever will be below it. */
  mayAllBelow(path: string, verb: Verb): boolean;
  /** Whether recipes keep the path, and it is not for everybody to write. */
  isKept(path: string): boolean;
  /** Whether there is a namespace at the path or below it, and in it what recipes keep. */
  hasKeptFrom(path: string): boolean;
  /** Whether there are recipes for them: none in a root that never was made a namespace. */
  readonly hasRecipes: boolean;
  /** To the path or to anything that is or ever will be below it. */
  mayAnyBelow(path: string, verb: Verb): boolean;
  /** What the rights are of; none where nobody is asked who they are. */
  readonly policies: readonly Policy[];
  /** Whether no znode's access control list holds for them: for admins of the whole tree, and the service itself (A10). */
  skipsLists(): boolean;
}

const everything = {
  ...{ root: rootPath, validUntilMs: null, hasRecipes: true },
  ...{ may: () => true, mayByHand: () => true, mayAllBelow: () => true, mayAnyBelow: () => true },
  ...{ isKept: () => false, hasKeptFrom: () => false },
  ...{ policies: [], skipsLists: () => false },
} as const;

/** Where access control is off: whoever asks may do everything, and is nobody in particular. */
export const openPermits: Permits = { ...everything, by: null, owner: null, key: "" };

/** The same for what the service does by itself: no list holds for it. */
export const openSystemPermits: Permits = { ...openPermits, skipsLists: () => true };

/** For what the service does by itself. */
export const systemPermits: Permits = {
  ...everything,
  ...{ by: null, owner: null, key: "system", skipsLists: () => true },
};

/** For what lists have no say in: policies alone hold. */
export function withoutLists(permits: Permits): Permits {
  return { ...permits, skipsLists: () => true };
}

/** For a recipe at work for somebody: it sees what it keeps, and tells them no more than concerns them. */
export function asRecipe(permits: Permits): Permits {
  return {
    ...withoutLists(permits),
    ...{ may: () => true, mayByHand: () => true, mayAllBelow: () => true, mayAnyBelow: () => true },
  };
}

/** What some policies give together, to whoever has them. */
export interface Grant {
  /** Names of the policies, sorted, as one text. */
  readonly names: string;
  /** Those of them that there are. */
  readonly policies: readonly Policy[];
  /** Made when it is first asked for. */
  readonly rights: () => Rights;
}

export interface Permitted extends Grant {
  readonly by: string;
  readonly owner: string;
  readonly root: string;
  readonly validUntilMs: number | null;
  readonly namespaces: Pick<Namespaces, "has" | "keeps" | "hasFrom">;
}

export function permitsOf(permitted: Permitted): Permits {
  const { by, owner, root, validUntilMs, names, policies, rights, namespaces } = permitted;
  return {
    by,
    owner,
    root,
    validUntilMs,
    key: `${root}\n${names}`,
    may: (path, verb) => rights().may(path, verb),
    mayByHand: (path, verb) => rights().mayByHand(path, verb),
    mayAllBelow: (path, verb) => rights().mayAllBelow(path, verb),
    mayAnyBelow: (path, verb) => rights().mayAnyBelow(path, verb),
    policies,
    skipsLists: () => root === rootPath && rights().may(rootPath, "admin"),
    isKept: (path) => namespaces.keeps(path),
    hasKeptFrom: (path) => namespaces.hasFrom(path),
    hasRecipes: root === rootPath || namespaces.has(root),
  };
}

/** Whether somebody may do by one what they may do by the other. */
export function allowTheSame(one: Permits, other: Permits): boolean {
  if (one === other) return true;
  if (one.root !== other.root || one.policies.length !== other.policies.length) return false;
  return one.policies.every((policy, index) => sayTheSame(policy, other.policies[index] as Policy));
}

/** What a policy was last compared with: when one is set again, all who have it are looked at. */
const compared = new WeakMap<Policy, { readonly other: Policy; readonly areSame: boolean }>();

/** A policy that was not set again is the same record. */
function sayTheSame(one: Policy, other: Policy): boolean {
  if (one === other) return true;
  const known = compared.get(one);
  if (known?.other === other) return known.areSame;
  const areSame = JSON.stringify(one) === JSON.stringify(other);
  compared.set(one, { other, areSame });
  return areSame;
}

/** The same sentence for every credential that is none, or is none any more. */
export function unauthenticated(): KeeperError {
  return new KeeperError(
    "unauthenticated",
    "This needs a token that is valid: send it as Authorization: Bearer <token>. It may be wrong, expired or revoked.",
  );
}

/** Whether somebody is confined to less than the whole tree. */
export function isConfined({ root }: Pick<Permits, "root">): boolean {
  return root !== rootPath;
}
