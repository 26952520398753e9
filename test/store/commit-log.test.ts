// The logs of one machine, and the one in memory that several servers share.

import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type LogState, OutcomeUnknownError } from "../../src/store/commit-log.ts";
import { memoryHome, sharedHome, sqliteHome } from "./log-homes.ts";
import { bytes, describeLog, listen, lsnsOf, open, placeOf, texts } from "./log-suite.ts";

describeLog("memory", memoryHome);
describeLog("shared", sharedHome);
describeLog("sqlite", sqliteHome);

describe.each([
  { kind: "memory", home: memoryHome },
  { kind: "shared", home: sharedHome },
])("the $kind log, when nobody answers for it", ({ home }) => {
  async function openRemote() {
    const place = placeOf(home);
    const { log, close } = await open(place);
    const states: LogState["state"][] = [];
    log.onState(({ state }) => states.push(state));
    return { place, log, close, states };
  }

  /** Whether it has settled by the time that everything has that can. */
  async function isPending(promise: Promise<unknown>): Promise<boolean> {
    let pending = true;
    promise.then(
      () => {
        pending = false;
      },
      () => {
        pending = false;
      },
    );
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    return pending;
  }

  test("says that it is suspended, keeps what was sent, and has it once when it is connected again", async () => {
    const { place, log, states } = await openRemote();
    const told = listen(log);
    await log.append(1, bytes("a"));
    place.cutOff("no quorum");
    const appends = [log.append(2, bytes("b")), log.append(3, bytes("c")), log.append(2, bytes("b"))];
    expect(await isPending(Promise.race(appends))).toBe(true);
    expect([states, lsnsOf(told)]).toEqual([["suspended"], [1]]);
    place.connect();
    expect(await Promise.all(appends)).toEqual([2, 3, 2]);
    expect(states).toEqual(["suspended", "connected"]);
    expect(texts(told)).toEqual(["1:1:a", "2:2:b", "3:3:c"]);
  });

  test("says where it ends only when it is connected again", async () => {
    const { place, log } = await openRemote();
    place.cutOff("no quorum");
    const tail = log.tail();
    expect(await isPending(tail)).toBe(true);
    place.connect();
    expect(await tail).toBe(0);
  });

  test("hands a follower what came meanwhile, once it is connected again", async () => {
    const { place, log } = await openRemote();
    for (let seq = 1; seq <= 3; seq += 1) await log.append(seq, bytes("x"));
    place.cutOff("no quorum");
    const told = listen(log);
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    expect(told).toEqual([]);
    place.connect();
    await expect.poll(() => lsnsOf(told)).toEqual([1, 2, 3]);
  });

  test("can be closed all the same: what was sent may be in it or not", async () => {
    const { place, log, close } = await openRemote();
    place.cutOff("no quorum");
    const append = log.append(1, bytes("x"));
    append.catch(() => {});
    await close();
    await expect(append).rejects.toBeInstanceOf(OutcomeUnknownError);
  });
});
