// The check of a whole state finds what it is there for: each kind of fault, in a state that is otherwise
// sound.

import { expect, test } from "vitest";
import { checkState } from "../../src/core/check.ts";
import { attemptsMax } from "../../src/core/coordination/attempts.ts";
import { execute } from "../../src/core/execute.ts";
import type { Quota } from "../../src/core/quotas/quota.ts";
import { State } from "../../src/core/state.ts";
import { emptyData, type Znode } from "../../src/core/tree/znode.ts";

const sessionId = "0000000000000001";

/** A session, /p and its ephemeral child /p/e. */
function soundState(): State {
  const state = State.fresh();
  const open = { type: "openSession", sessionId, tokenHash: "", timeoutMs: 1000, name: "" } as const;
  execute(state, open, { timeMs: 1 });
  const create = { type: "create", data: emptyData } as const;
  execute(state, { ...create, path: "/p", mode: { kind: "persistent", sequential: false } }, { timeMs: 2 });
  execute(
    state,
    { ...create, path: "/p/", mode: { kind: "ephemeral", sequential: true }, sessionId },
    { timeMs: 3 },
  );
  return state;
}

function znodeAt(state: State, path: string): Znode {
  return state.tree.get(path) as Znode;
}

const child = "/p/0000000000";

test("a state made by commands is sound", () => {
  expect(checkState(State.fresh())).toEqual([]);
  expect(checkState(soundState())).toEqual([]);
});

test.each<{ fault: RegExp; path: string; change: Partial<Znode> }>([
  { fault: /^\/p: has 1 children, says 2/, path: "/p", change: { numChildren: 2 } },
  { fault: /id 99 was not given out yet/, path: child, change: { id: 99 } },
  { fault: /is older than its parent/, path: child, change: { id: 0 } },
  { fault: /more children than were ever created/, path: "/p", change: { cversion: 0 } },
  { fault: /zxid 4 out of range/, path: "/p", change: { mzxid: 4 } },
  { fault: /zxid 1 out of range/, path: "/p", change: { pzxid: 1 } },
  { fault: /its parent is ephemeral/, path: "/p", change: { ephemeralOwner: sessionId } },
  { fault: /its parent's pzxid is before its creation/, path: "/p", change: { pzxid: 2 } },
  { fault: /its number can come again/, path: "/p", change: { nextSequence: 0 } },
  { fault: /its session is gone/, path: child, change: { ephemeralOwner: "00000000000000ff" } },
  { fault: /is not listed under its session/, path: "/p", change: { ephemeralOwner: sessionId } },
  { fault: /lists \/p\/0000000000, which it does not own/, path: child, change: { ephemeralOwner: null } },
])("finds $fault", ({ fault, path, change }) => {
  const state = soundState();
  state.tree.replace({ ...znodeAt(state, path), ...change });
  expect(checkState(state).join("\n")).toMatch(fault);
});

test.each<{ fault: string; quota: Partial<Quota> }>([
  { fault: "quota of /p: counts 3 znodes of 2", quota: { count: 3 } },
  { fault: "quota of /p: counts 1 bytes of 0", quota: { bytes: 1 } },
  { fault: "quota of /gone: is on no znode that can have one", quota: { path: "/gone" } },
  { fault: "quota of /: is on no znode that can have one", quota: { path: "/" } },
])("finds $fault", ({ fault, quota }) => {
  const state = soundState();
  state.quotas.put({ path: "/p", limits: { countHard: 1 }, count: 2, bytes: 0, ...quota });
  expect(checkState(state)).toEqual([fault]);
});

test("finds a quota below another", () => {
  const state = soundState();
  for (const path of ["/p", child]) state.restoreQuota({ path, limits: { countHard: 1 } });
  expect(checkState(state)).toEqual([`quota of ${child}: stands below another`]);
});

test("finds a znode without a parent", () => {
  const state = soundState();
  state.tree.remove("/p");
  expect(checkState(state)).toContain(`${child}: has no parent`);
  expect(checkState(state)).toContain("a znode cannot be reached from the root");
});

test("finds a znode with a TTL or a container that no sweep would look at, and one that sweeps should not", () => {
  const state = soundState();
  const [parent, ephemeral] = [znodeAt(state, "/p"), znodeAt(state, child)];
  for (const change of [{ ttlMs: 5 }, { container: true }]) {
    state.tree.replace({ ...parent, ...change, writtenRanMs: 0 });
    expect(checkState(state)).toEqual(["/p: no sweep would look at it"]);
  }
  state.tree.replace(parent);
  state.restoreZnode({ ...ephemeral, id: 3, path: "/p/t", ephemeralOwner: null, ttlMs: 5 });
  state.tree.remove("/p/t");
  expect(checkState(state)).toEqual(["sweeps would look at /p/t, which stays until it is deleted"]);
});

test("finds what has no beginning to its age, and what began in a time to come", () => {
  const state = soundState();
  state.restoreZnode({
    ...znodeAt(state, child),
    id: 3,
    path: "/p/t",
    ephemeralOwner: null,
    container: true,
  });
  expect(checkState(state)).toContain("/p/t: its age counts from nowhere");
  state.tree.replace({ ...znodeAt(state, "/p/t"), writtenRanMs: 1 });
  expect(checkState(state)).toContain("/p/t: was written in a time to come");
});

test("finds a znode that is for requests and is no place, and a place that is for none, or for too many", () => {
  const state = soundState();
  const [parent, place] = [znodeAt(state, "/p"), znodeAt(state, child)];
  state.tree.replace({ ...parent, attempts: ["a"] });
  expect(checkState(state)).toEqual(["/p: is no session's, and is for requests"]);
  state.tree.replace(parent);
  for (const length of [0, attemptsMax + 1]) {
    state.tree.replace({ ...place, attempts: Array.from({ length }, String) });
    expect(checkState(state)).toEqual([`${child}: is for ${length} requests`]);
  }
  state.tree.replace({ ...place, attempts: ["a"] });
  expect(checkState(state)).toEqual([]);
});

test("finds that there is no root", () => {
  expect(checkState(new State())).toContain("there is no root");
});

test("finds replies out of their order", () => {
  const state = soundState();
  const reply = { scope: "", key: "k1", request: "r", zxid: 2, timeMs: 1, ranMs: 0, outcome: "{}" };
  state.restoreReply(reply);
  expect(checkState(state)).toEqual([]);
  state.restoreReply({ ...reply, key: "k2" });
  state.restoreReply({ ...reply, key: "k3", zxid: 9 });
  expect(checkState(state)).toEqual(["reply at zxid 2: out of order", "reply at zxid 9: out of order"]);
});

test("finds a reply whose place another one has taken", () => {
  const state = soundState();
  const reply = { scope: "", key: "k1", request: "r", zxid: 2, timeMs: 1, ranMs: 0, outcome: "{}" };
  state.restoreReply(reply);
  state.restoreReply({ ...reply, zxid: 3 });
  expect(checkState(state).join("\n")).toMatch(/replies of size 5 are said to have 10/);
});
