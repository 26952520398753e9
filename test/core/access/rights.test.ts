// What policies give: held against the rule as a person would apply it, over all prefixes of a path.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Access } from "../../../src/core/access/access.ts";
import { Namespaces } from "../../../src/core/access/namespaces.ts";
import type { Rule } from "../../../src/core/access/policy.ts";
import { FoundRights, Rights } from "../../../src/core/access/rights.ts";
import { type Verb, verbs } from "../../../src/core/access/verbs.ts";

const segment = fc.constantFrom("a", "b", "ab", "中", "a%2F");
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
const someVerbs = fc.uniqueArray(fc.constantFrom<Verb>("read", "write", "admin"), { maxLength: 3 });
const rule: fc.Arbitrary<Rule> = fc.record({ prefix: path, allow: someVerbs, deny: someVerbs });
const policies = fc.array(fc.record({ name: fc.constant("p"), rules: fc.array(rule, { maxLength: 6 }) }), {
  maxLength: 3,
});

function covers(prefix: string, covered: string): boolean {
  return prefix === "/" || covered === prefix || covered.startsWith(`${prefix}/`);
}

/** Of the rules that name the verb and cover the path, the longest; among them a denial. */
function mayByHand(rules: readonly Rule[], asked: string, verb: Verb): boolean {
  const speaking = rules.filter(
    ({ prefix, allow = [], deny = [] }) => covers(prefix, asked) && [...allow, ...deny].includes(verb),
  );
  const longest = Math.max(...speaking.map(({ prefix }) => prefix.length));
  const deciding = speaking.filter(({ prefix }) => prefix.length === longest);
  return deciding.length > 0 && deciding.every(({ deny = [] }) => !deny.includes(verb));
}

test("the longest prefix that names the verb decides, and a denial beats what is allowed at equal length", () => {
  fc.assert(
    fc.property(policies, path, fc.constantFrom(...verbs), (all, asked, verb) => {
      const rules = all.flatMap((policy) => policy.rules);
      expect(new Rights(all).may(asked, verb)).toBe(mayByHand(rules, asked, verb));
    }),
    { numRuns: 2000 },
  );
});

const isWrite = (verb: Verb) => verb === "write" || verb === "create" || verb === "delete";

test("what was found before is what would be found anew, whoever asked in between; what recipes keep an admin alone writes", () => {
  const anywhere = fc.oneof(
    path,
    fc.constantFrom("/locks", "/locks/a", "/a/locks/b", "/a/lockss", "/b/counters/c"),
  );
  const asking = fc.record({ asked: anywhere, verb: fc.constantFrom(...verbs), asker: fc.nat(1) });
  fc.assert(
    fc.property(policies, policies, fc.array(asking, { maxLength: 12 }), (one, other, questions) => {
      const namespaces = new Namespaces();
      namespaces.add("/a");
      const found = new FoundRights(namespaces);
      const askers = [one, other].map((all) => ({ all, rights: new Rights(all, found) }));
      for (const { asked, verb, asker } of questions) {
        const { all, rights } = askers[asker] as (typeof askers)[number];
        const rules = all.flatMap((policy) => policy.rules);
        const byHand = isWrite(verb) && namespaces.keeps(asked) ? "admin" : verb;
        expect(rights.may(asked, verb)).toBe(mayByHand(rules, asked, verb));
        expect(rights.mayByHand(asked, verb)).toBe(mayByHand(rules, asked, byHand));
      }
    }),
    { numRuns: 1000 },
  );
});

test("a path that was writable is not any more when a namespace begins above it and recipes keep it", () => {
  const access = new Access();
  access.put({ kind: "policy", name: "p", rules: [{ prefix: "/", allow: ["write"] }] });
  const principal = { identity: "jwt:a", policies: ["p"], root: "/" };
  const before = access.permitsOf(principal, 0);
  expect(before.mayByHand("/a/locks/b", "write")).toBe(true);
  access.put({ kind: "namespace", name: "/a" });
  expect(before.mayByHand("/a/locks/b", "write")).toBe(false);
  expect(access.permitsOf(principal, 0).mayByHand("/a/locks/b", "write")).toBe(false);
});

test("what may be done to all below a path may be done to each path there, whatever else is denied", () => {
  fc.assert(
    fc.property(policies, path, path, fc.constantFrom(...verbs), (all, above, below, verb) => {
      const rights = new Rights(all);
      const deeper = above === "/" ? below : below === "/" ? above : above + below;
      if (rights.mayAllBelow(above, verb)) expect(rights.may(deeper, verb)).toBe(true);
      if (!rights.mayAnyBelow(above, verb)) expect(rights.may(deeper, verb)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

test("one more policy that denies nothing takes nothing away", () => {
  const allowing = fc.record({ prefix: path, allow: someVerbs });
  fc.assert(
    fc.property(policies, fc.array(allowing), path, fc.constantFrom(...verbs), (all, more, asked, verb) => {
      const before = new Rights(all).may(asked, verb);
      const after = new Rights([...all, { name: "more", rules: more }]).may(asked, verb);
      if (before) expect(after).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("a path with very many segments costs no more than the longest rule", () => {
  const rights = new Rights([{ name: "p", rules: [{ prefix: "/a", allow: ["read"] }] }]);
  expect(rights.may(`/a${"/b".repeat(100_000)}`, "read")).toBe(true);
  expect(rights.may(`/ab${"/b".repeat(100_000)}`, "read")).toBe(false);
});
