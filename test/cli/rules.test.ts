// Rules and times as people write them on a command line.

import { expect, test } from "vitest";
import { duration } from "../../src/cli/durations.ts";
import { ruleIn, ruleLines } from "../../src/cli/rules.ts";

test("a rule that is shown can be given again", () => {
  const rules = [
    { prefix: "/", allow: ["session"] },
    { prefix: "/a b/c", deny: ["read", "write"] },
  ] as const;
  const lines = rules.flatMap(ruleLines);
  expect(lines).toEqual(["allow session /", "deny read,write /a b/c"]);
  expect(lines.map(ruleIn)).toEqual(rules);
  const both = { prefix: "/a", allow: ["read"], deny: ["write"] } as const;
  expect(ruleLines(both)).toEqual(["allow read /a", "deny write /a"]);
});

test("what is no rule is refused with an example", () => {
  for (const text of [
    "",
    "allow",
    "allow /a",
    "allow read",
    "permit read /a",
    "allow read a",
    "allow read, /a",
  ])
    expect(() => ruleIn(text)).toThrow("'allow read,write /app'");
});

test("a time has a unit, and is not nothing", () => {
  expect(["90s", "15m", "12h", "30d"].map(duration)).toEqual([90_000, 900_000, 43_200_000, 2_592_000_000]);
  for (const text of ["", "30", "d", "0d", "-1d", "1w", "1.5h", "1d2h"])
    expect(() => duration(text)).toThrow("such as 90s or 30d");
});
