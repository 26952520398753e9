// Who is told of a change of rights, and who is not even looked at.

import { expect, test } from "vitest";
import { Access } from "../../src/core/access/access.ts";
import type { Rule } from "../../src/core/access/policy.ts";
import { RightsInUse } from "../../src/store/rights-in-use.ts";
import { FakeClock } from "../support/fake-clock.ts";

const rules: Rule[] = [{ prefix: "/", allow: ["read"] }];

/** Some who have a policy each, and one that all have. */
async function manyWith(count: number) {
  const access = new Access();
  access.put({ kind: "mode", name: "on" });
  access.put({ kind: "policy", name: "shared", rules });
  const rightsInUse = new RightsInUse({ access, clock: new FakeClock(), timeMs: () => 0 });
  const told: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const name = `t${index}`;
    const made = { secrets: [], root: "/", validUntilMs: null, madeZxid: 1, madeAtMs: 0 };
    access.put({ kind: "policy", name, rules });
    access.put({ kind: "token", name, policies: [name, "shared"], ...made });
  }
  for (const { name: token } of access.tokens()) {
    const principal = { token, made: 1 };
    rightsInUse.follow({ principal, permits: access.permitsOf(principal, 0) }, () => told.push(token));
  }
  await Promise.resolve();
  const lookups = { count: 0 };
  const { permitsOf } = access;
  access.permitsOf = (...parameters) => {
    lookups.count += 1;
    return permitsOf.apply(access, parameters);
  };
  const change = (record: Parameters<Access["put"]>[0]) => {
    [told.length, lookups.count] = [0, 0];
    access.put(record);
    rightsInUse.applied();
    return { told: [...told], lookups: lookups.count };
  };
  return { access, change };
}

test("what concerns few costs no look at the rights of all others", async () => {
  const { access, change } = await manyWith(100);
  const token = access.token("t7");
  if (token === undefined) throw new Error("there is no such token");
  const unused = { kind: "policy", name: "unused", rules } as const;
  expect(change(unused)).toEqual({ told: [], lookups: 0 });
  expect(change({ ...token, kind: "token", validUntilMs: 5 })).toEqual({ told: [], lookups: 1 });
  expect(change({ kind: "policy", name: "t7", rules: [] })).toEqual({ told: ["t7"], lookups: 1 });
  expect(change({ kind: "policy", name: "t7", rules: [...rules] })).toEqual({ told: ["t7"], lookups: 1 });
  expect(change({ kind: "policy", name: "t7", rules: [...rules] })).toEqual({ told: [], lookups: 1 });
  expect(change(unused)).toEqual({ told: [], lookups: 0 });
  expect(change({ kind: "policy", name: "shared", rules: [] })).toMatchObject({ lookups: 100 });
});
