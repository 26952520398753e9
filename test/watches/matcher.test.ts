import fc from "fast-check";
import { expect, test } from "vitest";
import { Matcher, type Scope } from "../../src/watches/matcher.ts";
import { Selection, watchEventTypes } from "../../src/watches/selection.ts";

const segment = fc.constantFrom("a", "b", "ab", "a.b");
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
const scope = fc.constantFrom<Scope>("node", "children", "subtree");
const watch = fc.record({ path, scope, watcher: fc.nat(5) });

/** The definition of the scopes, said as plainly as it can be. */
function sees(watched: { path: string; scope: Scope }, changed: string): boolean {
  if (watched.path === changed) return true;
  const prefix = watched.path === "/" ? "/" : `${watched.path}/`;
  if (!changed.startsWith(prefix)) return false;
  if (watched.scope === "subtree") return true;
  return watched.scope === "children" && !changed.slice(prefix.length).includes("/");
}

function matchesOf(matcher: Matcher<number>, changed: string): number[] {
  const found = new Set<number>();
  matcher.match(changed, (watcher) => found.add(watcher));
  return [...found].sort();
}

function scan(
  watches: readonly { path: string; scope: Scope; watcher: number }[],
  changed: string,
): number[] {
  return [...new Set(watches.filter((one) => sees(one, changed)).map(({ watcher }) => watcher))].sort();
}

function keyOf(one: { path: string; scope: Scope; watcher: number }): string {
  return `${one.path} ${one.scope} ${one.watcher}`;
}

test("a matcher finds whom a scan of all watches finds, also after some are removed [W11]", () => {
  fc.assert(
    fc.property(fc.array(watch, { maxLength: 20 }), fc.nat(20), fc.array(path), (added, keptMax, changes) => {
      const watches = [...new Map(added.map((one) => [keyOf(one), one])).values()];
      const matcher = new Matcher<number>();
      for (const one of watches) matcher.add(one.path, one.scope, one.watcher);
      for (const changed of changes) expect(matchesOf(matcher, changed)).toEqual(scan(watches, changed));
      const kept = watches.slice(0, keptMax);
      for (const one of watches.slice(keptMax)) matcher.remove(one.path, one.scope, one.watcher);
      for (const changed of changes) expect(matchesOf(matcher, changed)).toEqual(scan(kept, changed));
    }),
  );
});

test("a matcher that lost its last watch holds no branch [W24]", () => {
  fc.assert(
    fc.property(fc.array(watch, { maxLength: 20 }), (watches) => {
      const matcher = new Matcher<number>();
      for (const one of watches) matcher.add(one.path, one.scope, one.watcher);
      for (const one of watches) matcher.remove(one.path, one.scope, one.watcher);
      expect(matcher.isEmpty).toBe(true);
    }),
  );
});

test("a watch of /a does not see /ab, and one of / sees everything [W11]", () => {
  const matcher = new Matcher<string>();
  matcher.add("/a", "subtree", "a");
  matcher.add("/", "subtree", "root");
  const found: string[] = [];
  matcher.match("/ab", (watcher) => found.push(watcher));
  matcher.match("/a/b/c", (watcher) => found.push(watcher));
  matcher.match("/", (watcher) => found.push(watcher));
  expect(found).toEqual(["root", "root", "a", "root"]);
});

test("a selection replays from the history what the matcher finds live [W11]", () => {
  fc.assert(
    fc.property(fc.array(path, { minLength: 1, maxLength: 4 }), scope, path, (paths, ofScope, changed) => {
      const selection = new Selection({ paths, scope: ofScope, types: watchEventTypes, withData: true });
      const matcher = new Matcher<number>();
      for (const watched of selection.paths) matcher.add(watched, ofScope, 1);
      const event = { type: "changed", path: changed, head: "", data: "", tail: "" } as const;
      const expected = paths.some((watched) => sees({ path: watched, scope: ofScope }, changed));
      expect(selection.matches(event)).toBe(expected);
      expect(matchesOf(matcher, changed).length > 0).toBe(expected);
    }),
  );
});

test("selections that ask the same have the same key, whatever the order and repetition", () => {
  const types = watchEventTypes;
  const one = new Selection({ paths: ["/b", "/a", "/a/c"], scope: "subtree", types, withData: true });
  const other = new Selection({
    paths: ["/a", "/b", "/b"],
    scope: "subtree",
    types: [...types].reverse(),
    withData: true,
  });
  expect(one.key).toBe(other.key);
  expect(new Selection({ paths: ["/a", "/b"], scope: "node", types, withData: true }).key).not.toBe(one.key);
  expect(new Selection({ paths: ["/a", "/b"], scope: "subtree", types, withData: false }).key).not.toBe(
    one.key,
  );
});
