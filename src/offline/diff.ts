// `diff`: what two trees do not have in common, by path, in the order of the paths. It goes through both side by side and
// keeps none of what it found.

import type { ZnodeLine } from "./dump-lines.ts";
import { keyOf, type TreeOptions, treeAt } from "./trees.ts";

/** A znode that is in one tree only, or not the same in both. */
export interface Difference {
  readonly path: string;
  readonly what: "only in first" | "only in second" | "differs";
  /** In what it differs: `data`, `acl`, `kind`, or a number of its stat. */
  readonly in?: readonly string[];
  readonly first?: ZnodeLine;
  readonly second?: ZnodeLine;
}

export interface DiffOptions extends TreeOptions {
  /** Compare every number of the stat as well. */
  readonly stat?: boolean | undefined;
}

/** @throws OfflineError */
export async function* diff(
  first: string,
  second: string,
  options: DiffOptions = {},
): AsyncGenerator<Difference, void, undefined> {
  const [ones, others] = [treeAt(first, options), treeAt(second, options)];
  try {
    yield* differencesOf(ones, others, options.stat === true ? statMembersOf : () => kindMembers);
  } finally {
    await ones.return();
    await others.return();
  }
}

type Lines = AsyncGenerator<ZnodeLine, void, undefined>;
type MembersOf = (one: ZnodeLine, other: ZnodeLine) => readonly string[];

async function* differencesOf(ones: Lines, others: Lines, membersOf: MembersOf): AsyncGenerator<Difference> {
  let [one, other] = [await next(ones), await next(others)];
  while (one !== undefined || other !== undefined) {
    const order = orderOf(one, other);
    if (order < 0 && one !== undefined) {
      yield { path: one.path, what: "only in first", first: one };
      one = await next(ones);
    } else if (order > 0 && other !== undefined) {
      yield { path: other.path, what: "only in second", second: other };
      other = await next(others);
    } else if (one !== undefined && other !== undefined) {
      const faults = differsIn(one, other, membersOf);
      if (faults.length > 0) yield { path: one.path, what: "differs", in: faults, first: one, second: other };
      [one, other] = [await next(ones), await next(others)];
    }
  }
}

async function next(lines: Lines): Promise<ZnodeLine | undefined> {
  const { value } = await lines.next();
  return value ?? undefined;
}

function orderOf(one: ZnodeLine | undefined, other: ZnodeLine | undefined): number {
  if (one === undefined) return 1;
  if (other === undefined) return -1;
  const [key, otherKey] = [keyOf(one.path), keyOf(other.path)];
  if (key === otherKey) return 0;
  return key < otherKey ? -1 : 1;
}

/** What a znode is, as far as it was chosen when it was made. */
const kindMembers = ["ephemeralOwner", "ttlMs", "container"] as const;

function statMembersOf({ stat: one = {} }: ZnodeLine, { stat: other = {} }: ZnodeLine): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}

function differsIn(one: ZnodeLine, other: ZnodeLine, membersOf: MembersOf): string[] {
  const found: string[] = [];
  if (bytesOf(one) !== bytesOf(other)) found.push("data");
  if (JSON.stringify(one.acl ?? null) !== JSON.stringify(other.acl ?? null)) found.push("acl");
  for (const name of membersOf(one, other))
    if (memberOf(one, name) !== memberOf(other, name)) found.push(name);
  return found;
}

/** As base64: text and base64 of the same bytes are the same data. */
function bytesOf({ data, dataBase64 }: ZnodeLine): string {
  return dataBase64 ?? Buffer.from(data ?? "", "utf8").toString("base64");
}

/** What is not said is as it is unless it is said. */
function memberOf({ stat = {} }: ZnodeLine, name: string): unknown {
  return stat[name] ?? null;
}
