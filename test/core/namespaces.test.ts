// Which paths recipes keep: found quickly, and the same as by looking at every namespace there is.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Namespaces, partsOf } from "../../src/core/access/namespaces.ts";

const segment = fc.constantFrom("a", "b", "locks", "services", "locksmith");
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join("/")}`);
const isIn = (one: string, whole: string) => one === whole || one.startsWith(`${whole}/`);

test("a path is kept by the outermost namespace that it is in a part of, however they come and go [P15]", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ root: path, isMade: fc.boolean() }), { maxLength: 12 }),
      fc.array(path, { minLength: 1, maxLength: 12 }),
      (steps, asked) => {
        const namespaces = new Namespaces();
        const roots = new Set<string>();
        for (const { root, isMade } of steps) {
          if (isMade) namespaces.add(root);
          else namespaces.remove(root);
          if (isMade) roots.add(root);
          else roots.delete(root);
        }
        expect([...namespaces].sort()).toEqual([...roots].sort());
        const outermostFirst = ["/", ...roots].sort((a, b) => a.length - b.length);
        for (const one of asked) {
          const keeper = outermostFirst.find((root) => partsOf(root).some((part) => isIn(one, part)));
          const kept = keeper === undefined ? undefined : keeper === "/" ? one : one.slice(keeper.length);
          expect(namespaces.keptPath(one)).toBe(kept);
          expect(namespaces.keeps(one)).toBe(kept !== undefined);
          expect(namespaces.has(one)).toBe(roots.has(one));
          expect(namespaces.hasFrom(one)).toBe([...roots].some((root) => isIn(root, one)));
        }
        expect(namespaces.hasFrom("/")).toBe(roots.size > 0);
      },
    ),
  );
});
