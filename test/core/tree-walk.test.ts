// A walk shows the tree as it stood when it began, whatever is written between its steps, and holds only what it has
// yet to show.

import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { execute } from "../../src/core/execute.ts";
import { State } from "../../src/core/state.ts";
import { TreeWalk, type WalkScope } from "../../src/core/tree/tree-walk.ts";
import type { Znode } from "../../src/core/tree/znode.ts";
import { plain } from "../support/keeper.ts";

const everything = Number.POSITIVE_INFINITY;

function create(path: string, data = ""): Command {
  return { type: "create", path, data: Buffer.from(data), mode: plain, parents: true };
}

function set(path: string, data: string): Command {
  return { type: "setData", path, data: Buffer.from(data) };
}

function remove(path: string): Command {
  return { type: "deleteTree", path };
}

function attempt(state: State, command: Command): void {
  try {
    execute(state, command, { timeMs: 1 });
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
  }
}

function stateWith(...paths: string[]): State {
  const state = State.fresh();
  for (const path of paths) execute(state, create(path, `in ${path}`), { timeMs: 1 });
  return state;
}

function walkOf(state: State, scope: WalkScope): TreeWalk {
  return new TreeWalk(state, scope);
}

function rest(walk: TreeWalk): Znode[] {
  const znodes: Znode[] = [];
  for (let znode = walk.next(); znode !== undefined; znode = walk.next()) znodes.push(znode);
  return znodes;
}

function paths(znodes: readonly Znode[]): string[] {
  return znodes.map(({ path }) => path);
}

/** What a walk must show, found the plain way: all at once, from every znode there is. */
function expected(state: State, { roots, depthMax, after }: WalkScope): Znode[] {
  const found = new Set<Znode>();
  for (const root of [...roots].sort()) {
    for (const znode of state.tree.subtree(root)) {
      const below = znode.path === root ? 0 : segments(znode.path) - segments(root);
      if (below <= depthMax) found.add(znode);
    }
  }
  const znodes = [...found];
  return after === undefined ? znodes : znodes.slice(znodes.findIndex(({ path }) => path === after) + 1);
}

function segments(path: string): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}

const names = fc.constantFrom("a", "b", "-", "c d", "é");
const anyPath = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
const anyCommand = fc.oneof(
  anyPath.map((path) => create(path)),
  fc.tuple(anyPath, fc.string()).map(([path, data]) => set(path, data)),
  anyPath.map(remove),
);
/** Some commands, and then as many steps of the walk. */
const turns = fc.array(fc.record({ commands: fc.array(anyCommand, { maxLength: 8 }), steps: fc.nat(4) }), {
  maxLength: 12,
});

test("whatever is written between its steps, a walk of a subtree shows what was there when it began, in order", () => {
  fc.assert(
    fc.property(
      fc.array(anyCommand, { maxLength: 60 }),
      turns,
      fc.oneof(fc.constant("/"), anyPath),
      fc.constantFrom(0, 1, 2, everything),
      (before, between, root, depthMax) => {
        const state = State.fresh();
        for (const command of before) attempt(state, command);
        const scope = { roots: [root], depthMax };
        const shown = expected(state, scope);
        const walk = walkOf(state, scope);
        const met: Znode[] = [];
        for (const { commands, steps } of between) {
          for (const command of commands) attempt(state, command);
          for (let step = 0; step < steps; step += 1) {
            const znode = walk.next();
            if (znode !== undefined) met.push(znode);
          }
        }
        expect([...met, ...rest(walk)]).toEqual(shown);
        expect(walk.keptBytes).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
});

test("of many walks that began at different times each shows what was there at its own", () => {
  const walkTurns = fc.array(
    fc.record({
      commands: fc.array(anyCommand, { maxLength: 5 }),
      begin: fc.option(
        fc.record({ root: fc.oneof(fc.constant("/"), anyPath), depthMax: fc.constantFrom(0, 1, everything) }),
      ),
      step: fc.array(fc.nat(30), { maxLength: 6 }),
      end: fc.option(fc.nat(30), { freq: 8 }),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 60 }), walkTurns, (before, turnsOfAll) => {
      const state = State.fresh();
      for (const command of before) attempt(state, command);
      const under: { walk: TreeWalk; shown: Znode[]; met: Znode[] }[] = [];
      for (const { commands, begin, step, end } of turnsOfAll) {
        if (begin !== null) {
          const scope = { roots: [begin.root], depthMax: begin.depthMax };
          under.push({ walk: walkOf(state, scope), shown: expected(state, scope), met: [] });
        }
        for (const command of commands) attempt(state, command);
        for (const index of step) {
          const { walk, met } = under[index] ?? {};
          const znode = walk?.next();
          if (znode !== undefined) met?.push(znode);
        }
        if (end !== null) for (const { walk } of under.splice(end, 1)) walk.end();
      }
      for (const { walk, shown, met } of under) expect([...met, ...rest(walk)]).toEqual(shown);
      expect(state.past.keptBytes).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test("what many walks have still to see is kept once for all of them", () => {
  const state = stateWith("/a/b", "/a/c");
  const begin = () => walkOf(state, { roots: ["/a"], depthMax: everything });
  const walks = Array.from({ length: 1000 }, begin);
  const asked = walks.map((walk) => vi.spyOn(walk, "isAhead"));
  execute(state, set("/a/b", "new"), { timeMs: 1 });
  const { keptBytes } = state.past;
  expect(asked.filter(({ mock }) => mock.calls.length > 0).length).toBeLessThan(10);
  expect(walks.map((walk) => walk.keptBytes)).toEqual(walks.map(() => keptBytes));
  execute(state, set("/a/b", "newer"), { timeMs: 1 });
  expect(state.past.keptBytes).toBe(keptBytes);
  for (const walk of walks)
    expect(rest(walk).map(({ data }) => new TextDecoder().decode(data))).toContain("in /a/b");
  expect(state.past.keptBytes).toBe(0);
});

test("however many walks stand still, nothing is kept of what is written beside them", () => {
  const state = stateWith("/a/b", "/z");
  const walks = Array.from({ length: 1000 }, () => walkOf(state, { roots: ["/a"], depthMax: everything }));
  for (const command of [set("/z", "new"), create("/a/new"), create("/y"), remove("/z")])
    execute(state, command, { timeMs: 1 });
  // The root's and /a's own records had one more child or less: /a is in sight, the root is not.
  expect(state.past.keptBytes).toBeLessThan(300);
  for (const walk of walks) expect(paths(rest(walk))).toEqual(["/a", "/a/b"]);
});

test("what all walks together hold has one bound, and the oldest is given up for the others", () => {
  const state = stateWith("/a/b", "/a/c", "/a/d");
  const keptBytesMax = 700;
  const begin = () => walkOf(state, { roots: ["/a"], depthMax: everything, keptBytesMax });
  const old = begin();
  for (const path of ["/a/b", "/a/c"]) execute(state, set(path, "new"), { timeMs: 1 });
  const young = begin();
  execute(state, set("/a/d", "new"), { timeMs: 1 });
  expect([old.isOverrun, young.isOverrun]).toEqual([true, false]);
  expect(state.past.keptBytes).toBeLessThanOrEqual(keptBytesMax);
  expect(() => old.next()).toThrow();
  expect(rest(young).map(({ data }) => new TextDecoder().decode(data))).toEqual([
    "",
    "new",
    "new",
    "in /a/d",
  ]);
});

test("several roots, some below others, are walked each once, and every znode is met once", () => {
  fc.assert(
    fc.property(
      fc.array(anyCommand, { maxLength: 60 }),
      turns,
      fc.array(anyPath, { minLength: 1, maxLength: 5 }),
      (before, between, roots) => {
        const state = State.fresh();
        for (const command of before) attempt(state, command);
        const shown = new Map(expected(state, { roots, depthMax: 1 }).map((znode) => [znode.path, znode]));
        const walk = walkOf(state, { roots, depthMax: 1 });
        const met: Znode[] = [];
        for (const { commands, steps } of between) {
          for (const command of commands) attempt(state, command);
          for (let step = 0; step < steps; step += 1) {
            const znode = walk.next();
            if (znode !== undefined) met.push(znode);
          }
        }
        met.push(...rest(walk));
        expect(paths(met).sort()).toEqual([...shown.keys()].sort());
        for (const znode of met) expect(znode).toBe(shown.get(znode.path));
      },
    ),
    { numRuns: 300 },
  );
});

test("a walk goes on after any znode of an earlier one as that one did", () => {
  fc.assert(
    fc.property(
      fc.array(anyCommand, { maxLength: 60 }),
      fc.constantFrom(1, 2, everything),
      (before, depthMax) => {
        const state = State.fresh();
        for (const command of before) attempt(state, command);
        const whole = rest(walkOf(state, { roots: ["/"], depthMax }));
        for (const [index, { path }] of whole.entries()) {
          expect(rest(walkOf(state, { roots: ["/"], depthMax, after: path }))).toEqual(
            whole.slice(index + 1),
          );
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("a walk goes on after a znode that is gone, at its place", () => {
  const state = stateWith("/a/b", "/a/c/d", "/a/e");
  execute(state, remove("/a/c"), { timeMs: 1 });
  const walk = walkOf(state, { roots: ["/a"], depthMax: everything, after: "/a/c/d" });
  expect(paths(rest(walk))).toEqual(["/a/e"]);
});

test("a walk of the children whose names begin alike holds and meets no others", () => {
  const state = stateWith("/p/a", "/p/b", "/p/b1", "/p/b2/x", "/p/c");
  const walk = walkOf(state, { roots: ["/p"], depthMax: 1, prefix: "b" });
  for (const path of ["/p/a", "/p/c", "/p/b2/x"]) execute(state, set(path, "new"), { timeMs: 1 });
  expect(walk.keptBytes).toBe(0);
  execute(state, remove("/p/b1"), { timeMs: 1 });
  expect(paths(rest(walk))).toEqual(["/p", "/p/b", "/p/b1", "/p/b2"]);
  const later = walkOf(state, { roots: ["/p"], depthMax: 1, prefix: "b", after: "/p/a" });
  expect(paths(rest(later))).toEqual(["/p/b", "/p/b2"]);
});

test("nothing is held of what is written where the walk has been, or beside it", () => {
  const state = stateWith("/a/b", "/a/c", "/z");
  const walk = walkOf(state, { roots: ["/a"], depthMax: everything });
  expect([walk.next()?.path, walk.next()?.path]).toEqual(["/a", "/a/b"]);
  for (const command of [set("/a/b", "new"), set("/z", "new"), create("/a/b/x"), remove("/a/b")]) {
    execute(state, command, { timeMs: 1 });
  }
  expect(walk.keptBytes).toBe(0);
  execute(state, set("/a/c", "new"), { timeMs: 1 });
  expect(walk.keptBytes).toBeGreaterThan(0);
  expect(new TextDecoder().decode(walk.next()?.data)).toBe("in /a/c");
  expect(walk.keptBytes).toBe(0);
});

test("a walk that was ended holds nothing, meets nothing and hears of nothing", () => {
  const state = stateWith("/a/b", "/a/c");
  const walk = walkOf(state, { roots: ["/a"], depthMax: everything });
  walk.next();
  execute(state, set("/a/c", "new"), { timeMs: 1 });
  walk.end();
  execute(state, set("/a/b", "new"), { timeMs: 1 });
  expect(walk.keptBytes).toBe(0);
  expect(walk.next()).toBeUndefined();
});

test("a walk that would hold more than its bound lets go of it all, and says so", () => {
  const state = stateWith("/a/b", "/a/c");
  const walk = walkOf(state, { roots: ["/a"], depthMax: everything, keptBytesMax: 300 });
  execute(state, set("/a/b", "new"), { timeMs: 1 });
  expect([walk.isOverrun, walk.keptBytes > 0]).toEqual([false, true]);
  execute(state, set("/a/c", "new"), { timeMs: 1 });
  expect([walk.isOverrun, walk.keptBytes]).toEqual([true, 0]);
  expect(() => walk.next()).toThrow();
});
