// What somebody may do to a path. The list is closed: a policy that names anything else is refused.

/**
 * `read` data, stat and names of children; `write` data; `create` and `delete` znodes; open a `session`; `coordinate` by
 * locks, elections, services, counters and barriers; `admin` for quotas, raw writes to what recipes keep, releases by
 * force, and, on the root, for tokens, policies and whatever belongs to nobody's path; `observe`, on the root, what the
 * service counts of everybody together, and nothing else.
 */
export const verbs = [
  "read",
  "write",
  "create",
  "delete",
  "session",
  "coordinate",
  "admin",
  "observe",
] as const;

export type Verb = (typeof verbs)[number];

/** Some verbs as one number. */
export function bitsOf(some: readonly Verb[]): number {
  return some.reduce((bits, verb) => bits | bitOf[verb], 0);
}

/** Each verb's own bit. */
export const bitOf = Object.fromEntries(verbs.map((verb, index) => [verb, 1 << index])) as Readonly<
  Record<Verb, number>
>;

export const allBits = bitsOf(verbs);
