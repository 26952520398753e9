// A store that was put back to an earlier moment: where its numbers go on, and what of before holds no more.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { validateCommand } from "../../src/core/commands.ts";
import { Digest } from "../../src/core/digest.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { execute } from "../../src/core/execute.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import {
  countedSequenceMax,
  neverRestored,
  nextNumberOf,
  restoredZxidMax,
  sequencesAheadMax,
  zxidsAheadMax,
} from "../../src/core/restored.ts";
import { endOfSession } from "../../src/core/session-commands.ts";
import { State } from "../../src/core/state.ts";
import { importedNumberMax, sequenceMax } from "../../src/core/tree/sequence.ts";
import { bytes, ephemeral, plain, sequential } from "../support/keeper.ts";

function stateAfter(...commands: Command[]): State {
  const state = State.fresh();
  for (const command of commands) run(state, command);
  return state;
}

function run<C extends Command>(state: State, command: C) {
  return execute(state, command, { timeMs: 7 });
}

const create = (path: string, rest: object = {}): Command => ({
  ...{ type: "create", path, data: bytes(""), mode: plain },
  ...rest,
});
const numbered = (path: string) => create(path, { mode: sequential });
const restore = (id = "ab", zxidsAhead = 1000, sequencesAhead = 100) =>
  ({ type: "restore", id, zxidsAhead, sequencesAhead }) as const;
const begin = (epoch: string): Command => ({ type: "beginEpoch", epoch });
const open = (sessionId: string): Command => ({
  ...{ type: "openSession", sessionId, tokenHash: "x", timeoutMs: 1000, name: "" },
});

function codeOf(state: State, command: Command): string {
  try {
    run(state, command);
    return "it was done";
  } catch (error) {
    if (error instanceof KeeperError) return error.code;
    throw error;
  }
}

function made(state: State, command: Command): string {
  return (run(state, command).commit.outcome as { path: string }).path;
}

describe("a restore", () => {
  test("puts the zxid forward, begins an epoch of its own, and tells watchers of nothing", () => {
    const state = stateAfter(begin("aa"), create("/a"), create("/b"));
    const { commit, txn } = run(state, restore());
    expect(commit).toEqual({ zxid: 1002, outcome: { id: "ab", zxid: 1002, sequenceFloor: 102 } });
    expect(txn).toMatchObject({ zxid: 1002, changes: [{ type: "restored", before: neverRestored }] });
    expect([state.zxid, state.restored.zxid]).toEqual([1002, 1002]);
    expect([2, 3, 500, 1002, 1003].map((zxid) => state.epochs.stampOf(zxid))).toEqual([
      ...["2.aa", "3.ab", "500.ab", "1002.ab", "1003.ab"],
    ]);
    expect(run(state, create("/c")).commit.zxid).toBe(1003);
    expect(checkState(state)).toEqual([]);
  });

  test("told again changes nothing, and another one goes on from there", () => {
    const state = stateAfter(create("/a"), restore());
    const digest = Digest.of(state).toString();
    expect(run(state, restore())).toMatchObject({
      txn: null,
      notes: [],
      commit: { outcome: state.restored },
    });
    expect(Digest.of(state).toString()).toBe(digest);
    run(state, restore("cd", 10, 5));
    expect(state.restored).toEqual({ id: "cd", zxid: 1011, sequenceFloor: 106 });
    expect(Digest.of(state).toString()).not.toBe(digest);
    expect(checkState(state)).toEqual([]);
  });

  test("is in the digest, with all that follows from it", () => {
    const digests = [restore(), restore("cd"), restore("ab", 1001), restore("ab", 1000, 101)].map((one) =>
      Digest.of(stateAfter(create("/a"), one)).toString(),
    );
    expect(new Set(digests).size).toBe(4);
  });

  test("is done alike by whoever replays it", () => {
    const commands = [begin("aa"), create("/q"), numbered("/q/n-"), restore(), numbered("/q/n-"), open("1")];
    const [one, other] = [stateAfter(...commands), stateAfter(...commands)];
    expect(Digest.of(one).toString()).toBe(Digest.of(other).toString());
    expect([one.zxid, one.restored]).toEqual([other.zxid, other.restored]);
  });

  test("leaves sessions to commands of their own, which are of transactions behind it", () => {
    const state = stateAfter(open("1"), create("/e", { mode: ephemeral, sessionId: "1" }), restore());
    expect([state.sessionCount, state.tree.get("/e")?.czxid]).toEqual([1, 2]);
    run(state, { type: "closeSession", sessionId: "1", reason: "session_expired" });
    expect([state.sessionCount, state.zxid]).toEqual([0, 1003]);
    expect(checkState(state)).toEqual([]);
  });

  test("is the service's own, and so are the ends of sessions, where access control is on", () => {
    const state = stateAfter(open("1"), { type: "turnOnAccess", principal: "system" } as Command);
    run(state, restore());
    run(state, endOfSession("1"));
    expect([state.restored.id, state.sessionCount]).toEqual(["ab", 0]);
  });

  test.for([
    [{ zxidsAhead: 0 }],
    [{ zxidsAhead: zxidsAheadMax + 1 }],
    [{ sequencesAhead: 0 }],
    [{ sequencesAhead: 1.5 }],
    [{ sequencesAhead: sequencesAheadMax + 1 }],
    [{ id: "" }],
    [{ id: "XY" }],
  ])("is refused when it is malformed: %j", ([wrong]) => {
    expect(() => validateCommand({ ...restore(), ...wrong }, defaultLimits)).toThrow(KeeperError);
  });

  test("is refused where too few zxids would be left, and changes nothing", () => {
    const state = stateAfter(create("/a"), restore("ab", zxidsAheadMax));
    run(state, restore("cd", zxidsAheadMax - 1));
    const digest = Digest.of(state).toString();
    expect(state.zxid).toBe(restoredZxidMax);
    expect(codeOf(state, restore("ef", 1))).toBe("bad_request");
    expect([state.zxid, Digest.of(state).toString()]).toEqual([restoredZxidMax, digest]);
    expect(checkState(state)).toEqual([]);
  });
});

describe("numbers in names after a restore", () => {
  test("begin above the highest there is, under every parent, one made since included [Q4, Q6]", () => {
    const state = stateAfter(create("/far"), create("/near"), create("/near/x"));
    for (let count = 0; count < 7; count += 1) run(state, numbered("/far/n-"));
    run(state, restore());
    expect(made(state, numbered("/near/n-"))).toBe("/near/n-0000000107");
    expect(made(state, numbered("/near/n-"))).toBe("/near/n-0000000108");
    expect(made(state, numbered("/far/n-"))).toBe("/far/n-0000000107");
    run(state, create("/new"));
    expect(made(state, numbered("/new/n-"))).toBe("/new/n-0000000107");
    expect(checkState(state)).toEqual([]);
  });

  test("go on above what other children have moved the counter to", () => {
    const state = stateAfter(create("/q"), restore("ab", 1000, 1), create("/q/a"), create("/q/b"));
    expect(state.restored.sequenceFloor).toBe(2);
    expect(made(state, numbered("/q/"))).toBe("/q/0000000002");
    run(state, create("/q/c"));
    expect(made(state, numbered("/q/"))).toBe("/q/0000000004");
  });

  test("jump again with each restore, whatever was made in between", () => {
    const state = stateAfter(create("/q"), restore(), restore("cd"), create("/p"));
    expect(made(state, numbered("/p/"))).toBe("/p/0000000201");
  });

  test("are none under a parent of before that has counted to the end, and none else is kept from its own", () => {
    const far = {
      ...{ path: "/far", data: bytes(""), mode: plain, sequence: null },
      nextSequence: importedNumberMax,
    };
    const znodes = [far];
    const state = stateAfter({ type: "import", onConflict: "fail", znodes }, restore("ab", 10, 100));
    // An import brings no more than the floor can be put above.
    expect(state.restored.sequenceFloor).toBe(importedNumberMax + 100);
    const parent = { czxid: 1, nextSequence: countedSequenceMax + 1 };
    expect(nextNumberOf(parent, state.restored)).toBe(sequenceMax + 1);
    expect(nextNumberOf({ ...parent, czxid: state.zxid + 1 }, state.restored)).toBe(countedSequenceMax + 1);
    expect(nextNumberOf(parent, neverRestored)).toBe(countedSequenceMax + 1);
    run(state, create("/p"));
    expect(made(state, numbered("/p/"))).toBe(`/p/${importedNumberMax + 100}`);
  });

  test("none that a lost time may have given comes again, whatever was done in it [Q4]", () => {
    const step = fc.constantFrom("/p", "/q", "/p/", "/q/", "/q/x");
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.array(step, { maxLength: 20 }),
        fc.array(step, { maxLength: 20 }),
        (common, lost, here) => {
          const lostState = State.fresh();
          const state = State.fresh();
          const given = new Set<string>();
          const doAll = (on: State, steps: readonly string[], note: (made: string, zxid: number) => void) => {
            for (const path of steps) {
              const command = path.endsWith("/") ? numbered(path) : create(path);
              if (codeOf(on, command) === "it was done")
                note([...on.tree.values()].find(({ czxid }) => czxid === on.zxid)?.path ?? "", on.zxid);
            }
          };
          const numbersOf = (path: string) => /\d{10,}$/.test(path) && given.add(path);
          doAll(lostState, [...common, ...lost], (path, zxid) => {
            numbersOf(path);
            given.add(String(zxid));
          });
          doAll(state, common, () => {});
          run(state, restore("ab", 1000, 1000));
          doAll(state, here, (path, zxid) => {
            if (/\d{10,}$/.test(path)) expect(given.has(path)).toBe(false);
            expect(given.has(String(zxid))).toBe(false);
          });
          expect(checkState(state)).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("what clients hold of before a restore", () => {
  const set = (czxid: number, epoch?: string): Command => ({
    ...{ type: "setData", path: "/a", data: bytes("late") },
    fences: [{ path: "/leader", czxid, ...(epoch !== undefined && { epoch }) }],
  });

  test("is no fence that holds, also where its znode is still there, by its number alone or with its epoch [G11]", () => {
    const state = stateAfter(begin("aa"), create("/a"), create("/leader"));
    expect(codeOf(state, set(2, "aa"))).toBe("it was done");
    run(state, restore());
    for (const fence of [set(2, "aa"), set(2), set(4, "aa"), set(500)])
      expect(codeOf(state, fence)).toBe("fence_stale");
    run(state, { type: "delete", path: "/leader" });
    run(state, create("/leader"));
    expect(codeOf(state, set(state.zxid))).toBe("it was done");
  });

  test("are ETags, which hold as far as the common past goes", () => {
    const tag = (version: number, epoch: string): Command => ({
      ...{ type: "setData", path: "/a", data: bytes("x") },
      ifMatch: [{ czxid: 1, version, epoch }],
    });
    const state = stateAfter(begin("aa"), create("/a"), restore());
    expect(codeOf(state, tag(0, "bb"))).toBe("bad_version");
    expect(codeOf(state, tag(0, "aa"))).toBe("it was done");
    // Version 1 may have been written with another value in the time that is lost.
    expect(codeOf(state, tag(1, "aa"))).toBe("bad_version");
    expect(codeOf(state, tag(1, "ab"))).toBe("it was done");
  });

  test("are kept answers, which are of the common past", () => {
    const idempotency = { key: "k", request: "r", ageMsMax: 1000, keysMax: 10, bytesMax: 1000 };
    const keyed = create("/a", { idempotency });
    const state = stateAfter(keyed, restore());
    expect(run(state, keyed).commit).toMatchObject({ zxid: 1, replayed: true });
  });

  test("is a claim that was lost, whose release is nothing to do", () => {
    const state = stateAfter(create("/locks"), create("/locks/l"), restore());
    const release = (id: string): Command =>
      ({ type: "releaseClaim", name: "l", id, sessionId: "1" }) as Command;
    run(state, open("1"));
    expect(codeOf(state, release("x-0000000042"))).toBe("it was done");
    expect(codeOf(state, release("x-0000009999"))).toBe("no_claim");
  });
});
