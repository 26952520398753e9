// Non-interference by example: of two worlds that differ only in what somebody may not read, that one is told the same in
// both (docs/decisions/0036), in statuses, headers, bodies, events and when an answer wakes up. Each channel that could tell
// is a row. What is asked at random stands in `non-interference.access.ts`.

import { afterEach, describe, expect, test, vi } from "vitest";
import { type Channel, channels, everything } from "./channels.ts";
import { plantedLeaks } from "./planted-leaks.ts";
import { toldBy } from "./told-by.ts";

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

describe("leaks as they are made are found", () => {
  afterEach(() => vi.restoreAllMocks());

  for (const { name, channel, plant } of plantedLeaks)
    test(`${name}: by the example of its channel`, async () => {
      plant();
      const example = channels.find((each) => each.name === channel) as Channel;
      const told = await toldBy(example, example.rules);
      expect(told.filter(([a, b]) => a !== b)).not.toEqual([]);
    });
});
