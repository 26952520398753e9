// Policies: what those who have one may do, as rules about prefixes of paths. A rule speaks of the verbs it names and of
// no others, so that one more policy takes nothing away unless it says so.

import { KeeperError } from "../errors.ts";
import { validatePath } from "../tree/path.ts";
import { type Verb, verbs } from "./verbs.ts";

export interface Rule {
  /** Whole segments: `/a` covers `/a` and `/a/b`, and not `/ab`. */
  readonly prefix: string;
  readonly allow?: readonly Verb[];
  readonly deny?: readonly Verb[];
}

export interface Policy {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Always there, and what the first token has: everything, everywhere. */
export const adminPolicy: Policy = { name: "admin", rules: [{ prefix: "/", allow: verbs }] };

export const accessBounds = {
  policiesMax: 10_000,
  rulesPerPolicyMax: 100,
  prefixLengthMax: 1024,
  tokensMax: 10_000,
  policiesPerTokenMax: 20,
} as const;

/** Names of policies and tokens: they are shown in logs, URLs and events as they are. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const accessNameForm =
  "1 to 64 letters, digits, `.`, `_` and `-`, of which the first is a letter or a digit";

/** @throws KeeperError `bad_request` */
export function validateAccessName(name: string, what: "policy" | "token"): void {
  if (namePattern.test(name)) return;
  throw new KeeperError("bad_request", `The name of a ${what} has ${accessNameForm}.`);
}

/** @throws KeeperError `bad_request`, `bad_path`, `reserved_path` */
export function validatePolicy({ name, rules }: Policy): void {
  validateAccessName(name, "policy");
  if (name === adminPolicy.name) {
    throw new KeeperError("reserved_path", "The policy admin is always what it is; choose another name.");
  }
  const { rulesPerPolicyMax } = accessBounds;
  if (rules.length > rulesPerPolicyMax) {
    throw new KeeperError(
      "too_large",
      `A policy has at most ${rulesPerPolicyMax} rules, not ${rules.length}.`,
      {
        limit: "rulesPerPolicyMax",
        limitValue: rulesPerPolicyMax,
        size: rules.length,
      },
    );
  }
  for (const rule of rules) validateRule(rule);
}

function validateRule({ prefix, allow = [], deny = [] }: Rule): void {
  const { prefixLengthMax } = accessBounds;
  if (prefix.length > prefixLengthMax) {
    throw new KeeperError("bad_path", `The prefix of a rule has at most ${prefixLengthMax} characters.`, {
      limit: "prefixLengthMax",
      limitValue: prefixLengthMax,
      size: prefix.length,
    });
  }
  validatePath(prefix);
  if ([...allow, ...deny].every((verb) => verbs.includes(verb))) return;
  throw new KeeperError("bad_request", `A rule allows or denies ${verbs.join(", ")}, and nothing else.`);
}
