// Random commands about who may do what, few enough names that they meet, and random principals for all others.

import fc from "fast-check";
import type { AccessCommand } from "../../src/core/access/access-command.ts";
import type { Principal } from "../../src/core/access/principal.ts";
import { verbs } from "../../src/core/access/verbs.ts";
import type { CommandOf } from "../../src/core/command-row.ts";

const tokenName = fc.constantFrom("t", "t", "u");
const policyName = fc.constantFrom("p", "p", "q", "admin");
const root = fc.constantFrom("/", "/", "/a", "/a/b");
const hash = fc.constantFrom("1", "2", "3").map((digit) => digit.repeat(64));
const validUntilMs = fc.constantFrom(null, null, 1, 1_700_000_005_000);
const policies = fc.uniqueArray(policyName, { minLength: 1, maxLength: 2 });
const someVerbs = fc.uniqueArray(fc.constantFrom(...verbs), { minLength: 1, maxLength: verbs.length });

const rule = fc.record({
  prefix: fc.constantFrom("/", "/a", "/a/b", "/b", "/locks"),
  allow: fc.oneof({ weight: 3, arbitrary: someVerbs }, { weight: 1, arbitrary: fc.constant([]) }),
  deny: fc.oneof({ weight: 1, arbitrary: someVerbs }, { weight: 3, arbitrary: fc.constant([]) }),
});

/** Mostly the service: a random token would seldom be one that is there. */
export const principal: fc.Arbitrary<Principal> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Principal>("system") },
  {
    weight: 3,
    arbitrary: fc.record({ token: tokenName, made: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ identity: fc.constantFrom("jwt:x", "cert:y"), policies, root }),
  },
);

const type = <Type extends AccessCommand["type"]>(one: Type) => fc.constant(one);

export const accessArbitraries: {
  readonly [Type in AccessCommand["type"]]: fc.Arbitrary<CommandOf<Type>>;
} = {
  turnOnAccess: fc.record({ type: type("turnOnAccess"), principal }),
  setPolicy: fc.record({
    ...{ type: type("setPolicy"), principal },
    policy: fc.record({ name: policyName, rules: fc.array(rule, { maxLength: 4 }) }),
  }),
  deletePolicy: fc.record({ type: type("deletePolicy"), name: policyName, principal }),
  createToken: fc.record({
    ...{ type: type("createToken"), hash, principal },
    token: fc.record({ name: tokenName, policies, root, validUntilMs }),
  }),
  rotateToken: fc.record({
    ...{ type: type("rotateToken"), name: tokenName, hash, principal },
    overlapMs: fc.constantFrom(0, 10_000),
  }),
  changeToken: fc.record({ type: type("changeToken"), name: tokenName, policies, validUntilMs, principal }),
  revokeToken: fc.record({ type: type("revokeToken"), name: tokenName, principal }),
};
