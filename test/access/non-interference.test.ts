// Non-interference: of two worlds that differ only in what somebody may not read, that one is told the same in both
// (docs/decisions/0036), in statuses, headers, bodies, events and when an answer wakes up. Each channel that could tell is
// an example; random policies, trees and requests look for those that nobody thought of.

import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Rule } from "../../src/core/access/policy.ts";
import { rounds } from "../support/effort.ts";
import { type Channel, channels, everything } from "./channels.ts";
import { plantedLeaks } from "./planted-leaks.ts";
import { LeakError, play, scenarioArbitrary } from "./scenario.ts";
import { type Told, TwoStreams, TwoWorlds } from "./worlds.ts";

const seed = Number(process.env.SEED ?? 20_261_128);

/** So many scenarios find each of the planted leaks, wherever they begin. */
const plantedRunsMax = 40;

/** All that the caller is told by what the channel has it ask, in either world. */
async function toldBy(channel: Channel, rules: readonly Rule[]): Promise<readonly (readonly [Told, Told])[]> {
  const { differ, asks = [], streams = [], waits = [], meanwhile: [inA, inB] = [null, null] } = channel;
  const worlds = await TwoWorlds.open(rules);
  const told: (readonly [Told, Told])[] = [];
  const named = (what: string, [a, b]: readonly [Told, Told]) =>
    told.push([`${what}\n${a}`, `${what}\n${b}`]);
  try {
    await differ(worlds);
    for (const asked of asks) named(`${asked.method} ${asked.url}`, await worlds.ask(asked));
    for (const asked of waits)
      named(`${asked.method} ${asked.url}`, await worlds.askMeanwhile(asked, inA, inB));
    const open: TwoStreams[] = [];
    for (const asked of streams) open.push(await TwoStreams.open(worlds, asked));
    if (streams.length > 0) await worlds.differ(inA, inB);
    await worlds.close();
    for (const [index, stream] of open.entries()) named(`${streams[index]?.url}`, await stream.told());
    return told;
  } finally {
    await worlds.close();
  }
}

describe.for(channels)("$name", (channel) => {
  test("tells nothing to whoever may not read it", async () => {
    const told = await toldBy(channel, channel.rules);
    expect(told.filter(([a, b]) => a !== b)).toEqual([]);
  });

  if (channel.isToldToNobody !== true)
    test("tells it to whoever may", async () => {
      const told = await toldBy(channel, [everything]);
      expect(told.filter(([a, b]) => a !== b)).not.toEqual([]);
    });
});

test("whatever somebody asks, in whatever trees and by whatever policies, tells nothing of what they may not read", async () => {
  await fc.assert(fc.asyncProperty(scenarioArbitrary, play), {
    seed,
    numRuns: Number(process.env.RUNS ?? rounds({ usual: 6, full: 150 })),
  });
});

describe("leaks as they are made are found", () => {
  afterEach(() => vi.restoreAllMocks());

  for (const { name, channel, plant } of plantedLeaks)
    test(`${name}: by the example of its channel`, async () => {
      plant();
      const example = channels.find((each) => each.name === channel) as Channel;
      const told = await toldBy(example, example.rules);
      expect(told.filter(([a, b]) => a !== b)).not.toEqual([]);
    });

  for (const { name, seed: leakSeed, plant } of plantedLeaks)
    if (leakSeed !== undefined)
      test(`${name}: by what is asked at random`, async () => {
        plant();
        const property = fc.asyncProperty(scenarioArbitrary, play);
        const bounds = { seed: leakSeed, numRuns: plantedRunsMax, endOnFailure: true };
        expect((await fc.check(property, bounds)).errorInstance).toBeInstanceOf(LeakError);
      });
});
