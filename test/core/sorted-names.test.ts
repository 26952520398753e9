// The list of names against a plain sorted array, small and large, in any order of work.

import fc from "fast-check";
import { expect, test } from "vitest";
import { SortedNames } from "../../src/core/tree/sorted-names.ts";

type Work = { readonly add: boolean; readonly name: string; readonly from: string };

const name = fc.oneof(
  fc.stringMatching(/^[a-c]{1,3}$/),
  fc.string({ unit: "binary", minLength: 1, maxLength: 3 }),
);
const work: fc.Arbitrary<Work> = fc.record({ add: fc.boolean(), name, from: name });

function listOf(names: Iterable<string>): SortedNames {
  const list = new SortedNames();
  for (const each of names) list.add(each);
  return list;
}

/** Equal contents, each name where a sorted array has it. */
function expectSame(list: SortedNames, names: ReadonlySet<string>): void {
  expect(list.size).toBe(names.size);
  expect([...list]).toEqual([...names].sort());
}

test("is a sorted array, whatever is added and removed, and starts anywhere [O8]", () => {
  fc.assert(
    fc.property(fc.array(work, { maxLength: 300 }), (works) => {
      const list = new SortedNames();
      const names = new Set<string>();
      for (const { add, name: each, from } of works) {
        if (add && !names.has(each)) list.add(each);
        if (!add && names.has(each)) list.delete(each);
        if (add) names.add(each);
        else names.delete(each);
        expect(list.from(from).next().value).toBe([...names].sort().find((other) => other >= from));
      }
      expectSame(list, names);
    }),
  );
});

test("keeps 20000 names in order, added and removed by chance [O8]", () => {
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.nat(999_999)),
      fc.integer({ min: 10_000, max: 20_000 }),
      (chance, count) => {
        const next = () => `n-${chance.next().value}`;
        const names = new Set(Array.from({ length: count }, next));
        const list = listOf(names);
        expectSame(list, names);
        for (const each of [...names].filter((_, index) => index % 3 !== 0)) {
          list.delete(each);
          names.delete(each);
        }
        for (let round = 0; round < 1000; round += 1) {
          const each = next();
          if (!names.has(each)) list.add(each);
          names.add(each);
        }
        expectSame(list, names);
        const from = next();
        expect([...list.from(from)]).toEqual([...names].filter((other) => other >= from).sort());
      },
    ),
    { numRuns: 5 },
  );
});

test.each([
  ["forwards", (index: number) => index],
  ["backwards", (index: number) => 20_000 - index],
])("takes 20000 names that come %s, and gives them all back [O8]", (_direction, place) => {
  const all = Array.from({ length: 20_000 }, (_, index) => String(place(index)).padStart(10, "0"));
  const list = listOf(all);
  expectSame(list, new Set(all));
  for (const each of all) list.delete(each);
  expectSame(list, new Set());
  list.add("again");
  expect([...list]).toEqual(["again"]);
});

test("an empty list starts nowhere", () => {
  expect([...new SortedNames().from("a")]).toEqual([]);
  expect([...listOf(["a", "b"]).from("c")]).toEqual([]);
});
