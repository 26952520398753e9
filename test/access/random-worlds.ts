// Two trees that differ wherever one caller may not tell: drawn at random, and made the same in all that the caller may
// know. What others do later, between the caller's requests, differs by the same measure.

import fc from "fast-check";
import type { Rule } from "../../src/core/access/policy.ts";
import { type Verb, verbs } from "../../src/core/access/verbs.ts";
import { Knowledge, parentOf } from "./knowledge.ts";
import { type Asked, type Deed, otherSession, type TwoWorlds, type World } from "./worlds.ts";

const names = ["a", "b"];
const deep = names.flatMap((one) => names.map((two) => `/${one}/${two}`));

/** The znodes that there may be, parents before their children. */
export const treePaths = [
  ...names.map((name) => `/${name}`),
  ...deep,
  ...names.map((name) => `${deep[0]}/${name}`),
];

export const recipePaths = {
  lock: "/locks/x",
  election: "/elections/e",
  service: "/services/w",
  barrier: "/barriers/b",
  counter: "/counters/c",
} as const;

const allPaths = ["/", ...treePaths, ...Object.values(recipePaths).flatMap((path) => [parentOf(path), path])];

/** What there is at one path, if its parent is there. */
interface Fact {
  readonly isThere: boolean;
  readonly isEphemeral: boolean;
  readonly data: string;
  /** How often it was set. */
  readonly sets: number;
  /** Children with numbers. */
  readonly numbered: number;
  readonly quota: "none" | "soft" | "full";
}

/** Who takes part in a recipe, by the names of their sessions, and what they say. */
interface Party {
  readonly count: number;
  readonly says: string;
}

interface Facts {
  readonly tree: readonly Fact[];
  readonly parties: readonly Party[];
  readonly hasMoreTokens: boolean;
}

export interface Worlds {
  readonly rules: readonly Rule[];
  readonly facts: readonly [Facts, Facts];
}

const fact: fc.Arbitrary<Fact> = fc.record({
  isThere: fc.nat(3).map((n) => n > 0),
  isEphemeral: fc.nat(5).map((n) => n === 0),
  data: fc.constantFrom("", "1", "2", "no number", "long ".repeat(20)),
  sets: fc.nat(2),
  numbered: fc.nat(2),
  quota: fc.constantFrom("none", "none", "none", "soft", "full"),
});

const party: fc.Arbitrary<Party> = fc.record({ count: fc.nat(2), says: fc.constantFrom("one", "another") });

const facts: fc.Arbitrary<Facts> = fc.record({
  tree: fc.array(fact, { minLength: treePaths.length, maxLength: treePaths.length }),
  parties: fc.array(party, { minLength: 5, maxLength: 5 }),
  hasMoreTokens: fc.boolean(),
});

/** Not an admin of all: from one nothing is hidden. */
const someVerbs = (from: readonly Verb[]) => fc.subarray([...from], { minLength: 1 });
const plainVerbs = verbs.filter((verb) => verb !== "admin");

const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({ prefix: fc.constantFrom(...allPaths), allow: someVerbs(plainVerbs) }),
  fc.record({ prefix: fc.constantFrom(...allPaths.slice(1)), deny: someVerbs(verbs) }),
  fc.record({ prefix: fc.constantFrom(...treePaths), deny: fc.constant(verbs) }),
  {
    weight: 1,
    arbitrary: fc.record({ prefix: fc.constantFrom(...deep), allow: fc.constant(["admin"] as const) }),
  },
);

const base: fc.Arbitrary<readonly Rule[]> = fc.constantFrom<readonly Rule[]>(
  [{ prefix: "/", allow: ["session", "read"] }],
  [{ prefix: "/", allow: ["session", "coordinate"] }],
  [{ prefix: "/", allow: ["session", "write", "create", "delete", "coordinate"] }],
  [{ prefix: "/", allow: ["session", "read", "write", "create", "delete", "coordinate"] }],
);

export const worldsArbitrary: fc.Arbitrary<Worlds> = fc.record({
  rules: fc
    .tuple(base, fc.array(rule, { minLength: 1, maxLength: 4 }))
    .map(([first, more]) => [...first, ...more]),
  facts: fc.tuple(facts, facts),
});

export function knowledgeOf({ rules }: Worlds): Knowledge {
  return new Knowledge(rules, allPaths);
}

/** Makes both trees. */
export async function build(worlds: TwoWorlds, { rules, facts: [a, other] }: Worlds): Promise<void> {
  const known = knowledgeOf({ rules, facts: [a, other] });
  const b = asFarAsHidden(known, a, other);
  for (const [index, path] of treePaths.entries()) {
    const found = [a.tree[index] as Fact, b.tree[index] as Fact] as const;
    await buildOne(worlds, known, path, found);
    // They do not nest, so that none keeps another from being set.
    if (deep.includes(path)) await buildQuota(worlds, known, path, found);
  }
  for (const [index, kind] of partyKinds.entries())
    await buildParty(worlds, known, kind, [a.parties[index] as Party, b.parties[index] as Party]);
  const token = { name: "more", policies: ["admin"] };
  const addsToken = sends({ method: "POST", url: "/v1/admin/tokens", body: token });
  await worlds.differ(a.hasMoreTokens ? addsToken : null, b.hasMoreTokens ? addsToken : null);
}

/** The other facts, but for all that the caller may know. */
function asFarAsHidden(known: Knowledge, a: Facts, other: Facts): Facts {
  const tree = treePaths.map((path, index): Fact => {
    const [one, two] = [a.tree[index] as Fact, other.tree[index] as Fact];
    return {
      isThere: (known.knowsExistence(path) ? one : two).isThere,
      isEphemeral: (known.knowsKind(path) ? one : two).isEphemeral,
      data: (known.knowsData(path) ? one : two).data,
      sets: (known.knowsVersion(path) ? one : two).sets,
      numbered: (known.knowsChildren(path) ? one : two).numbered,
      quota: (known.knowsQuota(path) ? one : quotaBeside(one, two)).quota,
    };
  });
  const parties = partyKinds.map(({ path }, index): Party => {
    const [one, two] = [a.parties[index] as Party, other.parties[index] as Party];
    const isNamed = known.knowsPlaces(path) || known.knowsPlaces(parentOf(path));
    return {
      count: (isNamed ? one : two).count,
      says: (known.knowsData(path) ? one : two).says,
    };
  });
  return { ...other, tree, parties };
}

/** What refuses a write refuses it in both. */
function quotaBeside(one: Fact, two: Fact): Fact {
  return one.quota === "full" || two.quota === "full" ? one : two;
}

function url(path: string, query = ""): string {
  return `/v1/znodes${path}${query}`;
}

/** Others ask for these, and whether they get them is all the same. */
function sends(...asked: readonly Asked[]): Deed {
  return async ({ others }: World) => {
    for (const each of asked) await others.send(each);
  };
}

/** Two facts about a path in either world, step by step, so that what is in both has the same zxids. */
async function buildOne(
  worlds: TwoWorlds,
  known: Knowledge,
  path: string,
  [a, b]: readonly [Fact, Fact],
): Promise<void> {
  const seenAs = known.knowsStat(path) ? { seenAs: path } : {};
  if (a.isEphemeral || b.isEphemeral)
    await worlds.same((world) => otherSession(world, { name: `of ${path}`, ...seenAs }));
  const creates = ({ isThere, isEphemeral, data }: Fact): Deed => {
    if (!isThere) return null;
    return async ({ others }) => {
      const ephemeral = isEphemeral && { session: others.sessions.length - 1 };
      const query = isEphemeral ? "?ephemeral=true" : "";
      await others.send({ method: "POST", url: url(path, query), body: data, ...ephemeral });
    };
  };
  await worlds.differ(creates(a), creates(b));
  await times(worlds, [a.sets, b.sets], ({ data }) => sends({ method: "PUT", url: url(path), body: data }), [
    a,
    b,
  ]);
  await times(
    worlds,
    [a.numbered, b.numbered],
    () => sends({ method: "POST", url: url(path, "/n-?sequential=true") }),
    [a, b],
  );
}

async function buildQuota(
  worlds: TwoWorlds,
  known: Knowledge,
  path: string,
  [a, b]: readonly [Fact, Fact],
): Promise<void> {
  // Its usage is of all below, and told to whoever may read the path.
  if (known.may(path, "read")) return;
  const sets = ({ quota }: Fact, isOther: boolean): Deed =>
    quota === "none"
      ? null
      : sends({ method: "PUT", url: `/v1/quotas${path}`, body: quotaOf(quota, isOther) });
  await worlds.differ(sets(a, false), sets(b, !known.knowsQuota(path)));
}

/** One that is full refuses every create, whatever it holds. */
function quotaOf(quota: "soft" | "full", isOther: boolean) {
  if (quota === "soft") return { countSoft: isOther ? 1 : 1000 };
  return { countHard: isOther ? 0 : 1 };
}

async function times(
  worlds: TwoWorlds,
  [inA, inB]: readonly [number, number],
  deed: (fact: Fact) => Deed,
  [a, b]: readonly [Fact, Fact],
): Promise<void> {
  for (let time = 0; time < Math.max(inA, inB); time += 1)
    await worlds.differ(time < inA && a.isThere ? deed(a) : null, time < inB && b.isThere ? deed(b) : null);
}

interface PartyKind {
  readonly path: string;
  /** How one more takes part. */
  readonly joins: (says: string, index: number) => Asked;
}

const partyKinds: readonly PartyKind[] = [
  {
    path: recipePaths.lock,
    joins: (says) => ({
      method: "POST",
      url: "/v1/locks/x/claims",
      body: { mode: "shared", metadata: says },
    }),
  },
  {
    path: recipePaths.election,
    joins: (says) => ({ method: "POST", url: "/v1/elections/e/candidates", body: { value: says } }),
  },
  {
    path: recipePaths.service,
    joins: (address, index) => ({
      ...{ method: "PUT", url: `/v1/services/w/instances/i${index}` },
      body: { address, port: 80, tags: [address] },
    }),
  },
  {
    path: recipePaths.barrier,
    joins: (_, index) => ({
      ...{ method: "POST", url: "/v1/barriers/b" },
      body: { action: "enter", count: 9, participant: `p${index}` },
    }),
  },
  {
    path: recipePaths.counter,
    joins: (says) => ({ method: "POST", url: "/v1/counters/c", body: { by: says.length } }),
  },
];

/** Sessions are opened in both, so that their names alone differ where that is all that is hidden. */
async function buildParty(
  worlds: TwoWorlds,
  known: Knowledge,
  { path, joins }: PartyKind,
  [a, b]: readonly [Party, Party],
): Promise<void> {
  const isSeen = known.knowsData(path);
  const join = ({ count, says }: Party, index: number): Deed => {
    if (index >= count) return null;
    return async (world) => {
      const seenAs = isSeen ? { seenAs: `${path} ${index}` } : {};
      const session = await otherSession(world, { name: says, ...seenAs });
      await world.others.send({ ...joins(says, index), session });
    };
  };
  for (let index = 0; index < Math.max(a.count, b.count); index += 1)
    await worlds.differ(join(a, index), join(b, index));
}

/** What others may do while the caller asks on. */
export interface Change {
  readonly path: string;
  readonly kind: "set" | "number" | "come or go";
  /** In which world alone, where that can be told from nothing. */
  readonly inA: boolean;
}

export const changeArbitrary: fc.Arbitrary<Change> = fc.record({
  path: fc.constantFrom(...treePaths),
  kind: fc.constantFrom("set", "number", "come or go"),
  inA: fc.boolean(),
});

/** A change in one world alone where the caller must not notice, and in both where it may. */
export function deedsOf(known: Knowledge, { path, kind, inA }: Change): readonly [Deed, Deed] {
  const { deed, isKnown } = {
    set: { deed: sends({ method: "PUT", url: url(path), body: "later" }), isKnown: known.knowsVersion(path) },
    number: {
      deed: sends({ method: "POST", url: url(path, "/n-?sequential=true") }),
      isKnown: known.knowsChildren(path),
    },
    "come or go": {
      deed: sends({ method: "DELETE", url: url(path) }, { method: "POST", url: url(path), body: "later" }),
      isKnown: known.knowsExistence(path),
    },
  }[kind];
  // Whether it can go would depend on what the caller does not know.
  if (kind === "come or go" && isKnown && !known.knowsAllBelow(path)) return [null, null];
  if (isKnown) return [deed, deed];
  return inA ? [deed, null] : [null, deed];
}
