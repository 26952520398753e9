// Holds docs/rules.md against the names of the tests: a rule that is said to hold has a test that names it,
// and a test names only rules there are.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Rule {
  readonly id: string;
  readonly status: string;
}

const testFolder = import.meta.dirname;
const rules = rulesIn(readFileSync(join(testFolder, "../docs/rules.md"), "utf8"));
const ruleIds = new Set(rules.map(({ id }) => id));
const filesOfRule = idsInTestNames();

test("every rule said to hold has a test that names it", () => {
  const holding = rules.filter(({ status }) => status === "holds");
  expect(holding.map(({ id }) => id).filter((id) => !filesOfRule.has(id))).toEqual([]);
});

test("every rule named by a test is in the document", () => {
  const unknown = [...filesOfRule].filter(([id]) => !ruleIds.has(id));
  expect(unknown.map(([id, files]) => `${id} in ${[...files].join(", ")}`)).toEqual([]);
});

test("every rule stands in the document once, with a status that says what it must", () => {
  expect(rules.length).toBe(ruleIds.size);
  expect(rules.filter(({ status }) => !isStatus(status))).toEqual([]);
});

test("no rule of a numbered group is missing from the document", () => {
  const groups = {
    ...{ P: 15, C: 8, Q: 11, E: 7, K: 10, S: 12, Z: 9, O: 15, M: 13, R: 3, "W-op": 6, Y: 1, W: 32, N: 20 },
    ...{ A: 19, U: 12, L: 4, G: 11, D: 21 },
  };
  const expected = Object.entries(groups).flatMap(([group, count]) =>
    Array.from({ length: count }, (_, index) => `${group}${index + 1}`),
  );
  expect([...ruleIds].sort()).toEqual(expected.sort());
});

function rulesIn(document: string): Rule[] {
  const rows = document.matchAll(/^\| ((?:[A-Z]|W-op)\d+) \| .+ \| ([^|]+) \|$/gm);
  return Array.from(rows, ([, id, status]) => ({ id: id as string, status: status as string }));
}

function isStatus(status: string): boolean {
  const referred = /^see (\S+)$/.exec(status)?.[1];
  if (referred !== undefined) return rules.some((rule) => rule.id === referred && rule.status === "holds");
  return status === "holds" || /^(not here|later): \S/.test(status);
}

/** Ids stand in brackets at the end of a name: "a promise [Q1, Q2]". */
function idsInTestNames(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const files = readdirSync(testFolder, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".test.ts"))) {
    const source = readFileSync(join(testFolder, file), "utf8").replaceAll(/^\s*(\/\/|\/?\*).*$/gm, "");
    for (const [, ids] of source.matchAll(/\[((?:[A-Z]|W-op)\d+(?:, (?:[A-Z]|W-op)\d+)*)\]["'`]/g)) {
      for (const id of (ids as string).split(", ")) note(found, id, file);
    }
  }
  return found;
}

function note(found: Map<string, Set<string>>, id: string, file: string): void {
  const files = found.get(id);
  if (files === undefined) found.set(id, new Set([file]));
  else files.add(file);
}
