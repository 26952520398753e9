// What is kept ready of who may do what: it must be the same as if it were found out anew.

import { expect, test } from "vitest";
import { Access } from "../../../src/core/access/access.ts";

test("whoever is known from outside has what was granted them, however it could be written in one line", () => {
  const access = new Access();
  for (const name of ["a", "b"])
    access.put({ kind: "policy", name, rules: [{ prefix: "/", allow: [name === "a" ? "read" : "write"] }] });
  const grants = [
    { identity: "jwt:x", root: "/r a", policies: ["b"] },
    { identity: "jwt:x", root: "/r", policies: ["a", "b"] },
    { identity: "jwt:x null /r", root: "/a", policies: ["b"] },
    { identity: "jwt:x", root: "/r", policies: ["b", "a", "b"] },
  ];
  for (const grant of grants) {
    const permits = access.permitsOf(grant, 0);
    const may = (["read", "write"] as const).filter((verb) => permits.may("/", verb));
    expect([permits.by, permits.root, may]).toEqual([
      grant.identity,
      grant.root,
      grant.policies.includes("a") ? ["read", "write"] : ["write"],
    ]);
  }
  const [, inOneOrder, , inAnother] = grants.map((grant) => access.permitsOf(grant, 0).key);
  expect(inAnother).toBe(inOneOrder);
});
