// Rules of policies as people write them: `allow read,write /app`. What they may say the service knows.

import { InvalidArgumentError } from "commander";
import type { PolicyRule, Verb } from "../client/index.ts";

export function ruleIn(text: string): PolicyRule {
  const [, kind, verbs = "", prefix] = /^\s*(allow|deny)\s+([a-z]+(?:,[a-z]+)*)\s+(\/.*)$/.exec(text) ?? [];
  if (kind !== undefined && prefix !== undefined) return { prefix, [kind]: verbs.split(",") as Verb[] };
  throw new InvalidArgumentError(
    "It is allow or deny, verbs with commas between, and a path: 'allow read,write /app'.",
  );
}

/** One line for what is allowed, and one for what is denied. */
export function ruleLines({ prefix, allow, deny }: PolicyRule): string[] {
  const lineOf = (kind: string, verbs: readonly Verb[] = []) =>
    verbs.length === 0 ? [] : [`${kind} ${verbs.join(",")} ${prefix}`];
  return [...lineOf("allow", allow), ...lineOf("deny", deny)];
}
