// Epochs: of which past of the store a zxid is, and what is refused that is of another.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { Digest } from "../../src/core/digest.ts";
import { type Epoch, Epochs, epochsMax, parseStamp, stampText } from "../../src/core/epochs.ts";
import { execute } from "../../src/core/execute.ts";
import { State } from "../../src/core/state.ts";
import { bytes, plain } from "../support/keeper.ts";

/** A state that was done to what each of the writers asked, from one start to the next. */
function stateAfter(...commands: Command[]): State {
  const state = State.fresh();
  for (const command of commands) run(state, command);
  return state;
}

function run(state: State, command: Command) {
  return execute(state, command, { timeMs: 7 });
}

const begin = (epoch: string): Command => ({ type: "beginEpoch", epoch });
const create = (path: string): Command => ({ type: "create", path, data: bytes(""), mode: plain });
const set = (path: string, data: string, rest = {}): Command => ({
  ...{ type: "setData", path, data: bytes(data) },
  ...rest,
});

function refusalOf(state: State, command: Command) {
  try {
    run(state, command);
  } catch (error) {
    return error;
  }
  return "it was done";
}

describe("a zxid belongs to the epoch it was given out in", () => {
  test("whatever epochs there are, each begins where the one before it ends", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 40 });
    fc.assert(
      fc.property(gaps, fc.nat(220), (lengths, zxid) => {
        const epochs = new Epochs();
        const begun: Epoch[] = [];
        let firstZxid = 0;
        for (const [index, length] of lengths.entries()) {
          firstZxid += length;
          begun.push({ id: index.toString(16), firstZxid });
          epochs.begin(begun.at(-1) as Epoch);
        }
        const expected = begun.findLast((epoch) => epoch.firstZxid <= zxid)?.id ?? "";
        expect(epochs.idAt(zxid)).toBe(expected);
        expect(epochs.stampOf(zxid)).toBe(stampText({ zxid, epoch: expected }));
        expect(parseStamp(epochs.stampOf(zxid))).toEqual({
          zxid,
          ...(expected !== "" && { epoch: expected }),
        });
        expect([...epochs]).toEqual(begun.map((epoch) => expect.objectContaining(epoch)));
      }),
    );
  });

  test("what was written before there were epochs has none, and is shown as a plain number", () => {
    const state = stateAfter(create("/a"), begin("aa"), create("/b"));
    expect([0, 1, 2, 3].map((zxid) => state.epochs.stampOf(zxid))).toEqual(["0", "1", "2.aa", "3.aa"]);
  });

  test("is a safe integer, however large the form lets it be", () => {
    expect(parseStamp("8999999999999999.b")).toEqual({ zxid: 8_999_999_999_999_999, epoch: "b" });
  });

  test("what is no id that was given out is read as none", () => {
    for (const text of ["", "x", "1.", ".aa", "1.AA", "1.aa.bb", "-1", "1 ", "9000000000000000", "1.g"])
      expect(parseStamp(text), text).toBeNull();
  });
});

describe("the beginning of an epoch", () => {
  test("takes no zxid and is told to nobody: clients can see nothing of it", () => {
    const state = stateAfter(create("/a"));
    const epoch = { id: "aa", firstZxid: 2 };
    expect(run(state, begin("aa"))).toEqual({
      commit: { zxid: 1, outcome: { epoch } },
      txn: null,
      notes: [{ type: "epochBegun", epoch, before: null }],
    });
    expect(state.zxid).toBe(1);
  });

  test("told again changes nothing", () => {
    const state = stateAfter(begin("aa"), create("/a"));
    const digest = Digest.of(state).toString();
    expect(run(state, begin("aa")).notes).toEqual([]);
    expect([[...state.epochs].length, Digest.of(state).toString()]).toEqual([1, digest]);
  });

  test("takes the place of one in which nothing was written, so that idle starts leave nothing behind", () => {
    const state = stateAfter(begin("aa"), begin("bb"), create("/a"), begin("cc"), begin("dd"));
    expect([...state.epochs].map(({ id, firstZxid }) => [id, firstZxid])).toEqual([
      ["bb", 1],
      ["dd", 2],
    ]);
    expect(checkState(state)).toEqual([]);
  });

  test("forgets the oldest when there are too many, whose zxids then belong to none", () => {
    const state = State.fresh();
    for (let start = 1; start <= epochsMax + 1; start += 1) {
      run(state, begin(start.toString(16)));
      run(state, set("/", ""));
    }
    expect(state.epochs.count).toBe(epochsMax);
    expect([1, 2].map((zxid) => state.epochs.stampOf(zxid))).toEqual(["1", "2.2"]);
    expect(checkState(state)).toEqual([]);
    const { czxid, version } = { czxid: 0, version: epochsMax + 1 };
    expect(refusalOf(state, set("/", "", { ifMatch: [{ czxid, version, epoch: "1" }] }))).toMatchObject({
      code: "bad_version",
      details: { unknownPast: true },
    });
  });

  test("is part of the digest, and a state without epochs has the digest it always had", () => {
    const before = Digest.of(stateAfter(create("/a"))).toString();
    const digest = Digest.of(stateAfter(create("/a"), begin("aa")));
    expect(digest.toString()).not.toBe(before);
    digest.removeEpoch({ id: "aa", firstZxid: 2 });
    expect(digest.toString()).toBe(before);
  });
});

/** Two pasts that have the first epoch in common: in each, the same numbers were given out again. */
function twoPasts(): [State, State] {
  const common = [begin("aa"), create("/a")];
  const lost = stateAfter(...common, begin("bb"), set("/a", "lost"), create("/b"));
  const here = stateAfter(...common, begin("cc"), set("/a", "here"), create("/b"));
  return [lost, here];
}

describe("where a store was rolled back and the same numbers came again", () => {
  test("a fence of the past that was lost does not hold, and one of this past does", () => {
    const [lost, here] = twoPasts();
    const fence = { path: "/b", czxid: 3 };
    expect(lost.tree.get("/b")?.czxid).toBe(here.tree.get("/b")?.czxid);
    expect(refusalOf(here, set("/a", "x", { fences: [{ ...fence, epoch: "bb" }] }))).toMatchObject({
      code: "fence_stale",
      details: { path: "/b", unknownPast: true },
    });
    expect(refusalOf(here, set("/a", "x", { fences: [{ ...fence, epoch: "cc" }] }))).toBe("it was done");
  });

  test("a fence of what both pasts have in common holds in either", () => {
    for (const state of twoPasts()) {
      const fences = [{ path: "/a", czxid: 1, epoch: "aa" }];
      expect(refusalOf(state, set("/a", "x", { fences }))).toBe("it was done");
    }
  });

  test("a fence beyond the end that its epoch has here does not hold: the copy was made while it was written", () => {
    const here = stateAfter(begin("aa"), create("/a"), begin("cc"), create("/b"));
    const fences = [{ path: "/b", czxid: 2, epoch: "aa" }];
    expect(refusalOf(here, set("/a", "x", { fences }))).toMatchObject({
      code: "fence_stale",
      details: { unknownPast: true },
    });
  });

  test("a fence as people write it is compared by its number alone", () => {
    const [, here] = twoPasts();
    expect(refusalOf(here, set("/a", "x", { fences: [{ path: "/b", czxid: 3 }] }))).toBe("it was done");
  });

  test("a tag names the value that its epoch wrote, and not another of the same version", () => {
    const [, here] = twoPasts();
    const tag = { czxid: 1, version: 1 };
    const ofLost = set("/a", "x", { ifMatch: [{ ...tag, epoch: "bb" }] });
    expect(refusalOf(here, ofLost)).toMatchObject({ code: "bad_version", details: { unknownPast: true } });
    const ofCommon = set("/a", "x", { ifMatch: [{ ...tag, epoch: "aa" }] });
    expect(refusalOf(here, ofCommon)).toMatchObject({ code: "bad_version" });
    expect(refusalOf(here, set("/a", "x", { ifMatch: [{ ...tag, epoch: "cc" }] }))).toBe("it was done");
    expect(here.tree.get("/a")?.version).toBe(2);
  });

  test("a tag that is merely old is not taken for one of another past", () => {
    const [, here] = twoPasts();
    const old = set("/a", "x", { ifMatch: [{ czxid: 1, version: 0, epoch: "aa" }] });
    const refusal = refusalOf(here, old) as { details: object };
    expect(refusal).toMatchObject({ code: "bad_version" });
    expect(refusal.details).not.toHaveProperty("unknownPast");
  });
});
